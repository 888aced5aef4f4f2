import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/** In the denominator of the channels' mean (ConvNeXt V2's GRN); the norm itself has none. */
const EPSILON = 1e-6;

/**
 * Global response normalisation (ConvNeXt V2, section 3.2), per picture: each channel's norm over the map, divided by the
 * mean of all channels' norms, calibrates that channel: gamma * (x * Nx) + beta + x.
 * x: [n, h, w, c]; gamma, beta: [c]. Kernels: `ConvNextV2GlobalResponseNorm` { x, gamma, beta } and
 * `ConvNextV2GlobalResponseNormGrad` { x, gamma, dy } to [dx, dgamma, dbeta].
 */
export function globalResponseNorm(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor4D {
  const norm = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as unknown as [tf.Tensor4D, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, gamma]);
    return {
      value: runOp('ConvNextV2GlobalResponseNorm', { x, gamma, beta }, {}, () => {
        const { nx } = responses(x);
        return tf.add(tf.add(tf.mul(gamma, tf.mul(x, nx)), beta), x);
      }),
      gradFunc: (dy: tf.Tensor, [x, gamma]: tf.Tensor[]) =>
        runOp('ConvNextV2GlobalResponseNormGrad', { x, gamma, dy }, {}, () => gradient(x, gamma, dy)),
    };
  });
  return norm(x, gamma, beta) as tf.Tensor4D;
}

/** Each channel's norm over the map Gx [n, 1, 1, c], the mean of all and an epsilon [n, 1, 1, 1], and their quotient Nx. */
function responses(x: tf.Tensor) {
  const gx = tf.sqrt(tf.sum(tf.square(x), [1, 2], true));
  const mean = tf.add(tf.mean(gx, -1, true), EPSILON);
  return { gx, mean, nx: tf.div(gx, mean) };
}

function gradient(x: tf.Tensor, gamma: tf.Tensor, dy: tf.Tensor): tf.Tensor[] {
  const { gx, mean, nx } = responses(x);
  const products = tf.sum(tf.mul(dy, x), [1, 2], true); // of each channel of each picture
  const toNx = tf.mul(gamma, products);
  // Nx = Gx / mean: a norm has its part in its own quotient and, by the mean, in all
  const toGx = tf.sub(tf.div(toNx, mean), tf.div(tf.mean(tf.mul(toNx, gx), -1, true), tf.square(mean)));
  // the gradient of a norm is x / norm, and 0 at an all-zero channel, as PyTorch's
  const throughNorm = tf.mul(x, tf.divNoNan(toGx, gx));
  const dx = tf.add(tf.mul(dy, tf.add(tf.mul(gamma, nx), 1)), throughNorm);
  return [dx, tf.sum(tf.mul(products, nx), [0, 1, 2]), tf.sum(dy, [0, 1, 2])];
}
