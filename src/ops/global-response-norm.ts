import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/** In the denominator of the channels' mean (ConvNeXt V2's GRN); the norm itself has none. */
const EPSILON = 1e-6;

/**
 * Global response normalisation (ConvNeXt V2, section 3.2), per picture: each channel's norm over the map, divided by the
 * mean of all channels' norms, calibrates that channel: gamma * (x * Nx) + beta + x.
 * x: [n, h, w, c]; gamma, beta: [c]. Kernel: `ConvNextV2GlobalResponseNorm` { x, gamma, beta }.
 */
export function globalResponseNorm(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor4D {
  return runOp('ConvNextV2GlobalResponseNorm', { x, gamma, beta }, {}, () => {
    const gx = spatialNorm(x);
    const nx = tf.div(gx, tf.add(tf.mean(gx, -1, true), EPSILON));
    return tf.add(tf.add(tf.mul(gamma, tf.mul(x, nx)), beta), x) as tf.Tensor4D;
  });
}

/** The Euclidean norm over height and width: [n, h, w, c] -> [n, 1, 1, c]. Its gradient at an all-zero channel is 0, as PyTorch's. */
const spatialNorm = tf.customGrad((input, save) => {
  const x = input as tf.Tensor4D;
  const norm = tf.sqrt(tf.sum(tf.square(x), [1, 2], true)) as tf.Tensor4D;
  (save as tf.GradSaveFunc)([x, norm]);
  return { value: norm, gradFunc: (dy, [x, norm]) => tf.mul(x, tf.divNoNan(dy, norm)) };
});
