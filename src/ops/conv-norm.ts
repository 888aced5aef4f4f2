import * as tf from '@tensorflow/tfjs-core';
import { convolve } from './convolve.js';
import { pairs } from './depthwise-conv.js';
import { gradientAsked, runOp } from './op.js';

/** A convolution without bias, and the batch norm behind it. */
export interface ConvNormTensors {
  /** [k, k, from, to] */
  readonly filter: tf.Tensor4D;
  /** These four: [to]. */
  readonly gamma: tf.Tensor1D;
  readonly beta: tf.Tensor1D;
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

/**
 * relu(norm(conv(x))) of maps [n, h, w, from], stride 1, `padding` rows and columns of zeros around: the norm by given
 * statistics, and so folded into the convolution. Kernel: `ConvNextV2ConvNorm` { x, filter, gamma, beta, mean, variance },
 * { padding, epsilon }.
 */
export function convNorm(x: tf.Tensor4D, tensors: ConvNormTensors, padding: number, epsilon: number): tf.Tensor4D {
  return runOp('ConvNextV2ConvNorm', { x, ...tensors }, { padding, epsilon }, () => {
    const { filter, gamma, beta, mean, variance } = tensors;
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
    const bias = tf.sub<tf.Tensor1D>(beta, tf.mul(mean, scale));
    const folded = tf.mul<tf.Tensor4D>(filter, scale);
    // the gradient of tfjs' own is slow, and TensorFlow's takes no explicit padding
    if (!gradientAsked()) {
      return tf.fused.conv2d({ x, filter: folded, strides: 1, pad: pairs(padding), bias, activation: 'relu' });
    }
    return tf.relu(tf.add<tf.Tensor4D>(convolve(x, folded, padding), bias));
  });
}
