import { bilinearTaps } from '../ops/resample.js';
import type { Size, Window } from './windows.js';

/** Logits of a window [height, width, classes], at the head's own resolution. */
export interface CoarseLogits {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** Where each of `to` cells of a resampled axis takes its two sources from, and the share of the second. */
interface Axis {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

function axis(from: number, to: number): Axis {
  const taps = Array.from({ length: to }, (_, i) => bilinearTaps(i, from, to));
  return {
    low: Int32Array.from(taps, ([low]) => low),
    high: Int32Array.from(taps, ([, high]) => high),
    share: Float32Array.from(taps, ([, , share]) => share),
  };
}

/** A window that has been computed, and how its logits are brought to its size. */
interface Computed {
  readonly window: Window;
  readonly logits: CoarseLogits;
  readonly rows: Axis;
  readonly columns: Axis;
}

/**
 * The logits of a grid, row after row, each [width, classes]: those of its windows, bilinear to their size, and their mean where
 * they overlap. A row of windows is computed when the first of its rows is due and forgotten after the last, so that two or
 * three are held at a time. The array is the caller's until the row after the next one.
 */
export async function* gridRows(
  [height, width]: Size,
  classes: number,
  windows: readonly (readonly Window[])[],
  compute: (window: Window) => Promise<CoarseLogits>,
): AsyncGenerator<Float32Array, void, undefined> {
  const buffers = [0, 1].map(() => new Float32Array(width * classes));
  let open: Computed[] = [];
  let begun = 0;
  for (let y = 0; y < height; y++) {
    open = open.filter(({ window }) => y < window.top + window.height);
    while (begun < windows.length && windows[begun][0].top === y) {
      for (const window of windows[begun]) {
        const logits = await compute(window);
        const [rows, columns] = [axis(logits.height, window.height), axis(logits.width, window.width)];
        open.push({ window, logits, rows, columns });
      }
      begun += 1;
    }
    const row = buffers[y % 2].fill(0);
    for (const computed of open) addRow(computed, y, classes, row);
    if (open.length > 1) divide(row, covering(open, width), classes);
    yield row;
  }
}

function addRow({ window, logits, rows, columns }: Computed, y: number, classes: number, row: Float32Array): void {
  const line = mixRows(logits, rows, y - window.top, classes);
  for (let x = 0; x < window.width; x++) {
    const [low, high, share] = [columns.low[x] * classes, columns.high[x] * classes, columns.share[x]];
    const to = (window.left + x) * classes;
    for (let c = 0; c < classes; c++) row[to + c] += line[low + c] + share * (line[high + c] - line[low + c]);
  }
}

/** Row y of logits brought to another height, at their own width. */
function mixRows({ data, width }: CoarseLogits, { low, high, share }: Axis, y: number, classes: number): Float32Array {
  const length = width * classes;
  return mix(data.subarray(low[y] * length, (low[y] + 1) * length), data.subarray(high[y] * length), share[y]);
}

function mix(a: Float32Array, b: Float32Array, share: number): Float32Array {
  const mixed = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) mixed[i] = a[i] + share * (b[i] - a[i]);
  return mixed;
}

/** How many windows lie over each column. */
function covering(open: readonly Computed[], width: number): Int32Array {
  const counts = new Int32Array(width);
  for (const { window } of open) for (let x = 0; x < window.width; x++) counts[window.left + x] += 1;
  return counts;
}

function divide(row: Float32Array, counts: Int32Array, classes: number): void {
  for (let x = 0; x < counts.length; x++) {
    for (let c = x * classes; counts[x] > 1 && c < (x + 1) * classes; c++) row[c] /= counts[x];
  }
}

/** Rows of a grid [width, classes] brought to another size, bilinear; as they are where it is the same. */
export async function* resizeRows(
  rows: AsyncGenerator<Float32Array, void, undefined>,
  [height, width]: Size,
  [toHeight, toWidth]: Size,
  classes: number,
): AsyncGenerator<Float32Array, void, undefined> {
  if (height === toHeight && width === toWidth) return yield* rows;
  const [vertical, columns] = [axis(height, toHeight), axis(width, toWidth)];
  const row = new Float32Array(toWidth * classes);
  const next = async () => (await rows.next()).value as Float32Array;
  let [before, last] = [await next(), undefined as Float32Array | undefined];
  let at = 0; // of `before`
  for (let y = 0; y < toHeight; y++) {
    while (at < vertical.low[y]) {
      before = last ?? (await next());
      last = undefined;
      at += 1;
    }
    if (vertical.high[y] > at) last ??= await next();
    const line = last ? mix(before, last, vertical.share[y]) : before;
    for (let x = 0; x < toWidth; x++) {
      const [low, high, share] = [columns.low[x] * classes, columns.high[x] * classes, columns.share[x]];
      for (let c = 0; c < classes; c++) {
        row[x * classes + c] = line[low + c] + share * (line[high + c] - line[low + c]);
      }
    }
    yield row;
  }
}
