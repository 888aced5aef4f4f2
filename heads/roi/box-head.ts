import * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../../src/contracts.js';
import { linear } from '../../src/nn/layers.js';

export interface BoxHeadOptions {
  /** Channels of the pooled maps. */
  readonly channels: number;
  /** Cells along each side of them. */
  readonly side: number;
  readonly hidden: number;
  /** Classes, the background included. */
  readonly classes: number;
  /** Boxes that are told of each proposal: one for each class, or one. */
  readonly boxes: number;
}

/** What is told of each proposal. */
export interface BoxPredictions {
  /** [proposals, classes] */
  readonly logits: tf.Tensor2D;
  /** [proposals, boxes * 4] */
  readonly deltas: tf.Tensor2D;
}

/** Deviation of fresh weights: of a network that begins to tell classes apart. */
const DEVIATION = 0.01;

/** Two linear layers on pooled maps, then the class and the box of each. Parameters as torchvision: `box_head`, `box_predictor`. */
export function boxHead(scope: Scope, { channels, side, hidden, classes, boxes }: BoxHeadOptions) {
  const from = channels * side * side;
  const fc6 = linear(scope.within('box_head').within('fc6'), {
    from,
    to: hidden,
    deviation: 1 / Math.sqrt(3 * from),
    // the reference flattens [channels, side, side], and these maps are [side, side, channels]
    map: [channels, side, side],
  });
  const fc7 = linear(scope.within('box_head').within('fc7'), {
    from: hidden,
    to: hidden,
    deviation: 1 / Math.sqrt(3 * hidden),
  });
  const predictor = scope.within('box_predictor');
  const logits = linear(predictor.within('cls_score'), { from: hidden, to: classes, deviation: DEVIATION });
  const deltas = linear(predictor.within('bbox_pred'), { from: hidden, to: 4 * boxes, deviation: DEVIATION });
  return (pooled: tf.Tensor4D): BoxPredictions =>
    tf.tidy(() => {
      if (pooled.size === 0)
        return { logits: tf.zeros<tf.Rank.R2>([0, classes]), deltas: tf.zeros<tf.Rank.R2>([0, 4 * boxes]) };
      const flat = tf.reshape(pooled, [pooled.shape[0], from]) as tf.Tensor2D;
      const features = tf.relu(fc7(tf.relu(fc6(flat))));
      return { logits: logits(features), deltas: deltas(features) };
    });
}
