import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/**
 * Layer norm over the last axis (channels): (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the biased variance.
 * x: [..., c]; gamma, beta: [c]. Kernels: `ConvNextV2LayerNorm` { x, gamma, beta } and `ConvNextV2LayerNormGrad`
 * { x, gamma, dy } to [dx, dgamma, dbeta], both with { epsilon }.
 */
export function layerNorm<T extends tf.Tensor>(x: T, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): T {
  const norm = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, gamma]);
    return {
      value: runOp('ConvNextV2LayerNorm', { x, gamma, beta }, { epsilon }, () => {
        const { normed } = normalise(x, epsilon);
        return tf.add(tf.mul(normed, gamma), beta);
      }),
      gradFunc: (dy: tf.Tensor, [x, gamma]: tf.Tensor[]) =>
        runOp('ConvNextV2LayerNormGrad', { x, gamma, dy }, { epsilon }, () => gradient(x, gamma, dy, epsilon)),
    };
  });
  return norm(x, gamma, beta) as T;
}

function normalise(x: tf.Tensor, epsilon: number) {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon));
  return { normed: tf.mul(centred, scale), scale };
}

function gradient(x: tf.Tensor, gamma: tf.Tensor, dy: tf.Tensor, epsilon: number): tf.Tensor[] {
  const { normed, scale } = normalise(x, epsilon);
  const slope = tf.mul(dy, gamma);
  const along = tf.mul(normed, tf.mean(tf.mul(slope, normed), -1, true));
  const dx = tf.mul(tf.sub(tf.sub(slope, tf.mean(slope, -1, true)), along), scale);
  const positions = x.shape.slice(0, -1).map((_, axis) => axis);
  return [dx, tf.sum(tf.mul(dy, normed), positions), tf.sum(dy, positions)];
}
