import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/**
 * The exact GELU, x * Phi(x) with Phi the normal distribution's function (torch.nn.GELU).
 * Kernels: `ConvNextV2Gelu` { x } and `ConvNextV2GeluGrad` { x, dy }.
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  const exact = tf.customGrad((input, save) => {
    const x = input as tf.Tensor;
    (save as tf.GradSaveFunc)([x]);
    return {
      value: runOp('ConvNextV2Gelu', { x }, {}, () => tf.mul(x, normalCdf(x))),
      gradFunc: (dy, [x]) => runOp('ConvNextV2GeluGrad', { x, dy }, {}, () => tf.mul(dy, geluSlope(x))),
    };
  });
  return exact(x) as T;
}

/** GPT-2's approximation by tanh, the reference's `gelu_new`. */
export function geluNew<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => {
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
    return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
  });
}

const normalCdf = (x: tf.Tensor) => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));

/** The derivative of x * Phi(x): Phi(x) + x * phi(x). */
function geluSlope(x: tf.Tensor): tf.Tensor {
  const density = tf.mul(1 / Math.sqrt(2 * Math.PI), tf.exp(tf.mul(-0.5, tf.square(x))));
  return tf.add(normalCdf(x), tf.mul(x, density));
}
