import { areaAt, type Boxes, countBoxes } from '../../src/boxes/boxes.js';
import { BACKGROUND } from '../../src/boxes/matcher.js';

const round = Math.fround;

/** torchvision compares areas by what is left of this, in float32: those that differ by less than 8 are alike. */
const LARGEST = 1e8;

/**
 * For each anchor the truth that it is to find, or BACKGROUND: one that holds its centre, near the truth's own (within `radius`
 * sides of the anchor), and whose farthest side lies between four and eight sides away, or nearer on the finest and farther on
 * the coarsest level; of several the smallest.
 */
export function matchCentres(truths: Boxes, levels: readonly Boxes[], radius: number): Int32Array {
  const matches: number[] = [];
  for (const [level, anchors] of levels.entries()) {
    for (let i = 0; i < anchors.length; i += 4) {
      const [x, y] = [round((anchors[i] + anchors[i + 2]) / 2), round((anchors[i + 1] + anchors[i + 3]) / 2)];
      const side = round(anchors[i + 2] - anchors[i]);
      const nearest = level === 0 ? 0 : 4 * side;
      const farthest = level === levels.length - 1 ? Number.POSITIVE_INFINITY : 8 * side;
      let match = BACKGROUND;
      let best = 0;
      for (let t = 0; t < countBoxes(truths); t++) {
        const [xmin, ymin, xmax, ymax] = truths.subarray(4 * t, 4 * t + 4);
        const offset = Math.max(Math.abs(x - round((xmin + xmax) / 2)), Math.abs(y - round((ymin + ymax) / 2)));
        const sides = [x - xmin, y - ymin, xmax - x, ymax - y].map(round);
        const most = Math.max(...sides);
        const finds =
          round(offset) < round(radius * side) && Math.min(...sides) > 0 && most > nearest && most < farthest;
        const smallness = finds ? round(LARGEST - areaAt(truths, t)) : 0;
        if (smallness <= best) continue;
        match = t;
        best = smallness;
      }
      matches.push(match);
    }
  }
  return Int32Array.from(matches);
}
