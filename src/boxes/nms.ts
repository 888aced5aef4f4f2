import { nativeIfBuilt } from '../backend/simd/native.js';
import { areaAt, type Boxes, overlap } from './boxes.js';

/** Indices by falling score; of equal ones the earlier comes first. */
export function byScore(scores: ArrayLike<number>): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
}

/** The indices of the `count` highest scores, highest first. Most of many scores are never compared one by one. */
export function highest(scores: Float32Array, count: number): number[] {
  if (scores.length <= count) return byScore(scores);
  const least = scores.slice().sort()[scores.length - count];
  const above: number[] = [];
  const equal: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > least) above.push(i);
    else if (scores[i] === least) equal.push(i);
  }
  return [...above.sort((a, b) => scores[b] - scores[a] || a - b), ...equal].slice(0, count);
}

/**
 * Non-maximum suppression: the boxes by falling score, without those that overlap a kept one by more than `threshold`. Two
 * boxes without area do not suppress each other.
 */
export function nms(boxes: Boxes, scores: ArrayLike<number>, threshold: number): number[] {
  return suppress(boxes, byScore(scores), new Int32Array(scores.length), threshold, scores.length);
}

/** Up to so many boxes torchvision tells groups apart by moving each out of the others' way, which rounds the coordinates. */
const MOVED_UP_TO = 1000;

/** The same for each group by itself: the best of all, `most` at most, by falling score. */
export function groupedNms(
  boxes: Boxes,
  scores: ArrayLike<number>,
  groups: ArrayLike<number>,
  threshold: number,
  most = scores.length,
): number[] {
  const moved = scores.length <= MOVED_UP_TO ? apart(boxes, groups) : boxes;
  return suppress(moved, byScore(scores), groups, threshold, most);
}

/** What is left of boxes in an order, in native code where it is built. */
function suppress(...call: Parameters<typeof suppressInJavaScript>): number[] {
  const native = nativeIfBuilt();
  if (!native) return suppressInJavaScript(...call);
  const [boxes, order, groups, threshold, most] = call;
  const kept = new Uint8Array(order.length);
  native.suppress(boxes, Int32Array.from(order), Int32Array.from(groups), threshold, most, kept);
  return order.filter((_, i) => kept[i] === 1);
}

/**
 * The same anywhere, which the native code is tested against. Goes on until there are `most`: what a box suppresses comes after
 * it, so later ones change nothing.
 */
export function suppressInJavaScript(
  boxes: Boxes,
  order: readonly number[],
  groups: ArrayLike<number>,
  threshold: number,
  most: number,
): number[] {
  const kept: number[] = [];
  const byGroup = new Map<number, { readonly kept: number[]; readonly areas: number[] }>();
  for (const candidate of order) {
    if (kept.length >= most) break;
    const group = groups[candidate];
    const own = byGroup.get(group) ?? { kept: [], areas: [] };
    byGroup.set(group, own);
    const area = areaAt(boxes, candidate);
    if (own.kept.some((other, k) => overlap(boxes, other, boxes, candidate, own.areas[k], area) > threshold)) continue;
    own.kept.push(candidate);
    own.areas.push(area);
    kept.push(candidate);
  }
  return kept;
}

function apart(boxes: Boxes, groups: ArrayLike<number>): Boxes {
  const side = Math.fround(boxes.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) + 1);
  return boxes.map((value, i) => value + Math.fround(groups[Math.floor(i / 4)] * side));
}

export interface SoftNmsOptions {
  /** `linear`: a box that overlaps by this or more keeps 1 - overlap of its score. `gaussian`: all keep exp(-overlap^2 / sigma). */
  readonly method: 'linear' | 'gaussian';
  readonly threshold: number;
  readonly sigma: number;
  /** Boxes whose score falls below it are dropped. */
  readonly minScore: number;
}

/** Soft-NMS (Bodla et al. 2017): overlapping boxes lose of their score instead of being dropped. Best first, with their new scores. */
export function softNms(
  boxes: Boxes,
  scores: ArrayLike<number>,
  groups: ArrayLike<number>,
  { method, threshold, sigma, minScore }: SoftNmsOptions,
): { readonly index: number; readonly score: number }[] {
  const left = Array.from(scores, (score, index) => ({ index, score }));
  const kept: { readonly index: number; readonly score: number }[] = [];
  while (left.length > 0) {
    let best = 0;
    for (let i = 1; i < left.length; i++) if (left[i].score > left[best].score) best = i;
    const [chosen] = left.splice(best, 1);
    if (chosen.score < minScore) break;
    kept.push({ ...chosen });
    for (const other of left) {
      if (groups[other.index] !== groups[chosen.index]) continue;
      const shared = overlap(boxes, chosen.index, boxes, other.index);
      if (method === 'gaussian') other.score *= Math.exp(-(shared * shared) / sigma);
      else if (shared >= threshold) other.score *= 1 - shared;
    }
  }
  return kept;
}
