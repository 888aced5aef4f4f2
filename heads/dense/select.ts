import { type Boxes, clipBoxes, countBoxes, joinBoxes, type Size, takeBoxes } from '../../src/boxes/boxes.js';
import { groupedNms, highest } from '../../src/boxes/nms.js';
import type { Detections } from '../../src/contracts.js';

/** What is told of a level's anchors in one picture. */
export interface DensePredictions {
  /** The score of anchor floor(i / classes) for class i % classes, a float32. */
  score(i: number): number;
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
 * What is found in each picture of a batch. Anchors are those of each level; `predict` tells of those of one, of which the first
 * is the so many-th of all, picture after picture.
 */
export function findDense(
  anchors: readonly Boxes[],
  sizes: readonly Size[],
  options: DenseOptions,
  predict: (anchors: Boxes, first: number) => DensePredictions,
): readonly Detections[] {
  let to = 0;
  return sizes.map((size) => {
    const levels = anchors.map((own) => {
      const from = to;
      to += countBoxes(own);
      return { anchors: to - from, ...predict(own, from) };
    });
    return selectDense(levels, size, options);
  });
}

/** What is found in a picture of this size: the surest of each level, without those that repeat others of their class. */
function selectDense(
  levels: readonly (DensePredictions & { readonly anchors: number })[],
  size: Size,
  { classes, scoreThresh, nmsThresh, detectionsPerImg, topkCandidates }: DenseOptions,
): Detections {
  const threshold = Math.fround(scoreThresh);
  const candidates = levels.map(({ anchors, score, boxes }) => {
    const sure: number[] = [];
    const scores: number[] = [];
    for (let i = 0; i < anchors * classes; i++) {
      const own = score(i);
      if (!(own > threshold)) continue;
      sure.push(i);
      scores.push(own);
    }
    const best = highest(Float32Array.from(scores), topkCandidates);
    const places = best.map((i) => sure[i]);
    const found = clipBoxes(boxes(places.map((i) => Math.floor(i / classes))), size);
    return { boxes: found, scores: best.map((i) => scores[i]), labels: places.map((i) => i % classes) };
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
