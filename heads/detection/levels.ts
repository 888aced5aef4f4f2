import * as tf from '@tensorflow/tfjs-core';

/** Predictions of each level, [n, h, w, anchors * values], as [n, all anchors, values]: row after row, level after level. */
export function flattenLevels(levels: readonly tf.Tensor4D[], values: number): tf.Tensor3D {
  return tf.tidy(() =>
    tf.concat(
      levels.map((map) => tf.reshape(map, [map.shape[0], -1, values]) as tf.Tensor3D),
      1,
    ),
  );
}
