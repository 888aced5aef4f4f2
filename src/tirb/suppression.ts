import { tirb } from './load.js';
import type { Box } from './surface.js';

/** Boxes are looked for among those that share an upright stripe with them; of so many stripes. */
const STRIPES = 256;

/**
 * Which boxes remain, surest first, when those that overlap a surer one by more than `iouThreshold` are dropped. With `labels`
 * only boxes of the same label drop each other. `isIOU` false measures by the smaller box instead of by both together. Of equal
 * scores the later box counts as the surer, as in tfjs-image-recognition-base.
 */
export function nonMaxSuppression(
  boxes: readonly Box[],
  scores: readonly number[],
  iouThreshold: number,
  isIOU = true,
  labels?: ArrayLike<unknown>,
): number[] {
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || b - a);
  const stripesOf = stripes(boxes);
  const kept: number[] = [];
  /** By label, what is kept in each stripe. */
  const keptBy = new Map<unknown, number[][]>();
  for (const i of order) {
    const label = labels?.[i];
    const byStripe = keptBy.get(label) ?? Array.from({ length: STRIPES }, (): number[] => []);
    keptBy.set(label, byStripe);
    const [first, last] = stripesOf(boxes[i]);
    const near = byStripe.slice(first, last + 1);
    // the overlap of two boxes without area is NaN, and drops neither
    if (near.some((list) => list.some((k) => tirb.iou(boxes[k], boxes[i], isIOU) > iouThreshold))) continue;
    kept.push(i);
    for (const list of near) list.push(i);
  }
  return kept;
}

/** The first and last stripe that a box is in. */
function stripes(boxes: readonly Box[]): (box: Box) => readonly [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { left, right } of boxes) {
    least = Math.min(least, left, right);
    most = Math.max(most, left, right);
  }
  const at = (x: number) => Math.min(STRIPES - 1, Math.floor(((x - least) / (most - least || 1)) * STRIPES));
  return ({ left, right }) => (left < right ? [at(left), at(right)] : [at(right), at(left)]);
}
