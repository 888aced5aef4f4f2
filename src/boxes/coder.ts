import type { Boxes } from './boxes.js';

const round = Math.fround;

/** How boxes are told as changes of other boxes, [dx, dy, dw, dh] (Girshick et al. 2014). */
export interface BoxCoding {
  /** What the four changes are multiplied by. */
  readonly weights: readonly [number, number, number, number];
  /** Which growth is bounded, at 1000 / 16: `above` (torchvision), or shrinking as well, `both` (mmdetection). */
  readonly clamp: 'above' | 'both';
}

/** The logarithm of the most that a side grows, so that no number overflows: both references' own. */
const MOST_GROWTH = round(Math.log(1000 / 16));

/** The changes that make each reference its truth. */
export function encodeBoxes(truths: Boxes, references: Boxes, { weights }: Pick<BoxCoding, 'weights'>): Float32Array {
  const [wx, wy, ww, wh] = weights.map(round);
  const deltas = new Float32Array(references.length);
  for (let i = 0; i < deltas.length; i += 4) {
    const from = centred(references, i);
    const to = centred(truths, i);
    deltas[i] = round(wx * round(to.x - from.x)) / from.width;
    deltas[i + 1] = round(wy * round(to.y - from.y)) / from.height;
    deltas[i + 2] = ww * round(Math.log(round(to.width / from.width)));
    deltas[i + 3] = wh * round(Math.log(round(to.height / from.height)));
  }
  return deltas;
}

/**
 * The boxes that changes make of references. Where there are more changes than references, each reference has several
 * boxes, one for each class: [references, classes, 4].
 */
export function decodeBoxes(deltas: Float32Array, references: Boxes, { weights, clamp }: BoxCoding): Boxes {
  const [wx, wy, ww, wh] = weights.map(round);
  const each = references.length === 0 ? 0 : deltas.length / references.length;
  const grown = (delta: number) =>
    round(Math.exp(Math.min(clamp === 'both' ? Math.max(delta, -MOST_GROWTH) : delta, MOST_GROWTH)));
  const boxes = new Float32Array(deltas.length);
  for (let i = 0; i < deltas.length; i += 4) {
    const { x, y, width, height } = centred(references, 4 * Math.floor(i / (4 * each)));
    const centreX = round(round(round(deltas[i] / wx) * width) + x);
    const centreY = round(round(round(deltas[i + 1] / wy) * height) + y);
    const halfWidth = round(0.5 * round(grown(round(deltas[i + 2] / ww)) * width));
    const halfHeight = round(0.5 * round(grown(round(deltas[i + 3] / wh)) * height));
    boxes[i] = centreX - halfWidth;
    boxes[i + 1] = centreY - halfHeight;
    boxes[i + 2] = centreX + halfWidth;
    boxes[i + 3] = centreY + halfHeight;
  }
  return boxes;
}

function centred(boxes: Boxes, i: number) {
  const width = round(boxes[i + 2] - boxes[i]);
  const height = round(boxes[i + 3] - boxes[i + 1]);
  return { x: round(boxes[i] + round(0.5 * width)), y: round(boxes[i + 1] + round(0.5 * height)), width, height };
}

/** FCOS: the distances of a reference's centre to the four sides of its truth, in the reference's own sides. */
export function encodeSides(truths: Boxes, references: Boxes): Float32Array {
  const sides = new Float32Array(references.length);
  for (let i = 0; i < sides.length; i += 4) {
    const { x, y, width, height } = squared(references, i);
    sides[i] = round(x - truths[i]) / width;
    sides[i + 1] = round(y - truths[i + 1]) / height;
    sides[i + 2] = round(truths[i + 2] - x) / width;
    sides[i + 3] = round(truths[i + 3] - y) / height;
  }
  return sides;
}

/** The boxes whose sides lie at these distances. */
export function decodeSides(sides: Float32Array, references: Boxes): Boxes {
  const boxes = new Float32Array(references.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const { x, y, width, height } = squared(references, i);
    boxes[i] = x - round(sides[i] * width);
    boxes[i + 1] = y - round(sides[i + 1] * height);
    boxes[i + 2] = x + round(sides[i + 2] * width);
    boxes[i + 3] = y + round(sides[i + 3] * height);
  }
  return boxes;
}

function squared(boxes: Boxes, i: number) {
  return {
    x: round(0.5 * round(boxes[i] + boxes[i + 2])),
    y: round(0.5 * round(boxes[i + 1] + boxes[i + 3])),
    width: round(boxes[i + 2] - boxes[i]),
    height: round(boxes[i + 3] - boxes[i + 1]),
  };
}
