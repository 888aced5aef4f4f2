import { tirb } from './load.js';
import type { Box } from './surface.js';

/** Kept boxes lie by their left edges in so many upright stripes, of which only those that a box can meet are looked through. */
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
  const all = boxes.map(corners);
  const [left, right] = [least(all.map((box) => box.left)), -least(all.map((box) => -box.left))];
  const widest = -least(all.map((box) => box.left - box.right));
  const stripeOf = (x: number) =>
    Math.min(Math.max(Math.floor(((x - left) / (right - left || 1)) * STRIPES), 0), STRIPES - 1);
  const order = all.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || b - a);
  const kept: number[] = [];
  const stripesBy = new Map<unknown, Box[][]>();
  for (const i of order) {
    const box = all[i];
    const label = labels?.[i];
    const stripes = stripesBy.get(label) ?? Array.from({ length: STRIPES }, (): Box[] => []);
    stripesBy.set(label, stripes);
    const drops = (other: Box) => meet(other, box) && tirb.iou(other, box, isIOU) > iouThreshold;
    const near = stripes.slice(stripeOf(box.left - widest), stripeOf(box.right) + 1);
    if (near.some((stripe) => stripe.some(drops))) continue;
    kept.push(i);
    stripes[stripeOf(box.left)].push(box);
  }
  return kept;
}

/** As values: a box computes each anew whenever it is read. */
const corners = ({ left, top, right, bottom, area }: Box): Box => ({ left, top, right, bottom, area }) as Box;

const meet = (a: Box, b: Box): boolean => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const least = (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
