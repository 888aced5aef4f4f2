import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, joinBoxes, takeBoxes } from '../../src/boxes/boxes.js';
import { encodeBoxes } from '../../src/boxes/coder.js';
import { BACKGROUND, matchBoxes } from '../../src/boxes/matcher.js';
import { sampleBalanced } from '../../src/boxes/sampler.js';
import { binaryCrossEntropy, smoothL1, sumOver } from '../../src/nn/detection-losses.js';
import type { Random } from '../../src/nn/random.js';
import { takeRows } from '../../src/ops/take-rows.js';
import { flattenLevels } from '../detection/levels.js';
import type { AnchorPredictions } from './head.js';
import { RPN_WEIGHTS } from './proposals.js';

export interface RpnLossOptions {
  readonly high: number;
  readonly low: number;
  readonly count: number;
  readonly positiveShare: number;
  /** Where smooth L1 turns from squares to absolute values. */
  readonly beta: number;
  readonly random: Random;
}

/** The losses of proposals over a balanced sample of each picture's anchors: whether there is something, and where. */
export function rpnLosses(
  { objectness, deltas }: AnchorPredictions,
  anchors: readonly Boxes[],
  truths: readonly Boxes[],
  { high, low, count, positiveShare, beta, random }: RpnLossOptions,
): { readonly loss_objectness: tf.Scalar; readonly loss_rpn_box_reg: tf.Scalar } {
  const all = joinBoxes(anchors);
  const perPicture = all.length / 4;
  const positives: number[] = [];
  const negatives: number[] = [];
  const changes: Float32Array[] = [];
  for (const [picture, boxes] of truths.entries()) {
    const matches = matchBoxes(boxes, all, { high, low, rescue: 'best' });
    const labels = matches.map((match) => (match >= 0 ? 1 : match === BACKGROUND ? 0 : -1));
    const sample = sampleBalanced(labels, { count, positiveShare, random });
    positives.push(...sample.positives.map((i) => picture * perPicture + i));
    for (const i of sample.negatives) negatives.push(picture * perPicture + i);
    const matched = takeBoxes(
      boxes,
      sample.positives.map((i) => matches[i]),
    );
    changes.push(encodeBoxes(matched, takeBoxes(all, sample.positives), { weights: RPN_WEIGHTS }));
  }
  const sampled = [...positives, ...negatives];
  return tf.tidy(() => {
    const logits = takeRows(tf.reshape(flattenLevels(objectness, 1), [-1]), sampled);
    const targets = tf.tensor1d(sampled.map((_, i) => Number(i < positives.length)));
    const moved = takeRows(tf.reshape(flattenLevels(deltas, 4), [-1, 4]), positives);
    const wanted = tf.tensor2d(joinBoxes(changes), [positives.length, 4]);
    return {
      loss_objectness: sumOver(binaryCrossEntropy(logits, targets), sampled.length),
      loss_rpn_box_reg: sumOver(smoothL1(moved, wanted, beta), sampled.length),
    };
  });
}
