import type { Size } from './windows.js';

/** Rows of logits [width, classes] of a picture. */
export type LogitRows = AsyncGenerator<Float32Array, void, undefined>;

/** The class of each pixel, row after row. */
export type Classes = Uint8Array | Uint16Array;

/** Room for the classes of a picture: a byte each where that is enough. */
export function newClasses(length: number, classes: number): Classes {
  return classes <= 256 ? new Uint8Array(length) : new Uint16Array(length);
}

/**
 * The likeliest class of each pixel, the lower of two alike: by the logits, or where there are several views of a picture by the
 * mean of their probabilities, as mmsegmentation has it. Views that are mirrored are turned back.
 */
export async function classesOf(
  views: readonly { readonly rows: LogitRows; readonly isMirrored: boolean }[],
  [height, width]: Size,
  classes: number,
): Promise<Classes> {
  const found = newClasses(height * width, classes);
  const sum = new Float32Array(width * classes);
  for (let y = 0; y < height; y++) {
    let scores: Float32Array = sum;
    sum.fill(0);
    for (const { rows, isMirrored } of views) {
      const row = (await rows.next()).value as Float32Array;
      if (views.length === 1 && !isMirrored) scores = row;
      else addProbabilities(row, sum, classes, isMirrored);
    }
    for (let x = 0; x < width; x++) found[y * width + x] = argMax(scores, x * classes, classes);
  }
  return found;
}

function argMax(values: Float32Array, from: number, count: number): number {
  let best = from;
  for (let i = from + 1; i < from + count; i++) if (values[i] > values[best]) best = i;
  return best - from;
}

/** Adds the softmax of each pixel of a row. */
function addProbabilities(row: Float32Array, sum: Float32Array, classes: number, isMirrored: boolean): void {
  for (let at = 0; at < row.length; at += classes) {
    const largest = row[at + argMax(row, at, classes)];
    let total = 0;
    for (let c = at; c < at + classes; c++) total += Math.exp(row[c] - largest);
    const to = isMirrored ? row.length - classes - at : at;
    for (let c = 0; c < classes; c++) sum[to + c] += Math.exp(row[at + c] - largest) / total;
  }
}
