import type { PreprocessorConfigFile } from '../../configs/files.js';
import { validateConfig } from '../config/validate.js';
import { ConvNextV2Error, didYouMean, type Problem, show } from '../errors.js';
import { PIL_FILTERS, type PilFilter, readPilFilter } from './pil-resize.js';

/** A size in pixels, under one of the reference's sets of names. */
export interface PixelSize {
  readonly shortestEdge?: number;
  readonly longestEdge?: number;
  readonly height?: number;
  readonly width?: number;
}

/** What a ConvNextImageProcessor does to a picture, in this order. */
export interface ImageProcessorOptions {
  /** Lays alpha onto white and repeats gray. Default false. */
  readonly doConvertRgb?: boolean;
  readonly doResize?: boolean;
  /**
   * The side of the result; a number alone is the shortest edge. Below 384 the shortest edge is resized to
   * shortestEdge / cropPct and the middle is cut out; from 384 on the picture is squashed to a square. Default 384.
   */
  readonly size?: number | PixelSize;
  /** Default 0.875. */
  readonly cropPct?: number;
  /**
   * Resizes by `size / cropPct` and crops as timm does, whatever the size, which may then be a height and a width: `center` keeps
   * the ratio of the sides and cuts out the middle, `squash` does not keep it, `border` fits the whole picture in and fills what is
   * left with the mean. Default: as transformers does.
   */
  readonly cropMode?: CropMode;
  /** PIL's filter, by name or number. Default bicubic. */
  readonly resample?: PilFilter | number;
  /** Cuts out the middle (once more), to `cropSize`, with zeros around where the picture is smaller. Default false. */
  readonly doCenterCrop?: boolean;
  /** A number alone is both sides. */
  readonly cropSize?: number | PixelSize;
  readonly doRescale?: boolean;
  /** Default 1 / 255. */
  readonly rescaleFactor?: number;
  readonly doNormalize?: boolean;
  /** One number for all channels, or one for each. Default 0.5 for each of three. */
  readonly imageMean?: number | readonly number[];
  /** As `imageMean`. */
  readonly imageStd?: number | readonly number[];
}

/** How timm resizes and crops. */
export type CropMode = 'center' | 'squash' | 'border';

/** From this size on pictures are squashed to a square, below it the middle is cut out; the reference's own threshold. */
export const SQUASH_FROM = 384;

/** The options, complete and checked. */
export interface ImageProcessorSettings {
  readonly doConvertRgb: boolean;
  readonly doResize: boolean;
  readonly size: PixelSize;
  readonly cropPct: number;
  readonly cropMode: CropMode | undefined;
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
  cropMode: 'crop_mode',
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
export function toFile(options: ImageProcessorOptions): Readonly<Record<string, unknown>> {
  const { size, cropSize, resample } = options;
  return {
    ...rename(options, KEYS, 'ConvNextImageProcessor'),
    ...(isRecord(size) && { size: rename(size, SIZE_KEYS, 'size') }),
    ...(isRecord(cropSize) && { crop_size: rename(cropSize, SIZE_KEYS, 'cropSize') }),
    ...(typeof resample === 'string' && { resample: PIL_FILTERS.indexOf(readPilFilter(resample)) }),
  };
}

export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A record under the keys of a file. Throws E_CONFIG for names that are none. */
export function rename(record: object, keys: Readonly<Record<string, string>>, path: string): Record<string, unknown> {
  const given = Object.entries(record).filter(([, value]) => value !== undefined);
  const known = Object.keys(keys);
  const unknown = given.filter(([key]) => !known.includes(key));
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

/**
 * Checks and completes the settings of a file; keys that nobody knows are disregarded. As in the reference, a null switch
 * is off; any other null is the default. Throws E_CONFIG with all problems.
 */
export function readSettings(json: unknown, file: string): ImageProcessorSettings {
  const config = withoutLists(json) as PreprocessorConfigFile;
  validateConfig('preprocessor', config, { file, unknownKeys: 'keep' });
  const { do_resize = true, do_rescale = true, do_normalize = true } = config;
  const settings: ImageProcessorSettings = {
    doConvertRgb: config.do_convert_rgb ?? false,
    doResize: do_resize ?? false,
    size: readSize(config.size ?? 384, 'shortest'),
    cropPct: config.crop_pct ?? 0.875,
    cropMode: config.crop_mode ?? undefined,
    resample: PIL_FILTERS[config.resample ?? 3],
    doCenterCrop: config.do_center_crop ?? false,
    cropSize: config.crop_size == null ? undefined : readSize(config.crop_size, 'square'),
    doRescale: do_rescale ?? false,
    rescaleFactor: config.rescale_factor ?? 1 / 255,
    doNormalize: do_normalize ?? false,
    imageMean: config.image_mean ?? [0.5, 0.5, 0.5],
    imageStd: config.image_std ?? [0.5, 0.5, 0.5],
  };
  const problems = [...sizeProblems(settings, file), ...cropProblems(settings, file)];
  if (problems.length > 0) throw new ConvNextV2Error('E_CONFIG', problems);
  return settings;
}

/** The reference also takes a size as [height, width]. */
export function withoutLists(json: unknown): unknown {
  if (!isRecord(json)) return json;
  const config: Record<string, unknown> = { ...json };
  for (const key of ['size', 'crop_size']) {
    const list = config[key];
    if (Array.isArray(list) && list.length === 2) config[key] = { height: list[0], width: list[1] };
  }
  return config;
}

/** The keys of a file that are no settings, to be written back: all but what names the file's own schema and class. */
export function otherKeys(
  json: object,
  keys: Readonly<Record<string, string>> = KEYS,
): Readonly<Record<string, unknown>> {
  const ours: readonly string[] = [...Object.values(keys), '$schema', 'image_processor_type', 'feature_extractor_type'];
  return Object.fromEntries(Object.entries(json).filter(([key]) => !ours.includes(key)));
}

export type FileSize = NonNullable<PreprocessorConfigFile['size']>;

export function readSize(size: FileSize, number: 'shortest' | 'square'): PixelSize {
  if (typeof size === 'number') return number === 'shortest' ? { shortestEdge: size } : { height: size, width: size };
  const entries = Object.entries(SIZE_KEYS).map(([key, name]) => [key, size[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value != null));
}

function sizeProblems({ doResize, size, cropPct, cropMode }: ImageProcessorSettings, file: string): readonly Problem[] {
  if (!doResize) return [];
  const { shortestEdge, height, width } = size;
  const hasSides = cropMode !== undefined && height != null && width != null;
  if (hasSides ? shortestEdge != null : shortestEdge == null || height != null || width != null) {
    const wanted = `a shortest_edge, and no height or width${cropMode ? ', or a height and a width alone' : ''}`;
    return [{ path: `${file}: /size`, wanted, got: show(size) }];
  }
  const least = shortestEdge ?? Math.min(height!, width!);
  if ((!cropMode && least >= SQUASH_FROM) || least / cropPct >= 1) return [];
  const wanted = `at most the size, ${least}, of which nothing would be left`;
  return [{ path: `${file}: /crop_pct`, wanted, got: show(cropPct) }];
}

function cropProblems({ doCenterCrop, cropSize }: ImageProcessorSettings, file: string): readonly Problem[] {
  if (!doCenterCrop || (cropSize?.height != null && cropSize.width != null)) return [];
  const wanted = 'a height and a width, as do_center_crop is true';
  return [{ path: `${file}: /crop_size`, wanted, got: show(cropSize) }];
}
