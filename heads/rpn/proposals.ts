import { type Boxes, clipBoxes, joinBoxes, largeEnough, type Size, takeBoxes } from '../../src/boxes/boxes.js';
import { decodeBoxes } from '../../src/boxes/coder.js';
import { groupedNms, highest } from '../../src/boxes/nms.js';
import { finiteValues } from '../detection/observe.js';
import type { AnchorPredictions } from './head.js';

export interface ProposalOptions {
  /** How many of each level, by their objectness, suppression looks at. */
  readonly before: number;
  /** How many of a picture are left after it. */
  readonly after: number;
  readonly nmsThreshold: number;
  /** The least side, in pixels; 0 for boxes with an area (mmdetection). */
  readonly minSize: number;
  readonly scoreThreshold: number;
  readonly clamp: 'above' | 'both';
}

/** The least number above 0 that float32 has. */
const LEAST = 2 ** -149;

/** Changes of anchors are not weighted. */
export const RPN_WEIGHTS = [1, 1, 1, 1] as const;

export const sigmoid = (logit: number): number => Math.fround(1 / (1 + Math.exp(-logit)));

/**
 * The boxes of each picture that may hold something, surest first: the best anchors of each level, changed, clipped to the picture
 * (of these sizes), without small ones and those that repeat others of their level. Throws E_NON_FINITE.
 */
export function proposeBoxes(
  { objectness, deltas }: AnchorPredictions,
  anchors: readonly Boxes[],
  sizes: readonly Size[],
  { before, after, nmsThreshold, minSize, scoreThreshold, clamp }: ProposalOptions,
): readonly Boxes[] {
  const levels = objectness.map((logits, level) => ({
    logits: finiteValues('rpn.objectness', logits),
    deltas: finiteValues('rpn.deltas', deltas[level]),
    anchors: anchors[level],
  }));
  return sizes.map((size, picture) => {
    const best = levels.map(({ logits, deltas, anchors }) => {
      const count = anchors.length / 4;
      const own = logits.subarray(picture * count, (picture + 1) * count);
      const chosen = highest(own, before);
      const changes = takeBoxes(deltas.subarray(4 * picture * count, 4 * (picture + 1) * count), chosen);
      const boxes = decodeBoxes(changes, takeBoxes(anchors, chosen), { weights: RPN_WEIGHTS, clamp });
      return { boxes: clipBoxes(boxes, size), scores: chosen.map((i) => sigmoid(own[i])) };
    });
    const boxes = joinBoxes(best.map(({ boxes }) => boxes));
    const scores = best.flatMap(({ scores }) => scores);
    const level = best.flatMap(({ scores }, i) => scores.map(() => i));
    const kept = largeEnough(boxes, minSize === 0 ? LEAST : minSize).filter(
      (i) => scores[i] >= Math.fround(scoreThreshold),
    );
    const large = takeBoxes(boxes, kept);
    const take = (values: readonly number[]) => kept.map((i) => values[i]);
    return takeBoxes(large, groupedNms(large, take(scores), take(level), nmsThreshold, after));
  });
}
