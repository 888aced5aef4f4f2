import type { Size } from './boxes.js';

/** How the probabilities of a mask's cells become those of a picture's pixels. */
export type MaskPaste =
  /** torchvision: a cell of zeros around the mask, the box grown alike, cut to whole pixels, and the mask resized to it. */
  | 'whole-box'
  /** mmdetection: each pixel's centre is looked up in the mask. */
  | 'pixel-centres';

/** A rectangle of a picture, and a value of each of its pixels, row after row. */
export interface Patch {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

const round = Math.fround;

/** The part inside of a picture of a mask of side x side probabilities, laid into a box [xmin, ymin, xmax, ymax]. */
export function pasteMask(
  mask: Float32Array,
  side: number,
  [xmin, ymin, xmax, ymax]: ArrayLike<number> & Iterable<number>,
  [height, width]: Size,
  how: MaskPaste,
): Patch {
  const taps = how === 'whole-box' ? wholeBoxTaps : pixelCentreTaps;
  const across = taps(xmin, xmax, side, width);
  const down = taps(ymin, ymax, side, height);
  const values = new Float32Array(across.taps.length * down.taps.length);
  const cell = (x: number, y: number) => (x < 0 || y < 0 || x >= side || y >= side ? 0 : mask[y * side + x]);
  let at = 0;
  for (const [y, shareY] of down.taps) {
    for (const [x, shareX] of across.taps) {
      const upper = round(round((1 - shareX) * cell(x, y)) + round(shareX * cell(x + 1, y)));
      const lower = round(round((1 - shareX) * cell(x, y + 1)) + round(shareX * cell(x + 1, y + 1)));
      values[at++] = round((1 - shareY) * upper) + round(shareY * lower);
    }
  }
  return { left: across.from, top: down.from, width: across.taps.length, height: down.taps.length, values };
}

/** The pixels of an axis from `from` on, each with the cell before its centre and the share of the next one. */
interface Axis {
  readonly from: number;
  readonly taps: readonly (readonly [cell: number, share: number])[];
}

function wholeBoxTaps(low: number, high: number, side: number, length: number): Axis {
  const grown = (side + 2) / side;
  const half = round(round(0.5 * round(high - low)) * round(grown));
  const centre = round(0.5 * round(high + low));
  const [first, last] = [Math.trunc(round(centre - half)), Math.trunc(round(centre + half))];
  const cells = side + 2;
  const scale = round(cells / Math.max(last - first + 1, 1));
  const from = Math.max(first, 0);
  const taps = range(from, Math.min(last + 1, length)).map((pixel) => {
    const source = Math.max(0, round(round(scale * round(pixel - first + 0.5)) - 0.5));
    const cell = Math.floor(source);
    return [cell - 1, round(source - cell)] as const; // less the cell of zeros in front
  });
  return { from, taps };
}

function pixelCentreTaps(low: number, high: number, side: number, length: number): Axis {
  const from = Math.min(Math.max(Math.floor(low) - 1, 0), length);
  const to = high > low ? Math.min(Math.ceil(high) + 1, length) : from;
  const taps = range(from, to).map((pixel) => {
    const source = ((pixel + 0.5 - low) / (high - low)) * side - 0.5;
    const cell = Math.floor(source);
    return [cell, source - cell] as const;
  });
  return { from, taps };
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(to - from, 0) }, (_, i) => from + i);
