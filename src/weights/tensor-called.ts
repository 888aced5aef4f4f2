import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/** What a checkpoint has under the name of a tensor. Throws E_ARGUMENT where it has none of this name. */
export function tensorCalled<T>(name: string, tensors: ReadonlyMap<string, T>, path: string): T {
  const found = tensors.get(name);
  if (found !== undefined) return found;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path,
    wanted: 'the name of a tensor in it',
    got: show(name),
    suggestion: didYouMean(name, [...tensors.keys()]),
  });
}
