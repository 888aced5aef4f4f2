import * as tf from '@tensorflow/tfjs-core';

/** What a model gives: tensors by name. */
export type ModelOutput<Fields> = Readonly<Fields> & {
  /** Those that are there, in the reference's order: for who ports from `return_dict=False`. */
  toTuple(): readonly (tf.Tensor | readonly tf.Tensor[])[];
  /** Frees them all. */
  dispose(): void;
};

/** Fields in the order of the reference's tuple; undefined ones are left out of it. */
export function modelOutput<Fields extends object>(fields: Fields): ModelOutput<Fields> {
  // not enumerable: tf.tidy and Object.keys see tensors alone
  return Object.defineProperties({ ...fields } as ModelOutput<Fields>, {
    toTuple: { value: () => Object.values(fields).filter((field) => field !== undefined) },
    dispose: { value: () => tf.dispose(fields as unknown as tf.TensorContainer) },
  });
}

/** tf.tidy for a record of tensors, some of which may be absent: what it holds survives, the rest is freed. */
export function tidyOutput<Output>(run: () => Output): Output {
  return tf.tidy(run as () => tf.TensorContainer) as Output;
}
