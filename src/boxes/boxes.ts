/**
 * Boxes one after the other, [xmin, ymin, xmax, ymax] each, in pixels: four numbers a box. All arithmetic on them is rounded to
 * float32 at every step, as PyTorch's is, so that the same boxes are found.
 */
export type Boxes = Float32Array;

/** The height and width of a picture, in pixels. */
export type Size = readonly [height: number, width: number];

const round = Math.fround;

/** How many boxes there are. */
export const countBoxes = (boxes: Boxes): number => boxes.length / 4;

/** The boxes at these places. */
export function takeBoxes(boxes: Boxes, indices: ArrayLike<number>): Boxes {
  const taken = new Float32Array(4 * indices.length);
  for (let i = 0; i < indices.length; i++) taken.set(boxes.subarray(4 * indices[i], 4 * indices[i] + 4), 4 * i);
  return taken;
}

/** Several lists in one. */
export function joinBoxes(lists: readonly Boxes[]): Boxes {
  const joined = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const boxes of lists) {
    joined.set(boxes, at);
    at += boxes.length;
  }
  return joined;
}

/** The boxes, moved to the nearest place inside of a picture. */
export function clipBoxes(boxes: Boxes, [height, width]: Size): Boxes {
  return boxes.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? width : height));
}

/** Which boxes have both sides of at least `smallest`. */
export function largeEnough(boxes: Boxes, smallest: number): number[] {
  const least = round(smallest);
  const kept: number[] = [];
  for (let i = 0; i < boxes.length; i += 4) {
    if (round(boxes[i + 2] - boxes[i]) >= least && round(boxes[i + 3] - boxes[i + 1]) >= least) kept.push(i / 4);
  }
  return kept;
}

/** Boxes of a picture of one size in the same picture at another. */
export function resizeBoxes(boxes: Boxes, [fromHeight, fromWidth]: Size, [toHeight, toWidth]: Size): Boxes {
  const [byX, byY] = [round(toWidth / fromWidth), round(toHeight / fromHeight)];
  return boxes.map((value, i) => value * (i % 2 === 0 ? byX : byY));
}

/** The area of box i. */
export const areaAt = (boxes: Boxes, i: number): number =>
  round(round(boxes[4 * i + 2] - boxes[4 * i]) * round(boxes[4 * i + 3] - boxes[4 * i + 1]));

/** The area that box i of `a` and box j of `b` share. */
function sharedArea(a: Boxes, i: number, b: Boxes, j: number): number {
  const width = round(Math.min(a[4 * i + 2], b[4 * j + 2]) - Math.max(a[4 * i], b[4 * j]));
  const height = round(Math.min(a[4 * i + 3], b[4 * j + 3]) - Math.max(a[4 * i + 1], b[4 * j + 1]));
  return width > 0 && height > 0 ? round(width * height) : 0;
}

/** The share of two boxes that both cover (intersection over union); NaN for two without area. */
export function overlap(a: Boxes, i: number, b: Boxes, j: number, areaA = areaAt(a, i), areaB = areaAt(b, j)): number {
  const shared = sharedArea(a, i, b, j);
  return round(shared / round(round(areaA + areaB) - shared));
}

/** The overlaps of all boxes of `a` with all of `b`: [a, b], row after row. */
export function overlaps(a: Boxes, b: Boxes): Float32Array {
  return pairs(a, b, (i, j, areaA, areaB) => overlap(a, i, b, j, areaA, areaB));
}

/** Generalised IoU (Rezatofighi et al. 2019): less the share of the smallest box around both that neither covers. */
export function generalizedOverlaps(a: Boxes, b: Boxes): Float32Array {
  return pairs(a, b, (i, j, areaA, areaB) => {
    const shared = sharedArea(a, i, b, j);
    const union = round(round(areaA + areaB) - shared);
    const width = round(Math.max(a[4 * i + 2], b[4 * j + 2]) - Math.min(a[4 * i], b[4 * j]));
    const height = round(Math.max(a[4 * i + 3], b[4 * j + 3]) - Math.min(a[4 * i + 1], b[4 * j + 1]));
    const around = round(width * height);
    return round(round(shared / union) - round(round(around - union) / around));
  });
}

function pairs(
  a: Boxes,
  b: Boxes,
  value: (i: number, j: number, areaA: number, areaB: number) => number,
): Float32Array {
  const [m, n] = [countBoxes(a), countBoxes(b)];
  const areas = Float32Array.from({ length: n }, (_, j) => areaAt(b, j));
  const values = new Float32Array(m * n);
  for (let i = 0; i < m; i++) {
    const area = areaAt(a, i);
    for (let j = 0; j < n; j++) values[i * n + j] = value(i, j, area, areas[j]);
  }
  return values;
}
