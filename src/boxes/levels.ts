import { areaAt, type Boxes, countBoxes } from './boxes.js';

/** How the level of a pyramid is chosen that a box is read from: each reference rounds differently at the borders. */
export type LevelRule = 'torchvision' | 'mmdetection';

const round = Math.fround;

/**
 * For each box the level whose cells suit its size (Lin et al. 2017, equation 1): a box of 224 pixels square belongs to stride 16.
 * `finest` is the power of two of the finest level's stride, as 2 for stride 4; levels count from there.
 */
export function levelsOf(boxes: Boxes, finest: number, levels: number, rule: LevelRule): Int32Array {
  return Int32Array.from({ length: countBoxes(boxes) }, (_, i) => {
    const side = round(Math.sqrt(areaAt(boxes, i)));
    const level =
      rule === 'torchvision'
        ? Math.floor(round(round(4 + round(Math.log2(round(side / 224)))) + round(1e-6))) - finest
        : Math.floor(round(Math.log2(round(round(side / 56) + round(1e-6)))));
    return Math.min(Math.max(level, 0), levels - 1);
  });
}
