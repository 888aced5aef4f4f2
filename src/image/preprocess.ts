import { ConvNextV2Error } from '../errors.js';
import { centerCrop, centerCropAsTimm, roundHalfToEven } from './center-crop.js';
import { convertRgb } from './convert-rgb.js';
import { checkPixels, type ImageLimits } from './limits.js';
import { resizePil } from './pil-resize.js';
import type { RawImage } from './raw-image.js';
import { type CropMode, type ImageProcessorSettings, SQUASH_FROM } from './settings.js';

/**
 * The steps that keep bytes: to RGB, resize, crop. Throws E_LIMIT where what they make is beyond `maxPixels`, as a
 * picture of 1 x 100,000 is when its short side becomes 256.
 */
export function resizeAndCrop(
  picture: RawImage,
  settings: ImageProcessorSettings,
  limits: Required<ImageLimits>,
  name: string,
): RawImage {
  const { doConvertRgb, doResize, doCenterCrop, cropSize } = settings;
  let image = doConvertRgb ? convertRgb(picture) : picture;
  if (doResize) image = (settings.cropMode ? resizeAsTimm : resize)(image, settings, limits, name);
  if (doCenterCrop) image = crop(image, cropSize!.height!, cropSize!.width!, limits, name);
  return image;
}

function resize(
  image: RawImage,
  { size, cropPct, resample }: ImageProcessorSettings,
  limits: Required<ImageLimits>,
  name: string,
): RawImage {
  const side = size.shortestEdge!;
  const short = Math.trunc(side / cropPct);
  const longer = (edge: number) => Math.trunc((short * edge) / Math.min(image.height, image.width));
  const [height, width] = side < SQUASH_FROM ? [longer(image.height), longer(image.width)] : [side, side];
  checkPixels(`${name}, resized`, height, width, limits);
  const resized = resizePil(image, height, width, resample);
  return side < SQUASH_FROM ? crop(resized, side, side, limits, name) : resized;
}

/**
 * As timm's transforms for evaluation do: each side of the size by `cropPct`, rounded down, is what the picture is resized to or
 * fitted to; then the middle is cut out.
 */
function resizeAsTimm(
  image: RawImage,
  { size, cropPct, cropMode, resample, imageMean }: ImageProcessorSettings,
  limits: Required<ImageLimits>,
  name: string,
): RawImage {
  const sides = [size.height ?? size.shortestEdge!, size.width ?? size.shortestEdge!];
  const [height, width] = timmSides(
    [image.height, image.width],
    sides.map((side) => Math.floor(side / cropPct)),
    cropMode!,
  );
  checkPixels(`${name}, resized`, height, width, limits);
  checkPixels(`${name}, cropped`, sides[0], sides[1], limits);
  const means = typeof imageMean === 'number' ? [imageMean] : imageMean;
  const fill = cropMode === 'border' ? means.map((mean) => roundHalfToEven(255 * mean)) : [0];
  return centerCropAsTimm(resizePil(image, height, width, resample), sides[0], sides[1], fill);
}

/** What a picture's [height, width] become; one of no pixels, where timm fails, becomes 1. */
function timmSides(from: readonly number[], to: readonly number[], mode: CropMode): readonly number[] {
  if (mode === 'squash') return to;
  // torchvision rounds the longer side down, timm itself to the nearest
  if (mode === 'center' && to[0] === to[1]) return from.map((side) => Math.trunc((to[0] * side) / Math.min(...from)));
  const ratios = from.map((side, i) => side / to[i]);
  const ratio = mode === 'border' ? Math.max(...ratios) : Math.min(...ratios);
  return from.map((side) => Math.max(1, roundHalfToEven(side / ratio)));
}

function crop(image: RawImage, height: number, width: number, limits: Required<ImageLimits>, name: string): RawImage {
  checkPixels(`${name}, cropped`, height, width, limits);
  return centerCrop(image, height, width);
}

/** How bytes become values. */
export type ValueSettings = Pick<
  ImageProcessorSettings,
  'doRescale' | 'rescaleFactor' | 'doNormalize' | 'imageMean' | 'imageStd'
>;

/**
 * What each byte of each channel becomes, rescaled and normalised with numpy's roundings: rescaling in double precision,
 * normalising in single. Throws E_SHAPE where there are not as many means as channels, E_NON_FINITE for an overflow.
 */
export function valueTables(
  { channels }: Pick<RawImage, 'channels'>,
  settings: ValueSettings,
  name: string,
): readonly Float32Array[] {
  const { doRescale, rescaleFactor, doNormalize, imageMean, imageStd } = settings;
  const rescaled = Float32Array.from({ length: 256 }, (_, byte) => byte * (doRescale ? rescaleFactor : 1));
  const tables = Array.from({ length: channels }, () => rescaled);
  if (!doNormalize) return checkFinite(tables, name);
  const means = perChannel(imageMean, 'mean', channels, name);
  const stds = perChannel(imageStd, 'std', channels, name);
  const normalised = tables.map((table, c) => table.map((value) => Math.fround(value - means[c]) / stds[c]));
  return checkFinite(normalised, name);
}

function perChannel(values: number | readonly number[], which: string, channels: number, name: string): Float32Array {
  if (typeof values === 'number') return new Float32Array(channels).fill(values);
  if (values.length === channels) return Float32Array.from(values);
  throw new ConvNextV2Error('E_SHAPE', {
    path: name,
    wanted: `an image_${which} for each of its ${channels} channels`,
    got: String(values.length),
    reference: `${which} must have ${channels} elements if it is an iterable, got ${values.length}`,
    suggestion: values.length === 3 ? 'set doConvertRgb' : undefined,
  });
}

function checkFinite(tables: readonly Float32Array[], name: string): readonly Float32Array[] {
  if (tables.every((table) => table.every(Number.isFinite))) return tables;
  throw new ConvNextV2Error('E_NON_FINITE', {
    path: name,
    wanted: 'values that single precision can hold after rescaling and normalising',
    got: 'an overflow',
    suggestion: 'check rescaleFactor, imageMean and imageStd',
  });
}
