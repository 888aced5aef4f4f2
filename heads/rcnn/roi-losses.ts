import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, joinBoxes, takeBoxes } from '../../src/boxes/boxes.js';
import { encodeBoxes } from '../../src/boxes/coder.js';
import { BACKGROUND, matchBoxes } from '../../src/boxes/matcher.js';
import { sampleBalanced } from '../../src/boxes/sampler.js';
import { binaryCrossEntropy, crossEntropy, smoothL1, sumOver } from '../../src/nn/detection-losses.js';
import type { Random } from '../../src/nn/random.js';
import { roiAlign } from '../../src/ops/roi-align.js';
import { takeRows } from '../../src/ops/take-rows.js';
import type { FasterRCNNSettings } from '../detection/settings.js';
import type { BatchTarget } from '../detection/transform.js';
import type { BoxPredictions } from '../roi/box-head.js';

/** Proposals that are trained on, of one picture. */
export interface Samples {
  readonly boxes: Boxes;
  /** The truth that each is nearest to; any for background. */
  readonly truths: Int32Array;
  /** How each truth's label counts among the logits, and what stands for background. */
  readonly classes: Int32Array;
  readonly isObject: readonly boolean[];
}

/** A balanced sample of proposals, among them the truths themselves. */
export function sampleProposals(
  proposals: Boxes,
  { boxes: truths, labels }: BatchTarget,
  settings: FasterRCNNSettings,
  background: number,
  random: Random,
): Samples {
  const all = joinBoxes([proposals, truths]);
  const matches = matchBoxes(truths, all, {
    high: settings.boxFgIouThresh,
    low: settings.boxBgIouThresh,
    rescue: 'none',
  });
  const { positives, negatives } = sampleBalanced(
    matches.map((match) => (match >= 0 ? 1 : match === BACKGROUND ? 0 : -1)),
    { count: settings.boxBatchSizePerImage, positiveShare: settings.boxPositiveFraction, random },
  );
  const chosen = [...positives, ...negatives].sort((a, b) => a - b);
  const own = Int32Array.from(chosen, (i) => matches[i]);
  return {
    boxes: takeBoxes(all, chosen),
    truths: own.map((match) => Math.max(match, 0)),
    classes: own.map((match) => (match >= 0 ? labels[match] : background)),
    isObject: Array.from(own, (match) => match >= 0),
  };
}

/** The losses of what each sample is and, for those that are an object, of its box. */
export function boxLosses(
  { logits, deltas }: BoxPredictions,
  samples: readonly Samples[],
  targets: readonly BatchTarget[],
  { bboxRegWeights: weights, boxLossBeta, boxRegression }: FasterRCNNSettings,
): { readonly loss_classifier: tf.Scalar; readonly loss_box_reg: tf.Scalar } {
  const classes = Int32Array.from(samples.flatMap(({ classes }) => [...classes]));
  const objects = samples.flatMap(({ isObject }) => isObject).flatMap((is, i) => (is ? [i] : []));
  const wanted = samples.map((sample, picture) => {
    const own = sample.isObject.flatMap((is, i) => (is ? [i] : []));
    const truths = takeBoxes(
      targets[picture].boxes,
      own.map((i) => sample.truths[i]),
    );
    return encodeBoxes(truths, takeBoxes(sample.boxes, own), { weights });
  });
  return tf.tidy(() => {
    const boxes = deltas.shape[1] / 4;
    const rows = objects.map((i) => (boxRegression === 'per-class' ? i * boxes + classes[i] : i));
    const moved = takeRows(tf.reshape(deltas, [-1, 4]), rows);
    const loss = smoothL1(moved, tf.tensor2d(joinBoxes(wanted), [objects.length, 4]), boxLossBeta);
    return {
      loss_classifier: sumOver(crossEntropy(logits, classes), classes.length),
      loss_box_reg: sumOver(loss, classes.length),
    };
  });
}

/** The samples that are objects of which a mask is known, and no others. */
export function withMasks({ boxes, truths, classes, isObject }: Samples, { hasMask }: BatchTarget): Samples {
  const own = isObject.flatMap((is, i) => (is && hasMask[truths[i]] ? [i] : []));
  return {
    boxes: takeBoxes(boxes, own),
    truths: Int32Array.from(own, (i) => truths[i]),
    classes: Int32Array.from(own, (i) => classes[i]),
    isObject: own.map(() => true),
  };
}

/** The loss of the masks of objects, at least one: of the logits [objects, s, s, classes], those of each one's class. */
export function maskLoss(logits: tf.Tensor4D, objects: readonly Samples[], targets: readonly BatchTarget[]): tf.Scalar {
  const side = logits.shape[1];
  const options = { outputSize: [side, side], scale: 1, samplingRatio: 0, centres: 'whole' } as const;
  return tf.tidy(() => {
    const wanted = objects.map(({ boxes, truths }, picture) => {
      const rois = [...truths].flatMap((truth, i) => [truth, ...boxes.subarray(4 * i, 4 * i + 4)]);
      if (rois.length === 0) return tf.zeros<tf.Rank.R4>([0, side, side, 1]);
      return roiAlign(targets[picture].masks(), tf.tensor2d(rois, [truths.length, 5]), options);
    });
    const classes = Int32Array.from(objects.flatMap(({ classes }) => [...classes]));
    const losses = binaryCrossEntropy(ownClass(logits, classes), tf.squeeze(tf.concat(wanted, 0), [3]));
    return sumOver(losses, losses.size);
  });
}

/** Of masks [n, s, s, classes] those of each one's own class, [n, s, s]. */
export function ownClass(masks: tf.Tensor4D, classes: Int32Array): tf.Tensor3D {
  const [n, height, width, count] = masks.shape;
  const cells = height * width;
  const indices = Int32Array.from({ length: n * cells }, (_, i) => i * count + classes[Math.floor(i / cells)]);
  return tf.tidy(() => tf.reshape(takeRows(tf.reshape(masks, [-1]), indices), [n, height, width]) as tf.Tensor3D);
}
