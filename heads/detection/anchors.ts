import { cellAnchors, gridAnchors } from '../../src/boxes/anchors.js';
import type { Boxes, Size } from '../../src/boxes/boxes.js';
import type { FeatureSpec } from '../../src/contracts.js';
import type { AnyDetectorConfig } from './config.js';
import type { CommonSettings } from './settings.js';

/** Where boxes are looked for: the anchors of each level's cells. */
export interface Anchors {
  /** Anchors of a cell. */
  readonly perCell: number;
  /** Those of each level for maps of these sizes and a padded picture of this size. */
  over(maps: readonly Size[], padded: Size): readonly Boxes[];
}

/** Throws E_CONFIG where there are not as many lists of sizes as levels, or lists of several lengths. */
export function createAnchors(
  config: AnyDetectorConfig,
  settings: CommonSettings,
  levels: readonly FeatureSpec[],
): Anchors {
  const { anchorSizes, aspectRatios, anchorRounding, anchorStrides } = settings;
  const perCell = anchorSizes[0].length * aspectRatios.length;
  if (anchorSizes.length !== levels.length || anchorSizes.some(({ length }) => length !== anchorSizes[0].length)) {
    const wanted = `${levels.length} lists of one length, for the levels ${levels.map(({ name }) => name).join(', ')}`;
    throw config.problem('anchor_sizes', wanted, `lists of ${anchorSizes.map(({ length }) => length).join(', ')}`);
  }
  const cells = anchorSizes.map((sizes) => cellAnchors({ sizes, ratios: aspectRatios, rounding: anchorRounding }));
  return {
    perCell,
    over: (maps, padded) =>
      maps.map((size, i) => {
        const { stride } = levels[i];
        const strides = [0, 1].map((axis) =>
          anchorStrides === 'grid' ? Math.floor(padded[axis] / size[axis]) : stride,
        );
        return gridAnchors(cells[i], size, [strides[0], strides[1]]);
      }),
  };
}
