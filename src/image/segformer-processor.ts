import type * as tf from '@tensorflow/tfjs-core';
import type { PreprocessorConfigFile } from '../../configs/files.js';
import { ensureBackend } from '../backend/use-backend.js';
import { validateConfig } from '../config/validate.js';
import type { Layout } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import type { HubOptions } from '../weights/hub/settings.js';
import { checkOptions } from '../weights/pretrained-options.js';
import { openPreprocessor, savePreprocessor, shippedPreprocessor } from '../weights/source.js';
import type { ImageSource } from './image-source.js';
import { checkPixels, type ImageLimits, readLimits } from './limits.js';
import { PIL_FILTERS, type PilFilter, readPilFilter, resizePil } from './pil-resize.js';
import type { ValueSettings } from './preprocess.js';
import { isRecord, otherKeys, readSize, rename, withoutLists } from './settings.js';
import { readLayout, toPixels } from './to-pixels.js';

/** What a SegformerImageProcessor does to a picture, in this order. */
export interface SegformerProcessorOptions extends Partial<ValueSettings> {
  readonly doResize?: boolean;
  /** The size that pictures are squashed to; a number alone is both sides. Default 512. */
  readonly size?: number | { readonly height: number; readonly width: number };
  /** PIL's filter, by name or number. Default bilinear. */
  readonly resample?: PilFilter | number;
  /** Whether label maps hold 0 for no class, and one more than the index for every class. Default false. */
  readonly doReduceLabels?: boolean;
}

const KEYS = {
  doResize: 'do_resize',
  size: 'size',
  resample: 'resample',
  doRescale: 'do_rescale',
  rescaleFactor: 'rescale_factor',
  doNormalize: 'do_normalize',
  imageMean: 'image_mean',
  imageStd: 'image_std',
  doReduceLabels: 'do_reduce_labels',
} as const satisfies Record<keyof SegformerProcessorOptions, keyof PreprocessorConfigFile>;

/** transformers' IMAGENET_DEFAULT_MEAN and _STD. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** The classes of the reference, old and new, that do what this one does. */
export const SEGFORMER_NAMES: readonly string[] = [
  'SegformerImageProcessor',
  'SegformerImageProcessorFast',
  'SegformerImageProcessorPil',
  'SegformerFeatureExtractor',
];

/** Turns pictures into the input of a segmenter, as the reference's processor on PIL does, to the bit. */
export class SegformerImageProcessor implements ValueSettings {
  declare readonly doResize: boolean;
  declare readonly size: { readonly height: number; readonly width: number };
  declare readonly resample: PilFilter;
  declare readonly doRescale: boolean;
  declare readonly rescaleFactor: number;
  declare readonly doNormalize: boolean;
  declare readonly imageMean: number | readonly number[];
  declare readonly imageStd: number | readonly number[];
  declare readonly doReduceLabels: boolean;
  #otherKeys: Readonly<Record<string, unknown>> = {};

  /** Throws E_CONFIG with all that is wrong. */
  constructor(options: SegformerProcessorOptions = {}) {
    Object.assign(this, readSettings(toFile(options), 'SegformerImageProcessor'));
  }

  /** From a parsed preprocessor_config.json; `file` is for messages. Keys that nobody knows are kept. Throws E_CONFIG. */
  static fromJSON(json: unknown, file: string): SegformerImageProcessor {
    const { image_processor_type: type, feature_extractor_type: older } = Object(json);
    const name = type ?? older ?? SEGFORMER_NAMES[0];
    if (!SEGFORMER_NAMES.includes(name)) {
      throw new ConvNextV2Error('E_CONFIG', {
        path: `${file}: /${type == null ? 'feature_extractor_type' : 'image_processor_type'}`,
        wanted: `one of ${SEGFORMER_NAMES.join(', ')}`,
        got: show(name),
      });
    }
    const processor = new SegformerImageProcessor(readSettings(json, file));
    processor.#otherKeys = otherKeys(json as object, { ...KEYS, reduceLabels: 'reduce_labels' });
    return processor;
  }

