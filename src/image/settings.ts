import type { PreprocessorConfigFile } from '../../configs/files.js';
import { validateConfig } from '../config/validate.js';
import { ConvNextV2Error, didYouMean, type Problem, show } from '../errors.js';
import { PIL_FILTERS, type PilFilter, readPilFilter } from './pil-resize.js';

/** A size in pixels, under one of the reference's sets of names. */
export interface PixelSize {
  readonly shortestEdge?: number | null;
  readonly longestEdge?: number | null;
  readonly height?: number | null;
  readonly width?: number | null;
}

/** What a ConvNextImageProcessor does to a picture, in this order. Left out or null: the default. */
export interface ImageProcessorOptions {
  /** Lays alpha onto white and repeats gray. Default false. */
  readonly doConvertRgb?: boolean | null;
  readonly doResize?: boolean | null;
  /**
   * The side of the result; a number alone is the shortest edge. Below 384 the shortest edge is resized to
   * shortestEdge / cropPct and the middle is cut out; from 384 on the picture is squashed to a square. Default 384.
   */
  readonly size?: number | PixelSize | null;
  /** Default 0.875. */
  readonly cropPct?: number | null;
  /** PIL's filter, by name or number. Default bicubic. */
  readonly resample?: PilFilter | number | null;
  /** Cuts out the middle (once more), to `cropSize`, with zeros around where the picture is smaller. Default false. */
  readonly doCenterCrop?: boolean | null;
  /** A number alone is both sides. */
  readonly cropSize?: number | PixelSize | null;
  readonly doRescale?: boolean | null;
  /** Default 1 / 255. */
  readonly rescaleFactor?: number | null;
  readonly doNormalize?: boolean | null;
  /** One number for all channels, or one for each. Default 0.5 each for three. */
  readonly imageMean?: number | readonly number[] | null;
  readonly imageStd?: number | readonly number[] | null;
}

/** The options, complete and checked. */
export interface ImageProcessorSettings {
  readonly doConvertRgb: boolean;
  readonly doResize: boolean;
  readonly size: PixelSize;
  readonly cropPct: number;
  readonly resample: PilFilter;
  readonly doCenterCrop: boolean;
  readonly cropSize: PixelSize | undefined;
  readonly doRescale: boolean;
  readonly rescaleFactor: number;
  readonly doNormalize: boolean;
  readonly imageMean: number | readonly number[];
  readonly imageStd: number | readonly number[];
}

const KEYS = {
  doConvertRgb: 'do_convert_rgb',
  doResize: 'do_resize',
  size: 'size',
  cropPct: 'crop_pct',
  resample: 'resample',
  doCenterCrop: 'do_center_crop',
  cropSize: 'crop_size',
  doRescale: 'do_rescale',
  rescaleFactor: 'rescale_factor',
  doNormalize: 'do_normalize',
  imageMean: 'image_mean',
  imageStd: 'image_std',
} as const satisfies Record<keyof ImageProcessorOptions, keyof PreprocessorConfigFile>;

const SIZE_KEYS = {
  shortestEdge: 'shortest_edge',
  longestEdge: 'longest_edge',
  height: 'height',
  width: 'width',
} as const satisfies Record<keyof PixelSize, string>;

/** The options as the reference's file spells them. Names that are no option throw E_CONFIG. */
export function toFile(options: ImageProcessorOptions): PreprocessorConfigFile {
  const { size, cropSize, resample } = options;
  return {
    ...rename(options, KEYS, 'ConvNextImageProcessor'),
    ...(size != null && { size: sizeToFile(size, 'size') }),
    ...(cropSize != null && { crop_size: sizeToFile(cropSize, 'cropSize') }),
    ...(typeof resample === 'string' && { resample: PIL_FILTERS.indexOf(readPilFilter(resample)) }),
  } as PreprocessorConfigFile;
}

