import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, countBoxes, joinBoxes, type Size } from '../../src/boxes/boxes.js';
import { type LevelRule, levelsOf } from '../../src/boxes/levels.js';
import type { FeatureSpec } from '../../src/contracts.js';
import { type RoiAlignOptions, roiAlign } from '../../src/ops/roi-align.js';
import { takeRows } from '../../src/ops/take-rows.js';

export interface PoolingOptions extends Pick<RoiAlignOptions, 'samplingRatio' | 'centres'> {
  readonly levelRule: LevelRule;
  readonly scales: 'inferred' | 'level';
}

/** The levels of a pyramid that boxes are read from, of pictures of these sizes (without what is padded). */
export interface PooledLevels {
  readonly specs: readonly FeatureSpec[];
  readonly maps: readonly tf.Tensor4D[];
  readonly sizes: readonly Size[];
}

/**
 * What the pyramid holds in each box, each read from the level that suits its size: [boxes, side, side, channels], the boxes of
 * the first picture first.
 */
export function poolBoxes(
  { specs, maps, sizes }: PooledLevels,
  boxes: readonly Boxes[],
  side: number,
  { samplingRatio, centres, levelRule, scales }: PoolingOptions,
): tf.Tensor4D {
  const all = joinBoxes(boxes);
  const pictures = boxes.flatMap((own, picture) => Array.from({ length: countBoxes(own) }, () => picture));
  // torchvision takes the nearest power of two of what the largest picture was scaled by
  const tallest = Math.max(...sizes.map(([height]) => height));
  const scaleOf = maps.map((map, i) =>
    scales === 'level' ? 1 / specs[i].stride : 2 ** Math.round(Math.log2(map.shape[1] / tallest)),
  );
  const levels = levelsOf(all, Math.trunc(-Math.log2(scaleOf[0])), maps.length, levelRule);
  return tf.tidy(() => {
    const order: number[] = [];
    const pooled = maps.map((map, level) => {
      const own = pictures.flatMap((_, i) => (levels[i] === level ? [i] : []));
      order.push(...own);
      const rois = own.flatMap((i) => [pictures[i], ...all.subarray(4 * i, 4 * i + 4)]);
      const options = { outputSize: [side, side], scale: scaleOf[level], samplingRatio, centres } as const;
      return roiAlign(map, tf.tensor2d(rois, [own.length, 5]), options);
    });
    const places = new Int32Array(order.length);
    for (const [place, i] of order.entries()) places[i] = place;
    return takeRows(tf.concat(pooled, 0), places);
  });
}
