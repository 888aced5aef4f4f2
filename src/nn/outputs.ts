import * as tf from '@tensorflow/tfjs-core';

/** What a model gives: tensors by name, and those that are there as a tuple, for who ports from `return_dict=False`. */
export type ModelOutput<Fields> = Readonly<Fields> & { toTuple(): readonly (tf.Tensor | readonly tf.Tensor[])[] };

/** Fields in the order of the reference's tuple; undefined ones are left out of it. */
export function modelOutput<Fields extends object>(fields: Fields): ModelOutput<Fields> {
  const tuple = () => Object.values(fields).filter((field) => field !== undefined);
  // not enumerable: tf.tidy and Object.keys see tensors alone
  return Object.defineProperty({ ...fields }, 'toTuple', { value: tuple }) as ModelOutput<Fields>;
}

/** tf.tidy for a record of tensors, some of which may be absent: what it holds survives, the rest is freed. */
export function tidyOutput<Output>(run: () => Output): Output {
  return tf.tidy(run as () => tf.TensorContainer) as Output;
}