  /**
   * From a folder with a preprocessor_config.json, or the file itself; for a config alone, ADE20K's at 512 x 512, as the published
   * segmenters have it. Throws E_SOURCE, E_JSON, E_LIMIT, E_CONFIG.
   */
  static async fromPretrained(source: string | URL, options: HubOptions = {}): Promise<SegformerImageProcessor> {
    checkOptions(options);
    const { json, file } = await openPreprocessor(source, options, () => shippedPreprocessor('ade20k-512'));
    return SegformerImageProcessor.fromJSON(json, file);
  }

  /** The preprocessor_config.json of this processor, which transformers reads. */
  toJSON(): Readonly<Record<string, unknown>> {
    const file = { ...this.#otherKeys, image_processor_type: SEGFORMER_NAMES[0], ...toFile({ ...this }) };
    return Object.fromEntries(Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Writes preprocessor_config.json into a folder, which is made where it is missing. Throws E_OUTPUT, E_ARGUMENT. */
  savePretrained(folder: string): Promise<void> {
    return savePreprocessor(folder, this.toJSON());
  }

  /**
   * Decodes, squashes, rescales and normalises; files and bytes are taken as RGB, decoded pixels as they are. `pixelValues` is
   * [n, height, width, channels] ([n, channels, height, width] with layout NCHW); the caller disposes it. Throws what `decodeImage`
   * throws; E_SHAPE where pictures of one batch come out unequal or the means do not fit.
   */
  async preprocess(
    images: ImageSource | readonly ImageSource[],
    options: SegformerProcessorOptions & { readonly layout?: Layout; readonly limits?: ImageLimits } = {},
  ): Promise<{ readonly pixelValues: tf.Tensor4D }> {
    await ensureBackend();
    const { layout, limits: wantedLimits = {}, ...overrides } = options;
    const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
    const settings = given.length > 0 ? new SegformerImageProcessor({ ...this, ...Object.fromEntries(given) }) : this;
    const limits = readLimits(wantedLimits);
    const { doResize, size, resample } = settings;
    return toPixels(images, settings, { layout: readLayout(layout), limits }, (image, name) => {
      if (!doResize) return image;
      checkPixels(`${name}, resized`, size.height, size.width, limits);
      return resizePil(image, size.height, size.width, resample);
    });
  }
}

/** The options as the reference's file spells them. Names that are no option throw E_CONFIG. */
function toFile(options: SegformerProcessorOptions): Readonly<Record<string, unknown>> {
  const { resample } = options;
  return {
    ...rename(options, KEYS, 'SegformerImageProcessor'),
    ...(typeof resample === 'string' && { resample: PIL_FILTERS.indexOf(readPilFilter(resample)) }),
  };
}

/** Checks and completes the settings of a file; as in the reference, a null switch is off, any other null the default. */
function readSettings(json: unknown, file: string) {
  const config = withoutLists(json) as PreprocessorConfigFile;
  validateConfig('preprocessor', config, { file, unknownKeys: 'keep' });
  const { do_resize = true, do_rescale = true, do_normalize = true, size = 512 } = config;
  const { height, width } = readSize(size ?? 512, 'square');
  if (height == null || width == null || (isRecord(size) && (size.shortest_edge ?? size.longest_edge) != null)) {
    const problem = { path: `${file}: /size`, wanted: 'a height and a width, and nothing else', got: show(size) };
    throw new ConvNextV2Error('E_CONFIG', problem);
  }
  return {
    doResize: do_resize ?? false,
    size: { height, width },
    resample: PIL_FILTERS[config.resample ?? 2],
    doRescale: do_rescale ?? false,
    rescaleFactor: config.rescale_factor ?? 1 / 255,
    doNormalize: do_normalize ?? false,
    imageMean: config.image_mean ?? IMAGENET.mean,
    imageStd: config.image_std ?? IMAGENET.std,
    doReduceLabels: config.do_reduce_labels ?? config.reduce_labels ?? false,
  };
}
