import { type Boxes, countBoxes, overlaps } from './boxes.js';

export interface MatchOptions {
  /** A box that overlaps a truth by this or more is its match. */
  readonly high: number;
  /** One that overlaps all by less than this is background; what lies between is neither. */
  readonly low: number;
  /** `best`: the boxes that overlap a truth most are matches as well, by however little. `none`: they are not. */
  readonly rescue: 'best' | 'none';
}

/** In place of the truth's index. */
export const BACKGROUND = -1;
export const IGNORED = -2;

/**
 * For each box the index of the truth that it overlaps most, BACKGROUND, or IGNORED. With `rescue`, each of the boxes that tie as a
 * truth's best keeps the truth that it overlaps most itself, which can be another. Without truths all is background.
 */
export function matchBoxes(truths: Boxes, boxes: Boxes, options: MatchOptions): Int32Array {
  return matchQualities(overlaps(truths, boxes), countBoxes(truths), countBoxes(boxes), options);
}

/** The same of overlaps [truths, boxes]. */
export function matchQualities(
  quality: Float32Array,
  truths: number,
  boxes: number,
  { high, low, rescue }: MatchOptions,
): Int32Array {
  const matches = new Int32Array(boxes).fill(BACKGROUND);
  if (truths === 0) return matches;
  const best = new Int32Array(boxes);
  for (let i = 1; i < truths; i++) {
    for (let j = 0; j < boxes; j++) if (quality[i * boxes + j] > quality[best[j] * boxes + j]) best[j] = i;
  }
  const [highest, lowest] = [Math.fround(high), Math.fround(low)];
  for (let j = 0; j < boxes; j++) {
    const value = quality[best[j] * boxes + j];
    if (value >= highest) matches[j] = best[j];
    else if (value >= lowest) matches[j] = IGNORED;
  }
  if (rescue === 'none') return matches;
  for (let i = 0; i < truths; i++) {
    const row = quality.subarray(i * boxes, (i + 1) * boxes);
    const most = row.reduce((a, b) => Math.max(a, b), 0);
    for (let j = 0; j < boxes; j++) if (row[j] === most) matches[j] = best[j];
  }
  return matches;
}
