import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';

const OPTIONS = ['training', 'seed', 'outputHiddenStates'];

/**
 * What a call was given: a tensor is the first of `inputs`, a list has them in their order, a record has them and
 * the options by name, in either spelling (`pixelValues`, `pixel_values`). null and undefined count as not given.
 * Throws E_ARGUMENT for anything else, an unknown name, one given twice, and without the first input.
 */
export function unpackInputs<Options>(
  input: unknown,
  options: object,
  inputs: readonly string[],
): { readonly pixels: tf.Tensor4D; readonly options: Options } {
  const names = [...inputs, ...OPTIONS];
  const spellings = new Map(names.flatMap((name) => [name, snakeCase(name)].map((spelling) => [spelling, name])));
  const values = new Map<string, unknown>();
  for (const [key, value] of [...entriesOf(input, inputs), ...Object.entries(options)]) {
    const name = spellings.get(key);
    if (name === undefined) refuse(`one of ${names.join(', ')}`, show(key), didYouMean(key, [...spellings.keys()]));
    if (value == null) continue;
    if (values.has(name)) refuse(`${name} once`, 'it twice', 'it has two spellings, and may stand in the options');
    values.set(name, value);
  }
  const { [inputs[0]]: pixels, ...others } = Object.fromEntries(values);
  if (pixels === undefined) refuse(inputs[0], 'none');
  return { pixels: pixels as tf.Tensor4D, options: others as Options };
}

function entriesOf(input: unknown, inputs: readonly string[]): readonly (readonly [string, unknown])[] {
  if (input instanceof tf.Tensor) return [[inputs[0], input]];
  if (Array.isArray(input)) {
    if (input.length <= inputs.length) return input.map((value, i) => [inputs[i], value]);
    refuse(`a list [${inputs.join(', ')}]`, `one of ${input.length}`);
  }
  if (typeof input === 'object' && input !== null) return Object.entries(input);
  return refuse('a tensor, a list of tensors, or a record of them', show(input));
}

/** As the reference spells it: `pixel_values` for `pixelValues`. */
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function refuse(wanted: string, got: string, suggestion?: string): never {
  throw new ConvNextV2Error('E_ARGUMENT', { path: 'call', wanted, got, suggestion });
}
