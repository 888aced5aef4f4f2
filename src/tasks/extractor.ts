import * as tf from '@tensorflow/tfjs-core';
import type { Backbone, BaseModel, FeatureSpec } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { AutoImageProcessor } from '../image/auto.js';
import type { ImageSource } from '../image/image-source.js';
import { AutoBackbone, AutoModel, type AutoOptions } from '../weights/auto.js';
import { openSource } from '../weights/source.js';
import { type Network, type PictureProcessor, type Streamed, type StreamOptions, streamPictures } from './stream.js';

/** A feature map of one picture, or the mean of one, as plain data. */
export interface FeatureMapData {
  /** Of the stage; `last_hidden_state` or `pooler_output` of a whole model. */
  readonly name: string;
  /** In the order of `shape`: row by row, the channels of a cell together. */
  readonly data: Float32Array;
  /** [height, width, channels], or [channels] where pooled. */
  readonly shape: readonly number[];
  /** Pixels of the processed picture per cell. */
  readonly stride: number;
}

/** `mean` gives the mean of each map over height and width, and of a whole model its `pooler_output`. */
export type Pool = 'none' | 'mean';

/** How a source is opened to extract features. */
export interface ExtractorOptions extends Omit<AutoOptions, 'outputHiddenStates'> {
  /** Default `none`. */
  readonly pool?: Pool;
}

/** What gives the features of pictures, here or in a worker. */
export interface Extractor {
  /** In the order of the pictures, as `streamPictures`. */
  extract<Picture extends ImageSource>(
    pictures: readonly Picture[],
    options: StreamOptions,
  ): AsyncGenerator<Streamed<Picture, readonly FeatureMapData[]>, void, undefined>;
  dispose(): Promise<void>;
}

/** An extractor of a model that its caller disposes. Throws E_ARGUMENT for an unknown `pool`. */
export function createExtractor(
  model: Backbone | BaseModel,
  processor: PictureProcessor,
  pool: Pool = 'none',
): Pick<Extractor, 'extract'> {
  const { specs, network } = pooled(model, pool);
  return {
    async *extract(pictures, options) {
      for await (const { path, result, error } of streamPictures(network, processor, pictures, options)) {
        if (error) yield { path, error };
        else yield { path, result: specs.map(({ name, stride }) => ({ name, ...result[name], stride })) };
      }
    },
  };
}

/**
 * An extractor of a source in this thread. Throws as `AutoBackbone.fromPretrained`, and E_PLUGIN where a whole model is
 * wanted of a plugin that has none.
 */
export async function openExtractor(
  source: string | URL,
  { pool, processor, ...options }: ExtractorOptions & { readonly processor?: PictureProcessor },
): Promise<Extractor> {
  checkPool(pool);
  const reader = processor ?? (await AutoImageProcessor.fromPretrained(source, options));
  const isBackbone =
    options.outFeatures != null || options.outIndices != null || (await holdsBackbone(source, options));
  const model = await (isBackbone ? AutoBackbone : AutoModel).fromPretrained(source, options);
  return { ...createExtractor(model, reader, pool), dispose: async () => model.dispose() };
}

/** Whether a backbone wrote the source, as the `architectures` of its config say. */
async function holdsBackbone(source: string | URL, options: ExtractorOptions): Promise<boolean> {
  const { architectures } = Object((await openSource(source, options)).config);
  return Array.isArray(architectures) && architectures.some((name) => String(name).endsWith('Backbone'));
}

/** A model as a network, and what the outputs of that are. */
function pooled(model: Backbone | BaseModel, pool: Pool) {
  checkPool(pool);
  if ('featureSpecs' in model) {
    const mean = (maps: Readonly<Record<string, tf.Tensor4D>>) =>
      Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, tf.mean(map, [1, 2])]));
    const network: Network = (pixels) => (pool === 'mean' ? mean(model.forward(pixels)) : model.forward(pixels));
    return { specs: model.featureSpecs as readonly Omit<FeatureSpec, 'channels'>[], network };
  }
  const name = pool === 'mean' ? 'pooler_output' : 'last_hidden_state';
  const network: Network = (pixels) => {
    const { lastHiddenState, poolerOutput } = model.forward(pixels);
    return { [name]: pool === 'mean' ? poolerOutput : lastHiddenState };
  };
  return { specs: [{ name, stride: model.stride }], network };
}

function checkPool(pool: Pool = 'none'): void {
  const pools = ['none', 'mean'];
  if (pools.includes(pool)) return;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'pool',
    wanted: 'none or mean',
    got: show(pool),
    suggestion: didYouMean(String(pool), pools),
  });
}
