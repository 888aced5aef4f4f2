import * as tf from '@tensorflow/tfjs-core';
import type { Backbone } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import type { ImageSource } from '../image/image-source.js';
import type { ConvNextImageProcessor } from '../image/processor.js';

/** A feature map of one picture, as plain data. */
export interface FeatureMapData {
  readonly name: string;
  /** In the order of `shape`: row by row, the channels of a cell together. */
  readonly data: Float32Array;
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number];
  /** Pixels of the processed picture per cell. */
  readonly stride: number;
}

/**
 * A picture to feature maps, fine to coarse. Throws what the processor throws for a picture, and E_NON_FINITE where a map
 * holds NaN or Infinity.
 */
export async function extractFeatureMaps(
  backbone: Backbone,
  processor: ConvNextImageProcessor,
  image: ImageSource,
): Promise<readonly FeatureMapData[]> {
  const { pixelValues } = await processor.preprocess(image);
  let maps: Readonly<Record<string, tf.Tensor4D>>;
  try {
    maps = backbone.forward(pixelValues);
  } finally {
    pixelValues.dispose();
  }
  try {
    return await Promise.all(
      backbone.featureSpecs.map(async ({ name, stride }) => {
        const [, height, width, channels] = maps[name].shape;
        const data = (await maps[name].data()) as Float32Array;
        requireFinite(name, data);
        return { name, data, shape: [height, width, channels] as const, stride };
      }),
    );
  } finally {
    tf.dispose(maps);
  }
}

function requireFinite(name: string, data: Float32Array): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new ConvNextV2Error('E_NON_FINITE', { path: name, wanted: 'finite features', got: `${data[at]} at ${at}` });
}
