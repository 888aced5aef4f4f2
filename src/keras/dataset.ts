import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** What `fitDataset` and `evaluateDataset` of a `tf.LayersModel` take. */
export type Dataset = Parameters<LayersModel['evaluateDataset']>[0];

/** A batch: pictures, and what the model is to give for them. Whoever takes it disposes the tensors. */
export interface Batch {
  readonly xs: tf.Tensor;
  readonly ys: tf.Tensor | readonly tf.Tensor[];
}

/** Batches as a data set of tfjs, without the package tfjs-data: `batches` is called once an epoch. */
export function asDataset(batches: () => Iterable<Batch> | AsyncIterable<Batch>): Dataset {
  async function* iterate() {
    yield* batches();
  }
  return { size: Number.NaN, iterator: async () => iterate() };
}
