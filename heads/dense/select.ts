import { type Boxes, clipBoxes, countBoxes, joinBoxes, type Size, takeBoxes } from '../../src/boxes/boxes.js';
import { groupedNms, highest } from '../../src/boxes/nms.js';
import type { Detections } from '../../src/contracts.js';

/** What is told of a level's anchors in one picture. */
export interface DensePredictions {
  /** Of each anchor, its score for each class: [anchors * classes]. */
  readonly scores: Float32Array;
  /** The boxes of these anchors. */
  boxes(anchors: readonly number[]): Boxes;
}

export interface DenseOptions {
  readonly classes: number;
  readonly scoreThresh: number;
  readonly nmsThresh: number;
  readonly detectionsPerImg: number;
  readonly topkCandidates: number;
}

/**
 * What is found in each picture of a batch. Anchors are those of each level; `predict` tells of those of one, which are from the
 * first to the second number of all, picture after picture.
 */
export function findDense(
  anchors: readonly Boxes[],
  sizes: readonly Size[],
  options: DenseOptions,
  predict: (anchors: Boxes, from: number, to: number) => DensePredictions,
): readonly Detections[] {
  let to = 0;
  return sizes.map((size) => {
    const levels = anchors.map((own) => {
      const from = to;
      to += countBoxes(own);
      return predict(own, from, to);
    });
    return selectDense(levels, size, options);
  });
}

/** What is found in a picture of this size: the surest of each level, without those that repeat others of their class. */
function selectDense(
  levels: readonly DensePredictions[],
  size: Size,
  { classes, scoreThresh, nmsThresh, detectionsPerImg, topkCandidates }: DenseOptions,
): Detections {
  const threshold = Math.fround(scoreThresh);
  const candidates = levels.map(({ scores, boxes }) => {
    const sure: number[] = [];
    for (let i = 0; i < scores.length; i++) if (scores[i] > threshold) sure.push(i);
    const best = highest(
      Float32Array.from(sure, (i) => scores[i]),
      topkCandidates,
    ).map((i) => sure[i]);
    const found = clipBoxes(boxes(best.map((i) => Math.floor(i / classes))), size);
    return { boxes: found, scores: best.map((i) => scores[i]), labels: best.map((i) => i % classes) };
  });
  const boxes = joinBoxes(candidates.map(({ boxes }) => boxes));
  const scores = candidates.flatMap(({ scores }) => scores);
  const labels = candidates.flatMap(({ labels }) => labels);
  const kept = groupedNms(boxes, scores, labels, nmsThresh).slice(0, detectionsPerImg);
  return {
    boxes: takeBoxes(boxes, kept),
    scores: Float32Array.from(kept, (i) => scores[i]),
    labels: Int32Array.from(kept, (i) => labels[i]),
  };
}
