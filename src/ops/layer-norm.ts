import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/**
 * Layer norm over the last axis (channels): (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the biased variance.
 * x: [..., c]; gamma, beta: [c]. Kernel: `ConvNextV2LayerNorm` { x, gamma, beta }, { epsilon }.
 */
export function layerNorm<T extends tf.Tensor>(x: T, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): T {
  return runOp('ConvNextV2LayerNorm', { x, gamma, beta }, { epsilon }, () => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), gamma), beta);
  });
}
