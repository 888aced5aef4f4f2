import type { Backbone, BaseModel } from '../contracts.js';
import { ConvNextV2Error, checkKnown } from '../errors.js';
import type { ImageSource } from '../image/image-source.js';
import { AutoConfig } from '../weights/auto.js';
import { OPTIONS } from '../weights/pretrained-options.js';
import { readCallOptions } from './call-options.js';
import {
  createExtractor,
  type Extractor,
  type ExtractorOptions,
  type FeatureMapData,
  openExtractor,
} from './extractor.js';
import { openInWorker } from './extractor-in-worker.js';
import { makePipeline, type Pipeline } from './make-pipeline.js';
import { type PictureProcessor, refuseAborted, STREAM_OPTIONS, type StreamOptions } from './stream.js';

/** Where the work is done. */
interface Threaded {
  /**
   * Whether a thread of its own does all the work, so that this one stays free; it opens the source for itself, on the backend
   * that is active here. Default false.
   */
  readonly worker?: boolean;
}

/** Options of features besides those of their source. */
const OWN_OPTIONS = ['pool', 'worker'] as const;

/** What came of one picture; `path` is what was given for it. */
export type Extracted<Picture> =
  | { readonly path: Picture; readonly maps: readonly FeatureMapData[]; readonly error?: undefined }
  | { readonly path: Picture; readonly maps?: undefined; readonly error: ConvNextV2Error };

/** How features are extracted of many pictures. */
export interface ExtractOptions extends StreamOptions, Pick<ExtractorOptions, 'pool'> {
  /** What reads the pictures. Default: the image processor of the source. */
  readonly processor?: PictureProcessor;
}

/**
 * The features of many pictures, in their order and in bounded memory: while some are computed, the next are read and decoded.
 * Pictures of equal size are computed at once, `batchSize` at most. A picture that cannot be read or computed gives `error`
 * (E_IMAGE, E_LIMIT, E_NETWORK, E_SHAPE, E_NON_FINITE), and the others go on.
 *
 * The model is an open one, and then needs a `processor`; or a source, which is opened and disposed: a backbone where
 * `outFeatures` or `outIndices` are given or a backbone wrote the source, a whole model otherwise.
 *
 * Throws E_ABORTED, E_ARGUMENT, what opening the source throws, and what is no fault of one picture's. However it ends,
 * also by `break`, no tensor, file or worker is left behind.
 */
export function extractFeatures<Picture extends ImageSource>(
  model: Backbone | BaseModel,
  pictures: readonly Picture[],
  options: ExtractOptions & { readonly processor: PictureProcessor },
): AsyncGenerator<Extracted<Picture>, void, undefined>;
export function extractFeatures<Picture extends ImageSource>(
  source: string | URL,
  pictures: readonly Picture[],
  options?: ExtractOptions & ExtractorOptions & Threaded,
): AsyncGenerator<Extracted<Picture>, void, undefined>;
export async function* extractFeatures<Picture extends ImageSource>(
  model: Backbone | BaseModel | string | URL,
  pictures: readonly Picture[],
  given: ExtractOptions & ExtractorOptions & Threaded = {},
): AsyncGenerator<Extracted<Picture>, void, undefined> {
  const isSource = typeof model === 'string' || model instanceof URL;
  const known = [...STREAM_OPTIONS, ...OWN_OPTIONS, 'processor', ...(isSource ? OPTIONS : [])];
  const { signal, batchSize, concurrency, limits, ...options } = readCallOptions<typeof given>(given, known);
  refuseAborted(signal);
  const extractor = isSource ? await open(model, options) : ofModel(model, options);
  try {
    const items = extractor.extract(pictures, { signal, batchSize, concurrency, limits });
    for await (const { path, result, error } of items) {
      yield error ? { path, error } : { path, maps: result };
    }
  } finally {
    await extractor.dispose();
  }
}

/** One picture to its maps, several to a list of these. */
export type ImageFeatureExtractionPipeline = Pipeline<readonly FeatureMapData[], StreamOptions>;

/** `pipeline('image-feature-extraction', source, options)`. */
export async function openFeaturePipeline(
  source: string | URL,
  options: ExtractorOptions & Threaded = {},
): Promise<ImageFeatureExtractionPipeline> {
  checkKnown(options, [...OWN_OPTIONS, ...OPTIONS]);
  const { pool, worker, ...opening } = options;
  const config = await AutoConfig.fromPretrained(source, opening);
  const { extract, dispose } = await open(source, options);
  return makePipeline({
    async *run(pictures, given) {
      yield* extract(pictures, readCallOptions<StreamOptions>(given, STREAM_OPTIONS));
    },
    config,
    dispose,
  });
}

type OpenOptions = ExtractorOptions & Threaded & { readonly processor?: PictureProcessor };

function open(source: string | URL, { worker = false, ...options }: OpenOptions): Promise<Extractor> {
  return worker ? openInWorker(source, options) : openExtractor(source, options);
}

function ofModel(model: Backbone | BaseModel, { processor, pool, worker }: OpenOptions): Extractor {
  if (worker) {
    const problem = { path: 'worker', wanted: 'a source, which a worker can open', got: 'an open model' };
    throw new ConvNextV2Error('E_ARGUMENT', problem);
  }
  if (!processor) {
    const suggestion = 'AutoImageProcessor.fromPretrained opens that of a source';
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'processor',
      wanted: 'one, for an open model',
      got: 'none',
      suggestion,
    });
  }
  return { ...createExtractor(model, processor, pool), dispose: async () => {} };
}
