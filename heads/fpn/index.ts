import * as tf from '@tensorflow/tfjs-core';
import type { FeatureSpec, Scope } from '../../src/contracts.js';
import { ConvNextV2Error, show } from '../../src/errors.js';
import { conv2d } from '../../src/nn/layers.js';
import { resample } from '../../src/ops/resample.js';

/** What comes after the level of the coarsest map. */
export const EXTRA_LEVELS = {
  none: [],
  /** Every second cell of the last level (Faster and Mask R-CNN, for proposals alone). */
  'max-pool': ['pool'],
  /** P6 and P7 by convolutions of stride 2, P6 from the backbone's last map (RetinaNet). */
  'p6p7-from-c5': ['p6', 'p7'],
  /** The same, P6 from the last level. */
  'p6p7-from-p5': ['p6', 'p7'],
} as const;

export type ExtraLevels = keyof typeof EXTRA_LEVELS;

export interface PyramidOptions {
  /** Channels of every level. */
  readonly channels: number;
  readonly extra: ExtraLevels;
  /** What P7 is made from: P6 after a ReLU (default), or as it is. */
  readonly activation?: 'relu' | 'linear';
}

/** Maps of one width, fine to coarse, each with half the cells of the one before along each side. */
export interface Pyramid {
  /** Named by their numbers, and the extra levels `pool`, or `p6` and `p7`. */
  readonly levels: readonly FeatureSpec[];
  /** The backbone's maps [n, h, w, c], fine to coarse, to the levels [n, h, w, channels]; the caller disposes them. */
  forward(maps: readonly tf.Tensor4D[]): tf.Tensor4D[];
}

/** Of fresh weights: what Kaiming's uniform distribution with a = 1 would have, torchvision's own. */
const deviation = (from: number, kernel: number): number => 1 / Math.sqrt(from * kernel * kernel);

/**
 * A feature pyramid (Lin et al. 2017) on maps of any number and any widths: a lateral 1x1 of each, each coarser one added to the
 * finer by its nearest cells, then a 3x3. Parameters as torchvision: `inner_blocks`, `layer_blocks`, `extra_blocks`. Throws
 * E_ARGUMENT for no maps.
 */
export function featurePyramid(
  scope: Scope,
  specs: readonly FeatureSpec[],
  { channels, extra, activation = 'relu' }: PyramidOptions,
): Pyramid {
  const last = specs.at(-1);
  if (!last) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'pyramid',
      wanted: 'a backbone that gives maps',
      got: show(specs),
    });
  }
  const laterals = specs.map(({ channels: from }, i) =>
    conv2d(scope.within('inner_blocks').within(i).within(0), {
      from,
      to: channels,
      kernel: 1,
      deviation: deviation(from, 1),
    }),
  );
  const to3x3 = { to: channels, kernel: 3, padding: 1 } as const;
  const outputs = specs.map((_, i) =>
    conv2d(scope.within('layer_blocks').within(i).within(0), {
      from: channels,
      ...to3x3,
      deviation: deviation(channels, 3),
    }),
  );
  const extras = EXTRA_LEVELS[extra];
  const coarser = extras.length === 2 ? halving(scope.within('extra_blocks')) : undefined;

  function halving(blocks: Scope) {
    const source = extra === 'p6p7-from-c5' ? last!.channels : channels;
    const options = { ...to3x3, stride: 2 } as const;
    const p6 = conv2d(blocks.within('p6'), { from: source, ...options, deviation: deviation(source, 3) });
    const p7 = conv2d(blocks.within('p7'), { from: channels, ...options, deviation: deviation(channels, 3) });
    return (c5: tf.Tensor4D, p5: tf.Tensor4D) => {
      const sixth = p6(extra === 'p6p7-from-c5' ? c5 : p5);
      return [sixth, p7(activation === 'relu' ? tf.relu(sixth) : sixth)];
    };
  }

  return {
    levels: [
      ...specs.map(({ stride }, i) => ({ name: String(i), channels, stride })),
      ...extras.map((name, i) => ({ name, channels, stride: last.stride * 2 ** (i + 1) })),
    ],
    forward: (maps) =>
      tf.tidy(() => {
        const merged: tf.Tensor4D[] = [];
        for (let i = maps.length - 1; i >= 0; i--) {
          const lateral = laterals[i](maps[i]);
          const [, height, width] = lateral.shape;
          const above = merged[0];
          merged.unshift(above ? tf.add(lateral, resample(above, [height, width], 'nearest')) : lateral);
        }
        const levels = merged.map((map, i) => outputs[i](map));
        const p5 = levels[levels.length - 1];
        if (extra === 'max-pool') levels.push(tf.maxPool(p5, 1, 2, 'valid'));
        if (coarser) levels.push(...coarser(maps[maps.length - 1], p5));
        return levels;
      }),
  };
}
