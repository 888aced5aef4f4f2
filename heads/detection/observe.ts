import type * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error } from '../../src/errors.js';

/**
 * Is shown what a model computes on its way, by torchvision's names, as `pyramid.0`, `rpn.objectness.0`, `proposals.0`,
 * `box.logits`: for who compares or debugs. Tensors are freed when the call has returned.
 */
export type Observe = (name: string, value: tf.Tensor | ArrayLike<number>) => void;

/** The values of a tensor, to be found in: throws E_NON_FINITE where one is NaN or Infinity. */
export function finiteValues(name: string, tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync() as Float32Array;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] - values[i]; // 0, or NaN for what is not finite
  if (sum === 0) return values;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new ConvNextV2Error('E_NON_FINITE', {
    path: name,
    wanted: 'finite values',
    got: `${values[at]} at ${at}`,
    suggestion: "the weights or the picture hold NaN or Infinity: see the `nonFinite` of the model's report",
  });
}
