import type * as tf from '@tensorflow/tfjs-core';
import { ensureBackend } from '../backend/use-backend.js';
import { checkOptions } from '../weights/pretrained-options.js';
import { openPreprocessor, type PreprocessorOptions, savePreprocessor } from '../weights/source.js';
import type { ImageSource } from './image-source.js';
import { type ImageLimits, readLimits } from './limits.js';
import type { PilFilter } from './pil-resize.js';
import { resizeAndCrop } from './preprocess.js';
import {
  type CropMode,
  type ImageProcessorOptions,
  type ImageProcessorSettings,
  otherKeys,
  type PixelSize,
  readSettings,
  toFile,
} from './settings.js';
import { readLayout, toPixels } from './to-pixels.js';

/** Options of one call: what to do otherwise than the processor is set to, and how to give it. */
export interface PreprocessOptions extends ImageProcessorOptions {
  /** Order of the axes of the result. Default NHWC. */
  readonly layout?: 'NHWC' | 'NCHW';
  /** How much a picture from a stranger may ask for. */
  readonly limits?: ImageLimits;
}

/** Turns pictures into the input of a ConvNeXt model, as the reference's processor on PIL does, to the bit. */
export class ConvNextImageProcessor implements ImageProcessorSettings {
  declare readonly doConvertRgb: boolean;
  declare readonly doResize: boolean;
  declare readonly size: PixelSize;
  declare readonly cropPct: number;
  declare readonly cropMode: CropMode | undefined;
  declare readonly resample: PilFilter;
  declare readonly doCenterCrop: boolean;
  declare readonly cropSize: PixelSize | undefined;
  declare readonly doRescale: boolean;
  declare readonly rescaleFactor: number;
  declare readonly doNormalize: boolean;
  declare readonly imageMean: number | readonly number[];
  declare readonly imageStd: number | readonly number[];
  #otherKeys: Readonly<Record<string, unknown>> = {};

  /** Throws E_CONFIG with all that is wrong. */
  constructor(options: ImageProcessorOptions = {}) {
    Object.assign(this, readSettings(toFile(options), 'ConvNextImageProcessor'));
  }

  /** From a parsed preprocessor_config.json; `file` is for messages. Keys that nobody knows are kept. Throws E_CONFIG. */
  static fromJSON(json: unknown, file: string): ConvNextImageProcessor {
    const processor = new ConvNextImageProcessor(readSettings(json, file));
    processor.#otherKeys = otherKeys(json as object);
    return processor;
  }

  /**
   * From a folder or a model of the Hub with a preprocessor_config.json, the file itself, or the name of a shipped config
   * (ImageNet's at its size). Throws E_SOURCE, E_JSON, E_LIMIT, E_CONFIG, E_NETWORK.
   */
  static async fromPretrained(source: string | URL, options?: PreprocessorOptions): Promise<ConvNextImageProcessor> {
    checkOptions(options ?? {});
    const { json, file } = await openPreprocessor(source, options);
    return ConvNextImageProcessor.fromJSON(json, file);
  }

  /** The preprocessor_config.json of this processor, which transformers reads. */
  toJSON(): Readonly<Record<string, unknown>> {
    const file = { ...this.#otherKeys, image_processor_type: 'ConvNextImageProcessor', ...toFile({ ...this }) };
    return Object.fromEntries(Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Writes preprocessor_config.json into a folder, which is made where it is missing. Throws E_OUTPUT, E_ARGUMENT. */
  savePretrained(folder: string): Promise<void> {
    return savePreprocessor(folder, this.toJSON());
  }

  /**
   * Decodes, resizes, crops, rescales and normalises; files and bytes are taken as RGB, decoded pixels as they are.
   * `pixelValues` is [n, height, width, channels] ([n, channels, height, width] with layout NCHW); the caller disposes it.
   * Throws what `decodeImage` throws; E_SHAPE where pictures of one batch come out unequal or the means do not fit.
   */
  async preprocess(
    images: ImageSource | readonly ImageSource[],
    options: PreprocessOptions = {},
  ): Promise<{ readonly pixelValues: tf.Tensor4D }> {
    await ensureBackend();
    const { layout: wantedLayout, limits: wantedLimits = {}, ...overrides } = options;
    const layout = readLayout(wantedLayout);
    const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
    const settings = given.length > 0 ? new ConvNextImageProcessor({ ...this, ...Object.fromEntries(given) }) : this;
    const limits = readLimits(wantedLimits);
    return toPixels(images, settings, { layout, limits }, (image, name) =>
      resizeAndCrop(image, settings, limits, name),
    );
  }
}
