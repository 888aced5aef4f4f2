import * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../../src/contracts.js';
import { conv2d, type Layer, sequence } from '../../src/nn/layers.js';

export interface MaskHeadOptions {
  readonly channels: number;
  /** Channels of each 3x3 convolution. */
  readonly layers: readonly number[];
  /** Channels after the upsampling. */
  readonly reduced: number;
  readonly classes: number;
}

/** Deviation of fresh weights for `channels` of 3x3 before a ReLU (He et al. 2015). */
const deviation = (channels: number, kernel: number) => Math.sqrt(2 / (channels * kernel * kernel));

/**
 * Convolutions on pooled maps [n, s, s, channels] to the logits of a mask for each class, [n, 2s, 2s, classes]. Parameters as
 * torchvision: `mask_head`, `mask_predictor`.
 */
export function maskHead(scope: Scope, { channels, layers, reduced, classes }: MaskHeadOptions): Layer {
  const convs = layers.map((to, i) => {
    const from = layers[i - 1] ?? channels;
    const options = { from, to, kernel: 3, padding: 1, deviation: deviation(to, 3), activation: 'relu' } as const;
    return conv2d(scope.within('mask_head').within(i).within(0), options);
  });
  const last = layers.at(-1) ?? channels;
  const predictor = scope.within('mask_predictor');
  const upsample = doubling(predictor.within('conv5_mask'), last, reduced);
  const logits = conv2d(predictor.within('mask_fcn_logits'), {
    from: reduced,
    to: classes,
    kernel: 1,
    deviation: deviation(classes, 1),
  });
  return sequence([...convs, upsample, logits]);
}

/**
 * A transposed 2x2 convolution of stride 2, and ReLU: each cell becomes four by a product of its own, so it is one matrix
 * product. Parameters `weight` [from, to, 2, 2] and `bias`.
 */
function doubling(scope: Scope, from: number, to: number): Layer {
  const weight = scope.parameter('weight', [from, to, 2, 2], {
    layout: 'transposed',
    init: { truncatedNormal: deviation(to, 2) },
  });
  const bias = scope.parameter('bias', [to], { init: { constant: 0 } });
  return (x) =>
    tf.tidy(() => {
      const [n, h, w] = x.shape;
      const matrix = tf.reshape(weight.variable, [from, 4 * to]) as tf.Tensor2D;
      const a = tf.reshape(x, [n * h * w, from]) as tf.Tensor2D;
      const cells = tf.fused.matMul({ a, b: matrix, bias: tf.tile(bias.variable, [4]), activation: 'relu' });
      const apart = tf.reshape(cells, [n * h, w, 2, 2 * to]); // each row of cells as two rows of pairs
      return tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), [n, 2 * h, 2 * w, to]) as tf.Tensor4D;
    });
}
