import * as tf from '@tensorflow/tfjs-core';

/** The mean of a tensor's values, or 0 where it has none, as a gradient needs it. */
export function sumOver(values: tf.Tensor, count: number): tf.Scalar {
  return tf.tidy(() => tf.div<tf.Scalar>(tf.sum(values), Math.max(count, 1)));
}

/** Binary cross-entropy of each logit with its target from 0 to 1 (binary_cross_entropy_with_logits, reduction none). */
export function binaryCrossEntropy<T extends tf.Tensor>(logits: T, targets: tf.Tensor): T {
  // x - x * t + log(1 + exp(-x)), without overflow
  return tf.tidy(() => tf.add<T>(tf.sub(tf.relu(logits), tf.mul(logits, targets)), logOnePlusExp(tf.abs(logits))));
}

const logOnePlusExp = (magnitude: tf.Tensor) => tf.log1p(tf.exp(tf.neg(magnitude)));

/** The focal loss of each logit (Lin et al. 2017): of targets 0 or 1, weighted alpha and 1 - alpha, less where it is sure. */
export function sigmoidFocalLoss<T extends tf.Tensor>(
  logits: T,
  targets: tf.Tensor,
  { alpha = 0.25, gamma = 2 }: { readonly alpha?: number; readonly gamma?: number } = {},
): T {
  return tf.tidy(() => {
    const opposite = tf.sub(1, targets);
    const p = tf.sigmoid(logits);
    // 1 less the probability of what is true
    const miss = tf.add(tf.mul(p, opposite), tf.mul(tf.sub(1, p), targets));
    const weight = tf.add(tf.mul(alpha, targets), tf.mul(1 - alpha, opposite));
    return tf.mul<T>(tf.mul(weight, tf.pow(miss, gamma)), binaryCrossEntropy(logits, targets));
  });
}

/** The absolute differences; with `beta`, squared / (2 beta) below it, and half of it less above (smooth_l1_loss). */
export function smoothL1<T extends tf.Tensor>(values: T, targets: tf.Tensor, beta: number): T {
  return tf.tidy(() => {
    const difference = tf.abs(tf.sub(values, targets));
    if (beta === 0) return difference as T;
    const below = tf.minimum(difference, beta);
    return tf.add<T>(tf.div(tf.square(below), 2 * beta), tf.sub(difference, below));
  });
}

/** Cross-entropy of each row of logits [n, k] with its class: [n]. */
export function crossEntropy(logits: tf.Tensor2D, classes: Int32Array): tf.Tensor1D {
  return tf.tidy(() => {
    const chosen = tf.oneHot(tf.tensor1d(classes, 'int32'), logits.shape[1]);
    return tf.neg(tf.sum<tf.Tensor1D>(tf.mul(chosen, tf.logSoftmax(logits)), -1));
  });
}

/** 1 less the generalised IoU of each box with its target: boxes and targets [n, 4] to [n] (torchvision's, epsilon 1e-7). */
export function generalizedIouLoss(boxes: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => {
    const [x1, y1, x2, y2] = tf.split(boxes, 4, 1);
    const [u1, v1, u2, v2] = tf.split(targets, 4, 1);
    const width = tf.relu(tf.sub(tf.minimum(x2, u2), tf.maximum(x1, u1)));
    const height = tf.relu(tf.sub(tf.minimum(y2, v2), tf.maximum(y1, v1)));
    const shared = tf.mul(width, height);
    const area = tf.mul(tf.sub(x2, x1), tf.sub(y2, y1));
    const union = tf.sub(tf.add(area, tf.mul(tf.sub(u2, u1), tf.sub(v2, v1))), shared);
    const around = tf.mul(
      tf.sub(tf.maximum(x2, u2), tf.minimum(x1, u1)),
      tf.sub(tf.maximum(y2, v2), tf.minimum(y1, v1)),
    );
    const giou = tf.sub(tf.div(shared, tf.add(union, 1e-7)), tf.div(tf.sub(around, union), tf.add(around, 1e-7)));
    return tf.reshape(tf.sub(1, giou), [-1]);
  });
}
