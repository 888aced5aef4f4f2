import type * as tf from '@tensorflow/tfjs-core';
import type { Layer } from '../../src/nn/layers.js';
import { flattenLevels } from '../detection/levels.js';

/** What a layer tells of all anchors of these maps, so many values of each: [n, all anchors, values]. */
export function predictOver(maps: readonly tf.Tensor4D[], layer: Layer, values: number): tf.Tensor3D {
  return flattenLevels(
    maps.map((map) => layer(map)),
    values,
  );
}
