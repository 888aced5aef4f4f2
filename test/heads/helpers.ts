import * as tf from '@tensorflow/tfjs-core';
import { createRandom } from '../../src/nn/random.js';

/** A backbone that is made in no time. */
export const TINY = { model_type: 'convnextv2', depths: [1, 1, 1, 1], hidden_sizes: [4, 5, 6, 7] } as const;

/** Of every detector, small: pictures of some 64 pixels. */
export const SMALL = { backboneConfig: TINY, numLabels: 3, minSize: 48, maxSize: 64 } as const;

export const TWO_STAGE = {
  ...SMALL,
  outChannels: 4,
  anchorSizes: [[6], [12], [18], [30], [48]],
  boxPoolSize: 2,
  representationSize: 8,
  rpnPreNmsTopNTest: 40,
  rpnPostNmsTopNTest: 20,
  boxScoreThresh: 0.1,
} as const;

/** A picture of noise, always the same. */
export function noise(height: number, width: number): tf.Tensor3D {
  const random = createRandom(height * 1000 + width);
  return tf.tensor3d(Float32Array.from({ length: height * width * 3 }, random), [height, width, 3]);
}
