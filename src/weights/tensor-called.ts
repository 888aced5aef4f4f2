import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/**
 * What a checkpoint has under the name of a tensor that is to be read. Throws E_ARGUMENT where it has none of this name,
 * E_WEIGHTS where it is unreadable.
 */
export function tensorCalled<T extends object>(
  name: string,
  tensors: ReadonlyMap<string, T>,
  path: string,
): Exclude<T, { readonly unreadable: string }> {
  const found = tensors.get(name);
  if (found === undefined) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path,
      wanted: 'the name of a tensor in it',
      got: show(name),
      suggestion: didYouMean(name, [...tensors.keys()]),
    });
  }
  if (isReadable(found)) return found;
  const { unreadable } = found as { readonly unreadable?: string };
  throw new ConvNextV2Error('E_WEIGHTS', {
    path: `${path}: ${show(name)}`,
    wanted: 'a tensor that can be read',
    got: String(unreadable),
  });
}

function isReadable<T extends object>(found: T): found is Exclude<T, { readonly unreadable: string }> {
  return (found as { readonly unreadable?: string }).unreadable === undefined;
}
