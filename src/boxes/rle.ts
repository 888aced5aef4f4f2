import { ConvNextV2Error, show } from '../errors.js';

/**
 * A binary mask by the lengths of its runs, column after column, of which the first (it may be 0) is outside: COCO's
 * run-length encoding. In COCO's files `counts` is a list, or the same as a string.
 */
export interface Rle {
  /** [height, width] */
  readonly size: readonly [number, number];
  readonly counts: readonly number[];
}

/** As COCO's files have it. */
export interface CocoRle {
  readonly size: readonly [number, number];
  readonly counts: string | readonly number[];
}

/** Pixels of the largest mask that is read: a square of 16,384. */
const MAX_PIXELS = 2 ** 28;

/**
 * Reads and checks a mask of a COCO file; `path` is for messages. Throws E_ARGUMENT for what is none, and where its runs do not
 * fill its size; E_LIMIT for more than 2^28 pixels.
 */
export function readRle(value: unknown, path = 'rle'): Rle {
  const { size, counts } = Object(value);
  const refuse = (wanted: string, got: unknown): never => {
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: show(got) });
  };
  if (!Array.isArray(size) || size.length !== 2 || !size.every(isCount)) refuse('size: [height, width]', size);
  const [height, width]: [number, number] = size;
  if (height * width > MAX_PIXELS) {
    throw new ConvNextV2Error('E_LIMIT', { path, wanted: `at most ${MAX_PIXELS} pixels`, got: `${height} x ${width}` });
  }
  const runs = typeof counts === 'string' ? decompress(counts) : counts;
  if (!Array.isArray(runs) || !runs.every(isCount))
    refuse('counts: a list of lengths, or their compressed string', counts);
  const sum = runs.reduce((sum: number, run: number) => sum + run, 0);
  if (sum !== height * width) refuse(`counts of ${height} x ${width} = ${height * width} pixels in all`, sum);
  return { size: [height, width], counts: runs };
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * The counts as COCO's string: from the fourth on the difference to the one before the last, in groups of five bits, low
 * ones first; a sixth bit says that more follow, and 48 makes each a character.
 */
export function compress(counts: readonly number[]): string {
  const codes: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let left = i > 2 ? counts[i] - counts[i - 2] : counts[i];
    let more: boolean;
    do {
      const bits = left & 31;
      left >>= 5;
      more = bits & 16 ? left !== -1 : left !== 0;
      codes.push((more ? bits | 32 : bits) + 48);
    } while (more);
  }
  let text = '';
  // as many arguments as any engine takes
  for (let at = 0; at < codes.length; at += 4096) text += String.fromCharCode(...codes.slice(at, at + 4096));
  return text;
}

/** The counts of such a string; undefined where it is none. */
function decompress(text: string): readonly number[] | undefined {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let bits: number;
    do {
      bits = text.charCodeAt(at++) - 48;
      if (!(bits >= 0 && bits < 64) || shift > 25) return undefined; // NaN at the end of the text
      value |= (bits & 31) << shift;
      shift += 5;
    } while (bits & 32);
    if (bits & 16) value |= -1 << shift;
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

/** The mask of values [height * width], row after row, of which any but 0 is inside. */
export function encode(values: ArrayLike<number>, height: number, width: number): Rle {
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  for (let x = 0; x < width; x++) {
    for (let at = x; at < height * width; at += width) {
      if ((values[at] !== 0) !== inside) {
        counts.push(run);
        run = 0;
        inside = !inside;
      }
      run++;
    }
  }
  counts.push(run);
  return { size: [height, width], counts };
}

/** The values [height * width], row after row: 1 inside, 0 outside. */
export function decode({ size: [height, width], counts }: Rle): Uint8Array {
  const values = new Uint8Array(height * width);
  let position = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = position + counts[i];
    if (i % 2 === 1) for (let p = position; p < end; p++) values[(p % height) * width + Math.floor(p / height)] = 1;
    position = end;
  }
  return values;
}

/** How many pixels are inside. */
export function area({ counts }: Rle): number {
  let sum = 0;
  for (let i = 1; i < counts.length; i += 2) sum += counts[i];
  return sum;
}

/** The smallest box [x, y, width, height] around what is inside; all 0 where nothing is. */
export function boxOf({ size: [height], counts }: Rle): [number, number, number, number] {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  let position = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = position + counts[i];
    if (i % 2 === 1 && end > position) {
      const [first, last] = [Math.floor(position / height), Math.floor((end - 1) / height)];
      left = Math.min(left, first);
      right = Math.max(right, last);
      // a run over the end of a column fills the one and begins the other
      top = first === last ? Math.min(top, position % height) : 0;
      bottom = first === last ? Math.max(bottom, (end - 1) % height) : height - 1;
    }
    position = end;
  }
  return right < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/** What is inside of any of these masks of one size, or of all. Throws E_SHAPE for masks of several sizes. */
export function merge(masks: readonly Rle[], how: 'union' | 'intersection'): Rle {
  const [first, ...others] = masks;
  return others.reduce((merged, mask) => mergeTwo(merged, mask, how), first);
}

function mergeTwo(a: Rle, b: Rle, how: 'union' | 'intersection'): Rle {
  checkSize(a, b);
  const counts: number[] = [];
  let inside = false;
  let run = 0;
  overlay(a, b, (length, inA, inB) => {
    const next = how === 'union' ? inA || inB : inA && inB;
    if (next !== inside) {
      counts.push(run);
      run = 0;
      inside = next;
    }
    run += length;
  });
  counts.push(run);
  return { size: a.size, counts };
}

/** How many pixels are inside of both. Throws E_SHAPE for masks of two sizes. */
export function intersection(a: Rle, b: Rle): number {
  checkSize(a, b);
  let sum = 0;
  overlay(a, b, (length, inA, inB) => {
    if (inA && inB) sum += length;
  });
  return sum;
}

function checkSize({ size: a }: Rle, { size: b }: Rle): void {
  if (a[0] === b[0] && a[1] === b[1]) return;
  throw new ConvNextV2Error('E_SHAPE', { path: 'masks', wanted: `all of size ${a.join(' x ')}`, got: b.join(' x ') });
}

/** Visits the stretches in which neither mask changes. */
function overlay(a: Rle, b: Rle, visit: (length: number, inA: boolean, inB: boolean) => void): void {
  let [i, j] = [0, 0];
  let [leftA, leftB] = [a.counts[0], b.counts[0]];
  while (i < a.counts.length && j < b.counts.length) {
    const length = Math.min(leftA, leftB);
    if (length > 0) visit(length, i % 2 === 1, j % 2 === 1);
    leftA -= length;
    leftB -= length;
    if (leftA === 0) leftA = a.counts[++i];
    if (leftB === 0) leftB = b.counts[++j];
  }
}
