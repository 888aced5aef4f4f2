import * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../contracts.js';
import type { Layer } from './layers.js';

/** PyTorch's default. */
const EPSILON = 1e-5;

/** Group norm (Wu and He 2018): each picture's channels normalised in `groups`, as torch.nn.GroupNorm; `weight` and `bias`. */
export function groupNorm(scope: Scope, groups: number, channels: number): Layer {
  const weight = scope.parameter('weight', [channels], { init: { constant: 1 } });
  const bias = scope.parameter('bias', [channels], { init: { constant: 0 } });
  return (x) =>
    tf.tidy(() => {
      const [n, h, w] = x.shape;
      const grouped = tf.reshape(x, [n, h * w, groups, channels / groups]);
      const { mean, variance } = tf.moments(grouped, [1, 3], true);
      const normed = tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, EPSILON)));
      return tf.add(tf.mul(tf.reshape(normed, x.shape), weight.variable), bias.variable) as tf.Tensor4D;
    });
}
