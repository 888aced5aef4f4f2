import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/** How group norm normalizes. */
export interface GroupNormOptions {
  /** How many groups the channels fall into, one after the other. */
  readonly groups: number;
  /** Added to the variance. */
  readonly epsilon: number;
}

/**
 * Group norm (Wu and He 2018), as torch.nn.GroupNorm: each picture's channels normalized in `groups` by their mean and biased variance,
 * times gamma, plus beta. x: [n, h, w, c]; gamma, beta: [c]. Kernels: `ConvNextV2GroupNorm` { x, gamma, beta } and
 * `ConvNextV2GroupNormGrad` { x, gamma, dy } to [dx, dgamma, dbeta], both with { groups, epsilon }.
 */
export function groupNorm(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor, options: GroupNormOptions): tf.Tensor4D {
  const attributes = { ...options };
  const norm = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as unknown as [tf.Tensor4D, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, gamma]);
    return {
      value: runOp('ConvNextV2GroupNorm', { x, gamma, beta }, attributes, () => {
        const { normed } = normalize(x, options);
        return tf.add(tf.mul(tf.reshape(normed, x.shape), gamma), beta);
      }),
      gradFunc: (dy: tf.Tensor, [x, gamma]: tf.Tensor[]) =>
        runOp('ConvNextV2GroupNormGrad', { x, gamma, dy }, attributes, () =>
          gradient(x as tf.Tensor4D, gamma, dy, options),
        ),
    };
  });
  return norm(x, gamma, beta) as tf.Tensor4D;
}

/** x as [n, positions, groups, channels of a group]. */
function grouped(x: tf.Tensor, groups: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  return tf.reshape(x, [n, h * w, groups, c / groups]);
}

/** The mean over the positions and channels of each group. */
const groupMean = (x: tf.Tensor): tf.Tensor => tf.mean(x, [1, 3], true);

function normalize(x: tf.Tensor4D, { groups, epsilon }: GroupNormOptions) {
  const parts = grouped(x, groups);
  const centred = tf.sub(parts, groupMean(parts));
  const scale = tf.rsqrt(tf.add(groupMean(tf.square(centred)), epsilon));
  return { normed: tf.mul(centred, scale), scale };
}

function gradient(x: tf.Tensor4D, gamma: tf.Tensor, dy: tf.Tensor, options: GroupNormOptions): tf.Tensor[] {
  const { normed, scale } = normalize(x, options);
  const slope = grouped(tf.mul(dy, gamma), options.groups);
  const along = tf.mul(normed, groupMean(tf.mul(slope, normed)));
  const dx = tf.mul(tf.sub(tf.sub(slope, groupMean(slope)), along), scale);
  const products = tf.mul(dy, tf.reshape(normed, x.shape));
  return [tf.reshape(dx, x.shape), tf.sum(products, [0, 1, 2]), tf.sum(dy, [0, 1, 2])];
}
