import * as tf from '@tensorflow/tfjs-core';

/**
 * tf.conv2d of stride 1 without padding, with a gradient made of products of matrices and another convolution: tfjs' own kernel for
 * the gradient of a filter takes a hundred times as long. x: [n, h, w, from]; filter: [k, l, from, to].
 */
export function convolve(x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const run = tf.customGrad((...args) => {
    const [x, filter, save] = args as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([x, filter]);
    return {
      value: tf.conv2d(x, filter, 1, 'valid'),
      gradFunc: (dy: tf.Tensor4D, [x, filter]: tf.Tensor[]) =>
        [gradientOfInput(dy, filter as tf.Tensor4D), gradientOfFilter(x as tf.Tensor4D, dy, filter.shape)] as tf.Tensor[],
    };
  });
  return run(x, filter) as tf.Tensor4D;
}

/** Each place of x gave to the outputs around it by the filter, which is therefore turned around. */
function gradientOfInput(dy: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const [k, l] = filter.shape;
    const around = tf.pad(dy, [
      [0, 0],
      [k - 1, k - 1],
      [l - 1, l - 1],
      [0, 0],
    ]);
    return tf.conv2d(around, tf.transpose<tf.Tensor4D>(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]), 1, 'valid');
  });
}

/** For each place of the filter: what lay under it, all positions in a row, times what came out there. */
function gradientOfFilter(x: tf.Tensor4D, dy: tf.Tensor4D, [k, l, from, to]: number[]): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w] = dy.shape;
    const outputs = tf.reshape<tf.Rank.R2>(dy, [n * h * w, to]);
    const places = Array.from({ length: k * l }, (_, i) => {
      const under = tf.slice(x, [0, Math.floor(i / l), i % l, 0], [n, h, w, from]);
      return tf.matMul(tf.reshape<tf.Rank.R2>(under, [n * h * w, from]), outputs, true);
    });
    return tf.reshape(tf.stack(places), [k, l, from, to]);
  });
}
