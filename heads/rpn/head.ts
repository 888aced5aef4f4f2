import * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../../src/contracts.js';
import { conv2d, sequence } from '../../src/nn/layers.js';

/** What is told of every anchor, level by level. */
export interface AnchorPredictions {
  /** Whether it holds anything, [n, h, w, anchors] for each level. */
  readonly objectness: tf.Tensor4D[];
  /** How to change it, [n, h, w, anchors * 4]. */
  readonly deltas: tf.Tensor4D[];
}

export interface RpnHeadOptions {
  readonly channels: number;
  /** Anchors of a cell. */
  readonly anchors: number;
  /** 3x3 convolutions before the two outputs. */
  readonly depth: number;
}

/** Deviation of fresh weights, torchvision's own. */
const DEVIATION = 0.01;

/** The head of a region proposal network (Ren et al. 2015), the same on every level. Parameters as torchvision's RPNHead. */
export function rpnHead(scope: Scope, { channels, anchors, depth }: RpnHeadOptions) {
  const conv = sequence(
    Array.from({ length: depth }, (_, i) =>
      conv2d(scope.within('conv').within(i).within(0), {
        from: channels,
        to: channels,
        kernel: 3,
        padding: 1,
        deviation: DEVIATION,
        activation: 'relu',
      }),
    ),
  );
  const output = (name: string, to: number) =>
    conv2d(scope.within(name), { from: channels, to, kernel: 1, deviation: DEVIATION });
  const logits = output('cls_logits', anchors);
  const deltas = output('bbox_pred', 4 * anchors);
  return (levels: readonly tf.Tensor4D[]): AnchorPredictions =>
    tf.tidy(() => {
      const features = levels.map((level) => conv(level));
      return { objectness: features.map((map) => logits(map)), deltas: features.map((map) => deltas(map)) };
    });
}
