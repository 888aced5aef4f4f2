import * as tf from '@tensorflow/tfjs-core';
import { pairs } from './depthwise-conv.js';
import { runOp } from './op.js';

/**
 * A convolution of stride 1 with `padding` rows and columns of zeros on each side, fewer than the filter has, and a gradient made
 * of products of matrices and another convolution: tfjs' own for filters takes many times as long. x: [n, h, w, from]; filter:
 * [k, k, from, to]. Kernel of the gradient: `ConvNextV2ConvolveGrad` { x, filter, dy }, { padding } to [dx, dfilter].
 */
export function convolve(x: tf.Tensor4D, filter: tf.Tensor4D, padding: number): tf.Tensor4D {
  const run = tf.customGrad((...args) => {
    const [x, filter, save] = args as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([x, filter]);
    return {
      value: tf.conv2d(x, filter, 1, pairs(padding)),
      gradFunc: (dy: tf.Tensor4D, saved: tf.Tensor[]) => {
        const [x, filter] = saved as tf.Tensor4D[];
        return runOp('ConvNextV2ConvolveGrad', { x, filter, dy }, { padding }, () => [
          gradientOfInput(dy, filter, filter.shape[0] - 1 - padding),
          gradientOfFilter(tf.pad(x, pairs(padding)), dy, filter.shape),
        ]);
      },
    };
  });
  return run(x, filter) as tf.Tensor4D;
}

/** Each place of x gave to the outputs around it by the filter, which is therefore turned around. */
function gradientOfInput(dy: tf.Tensor4D, filter: tf.Tensor4D, padding: number): tf.Tensor4D {
  const turned = tf.transpose<tf.Tensor4D>(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(dy, turned, 1, pairs(padding));
}

/** For each place of the filter: what lay under it, all positions in a row, times what came out there. */
function gradientOfFilter(x: tf.Tensor4D, dy: tf.Tensor4D, [k, l, from, to]: number[]): tf.Tensor4D {
  const [n, h, w] = dy.shape;
  const outputs = tf.reshape<tf.Rank.R2>(dy, [n * h * w, to]);
  const places = Array.from({ length: k * l }, (_, i) => {
    const under = tf.slice(x, [0, Math.floor(i / l), i % l, 0], [n, h, w, from]);
    return tf.matMul(tf.reshape<tf.Rank.R2>(under, [n * h * w, from]), outputs, true);
  });
  return tf.reshape(tf.stack(places), [k, l, from, to]);
}