function sizeToFile(size: number | PixelSize, path: string): unknown {
  return typeof size === 'object' ? rename(size, SIZE_KEYS, path) : size;
}

function rename(record: object, keys: Readonly<Record<string, string>>, path: string): Record<string, unknown> {
  const given = Object.entries(record).filter(([, value]) => value != null);
  const known = Object.keys(keys);
  const unknown = given.filter(([key]) => !Object.hasOwn(keys, key));
  if (unknown.length === 0) return Object.fromEntries(given.map(([key, value]) => [keys[key], value]));
  throw new ConvNextV2Error(
    'E_CONFIG',
    unknown.map(([key]) => ({
      path: `${path}.${key}`,
      wanted: `one of ${known.join(', ')}`,
      got: show(key),
      suggestion: didYouMean(key, known),
    })),
  );
}

/** Checks and completes the settings of a file, whose other keys are disregarded. Throws E_CONFIG with all problems. */
export function readSettings(json: unknown, file: string): ImageProcessorSettings {
  validateConfig('preprocessor', json, { file, unknownKeys: 'keep' });
  const config = json as PreprocessorConfigFile;
  const settings: ImageProcessorSettings = {
    doConvertRgb: config.do_convert_rgb ?? false,
    doResize: config.do_resize ?? true,
    size: readSize(config.size ?? 384, 'shortest'),
    cropPct: config.crop_pct ?? 0.875,
    resample: PIL_FILTERS[config.resample ?? 3],
    doCenterCrop: config.do_center_crop ?? false,
    cropSize: config.crop_size == null ? undefined : readSize(config.crop_size, 'square'),
    doRescale: config.do_rescale ?? true,
    rescaleFactor: config.rescale_factor ?? 1 / 255,
    doNormalize: config.do_normalize ?? true,
    imageMean: config.image_mean ?? [0.5, 0.5, 0.5],
    imageStd: config.image_std ?? [0.5, 0.5, 0.5],
  };
  const problems = [...sizeProblems(settings, file), ...cropProblems(settings, file)];
  if (problems.length > 0) throw new ConvNextV2Error('E_CONFIG', problems);
  return settings;
}

/** The keys of a file that are no settings, to be written back: all but what names the file's own schema and class. */
export function otherKeys(json: object): Readonly<Record<string, unknown>> {
  const ours: readonly string[] = [...Object.values(KEYS), '$schema', 'image_processor_type', 'feature_extractor_type'];
  return Object.fromEntries(Object.entries(json).filter(([key]) => !ours.includes(key)));
}

type FileSize = NonNullable<PreprocessorConfigFile['size']>;

function readSize(size: FileSize, number: 'shortest' | 'square'): PixelSize {
  if (typeof size === 'number') return number === 'shortest' ? { shortestEdge: size } : { height: size, width: size };
  const entries = Object.entries(SIZE_KEYS).map(([key, name]) => [key, size[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value != null));
}

function sizeProblems({ doResize, size, cropPct }: ImageProcessorSettings, file: string): readonly Problem[] {
  if (!doResize) return [];
  const { shortestEdge, height, width } = size;
  if (shortestEdge == null || height != null || width != null) {
    return [{ path: `${file}: /size`, wanted: 'a shortest_edge, and no height or width', got: show(size) }];
  }
  if (shortestEdge >= 384 || shortestEdge / cropPct >= 1) return [];
  const wanted = `at most shortest_edge, ${shortestEdge}, of which nothing would be left`;
  return [{ path: `${file}: /crop_pct`, wanted, got: show(cropPct) }];
}

function cropProblems({ doCenterCrop, cropSize }: ImageProcessorSettings, file: string): readonly Problem[] {
  if (!doCenterCrop || (cropSize?.height != null && cropSize.width != null)) return [];
  const wanted = 'a height and a width, as do_center_crop is true';
  return [{ path: `${file}: /crop_size`, wanted, got: show(cropSize) }];
}
