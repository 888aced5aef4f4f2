import type { SharpOptions } from 'sharp';
import { ConvNextV2Error, checkKnown, show } from '../errors.js';
import { describeBytes, formatOf, isHtml, pngSize } from './format.js';
import { decodeGif } from './gif.js';
import { type EncodedImage, type ImageSource, isEncoded, readSource } from './image-source.js';
import { checkPixels, type ImageLimits, LIMITS, overLimit, readLimits } from './limits.js';
import { checkRawImage, type RawImage } from './raw-image.js';
import { isSharp, loadSharp, readSharp } from './sharp.js';

export interface DecodeOptions extends ImageLimits {
  /**
   * `rgb` (default): three channels; gray is repeated, alpha is dropped, as transformers' `load_image` does.
   * `as-is`: gray stays one channel and alpha is kept. Palettes and CMYK become RGB in both.
   */
  readonly mode?: 'rgb' | 'as-is';
  /** What to call the picture in messages where it has no path. Default `image`. */
  readonly name?: string;
}

/**
 * Decodes a JPEG, PNG, WebP, AVIF, TIFF or GIF (the first frame of an animation), turned upright as its EXIF says. Decoded pixels
 * pass through. Colors that alpha or a transparent color of a palette hides are shown, as PIL's `convert('RGB')` does.
 * 16 bits become 8 by dropping the lower ones (PIL clips gray ones to 255 instead, which whitens them); an ICC
 * profile is disregarded, as PIL does, except for CMYK, which is converted by color and not by formula.
 * Throws E_IMAGE for a file that is not a complete picture in one of these formats, E_LIMIT beyond the limits, E_NETWORK where a server cannot be
 * reached, E_ARGUMENT for an option that cannot be, E_PEER without sharp.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<RawImage> {
  checkKnown(options, ['mode', 'name', ...LIMITS]);
  const { mode = 'rgb', name = 'image', ...wantedLimits } = options;
  if (mode !== 'rgb' && mode !== 'as-is') {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'mode', wanted: 'rgb or as-is', got: show(mode) });
  }
  const limits = readLimits(wantedLimits);
  const isRead = isSharp(source); // which is a stream as well
  if (!isRead && isEncoded(source)) return decodeBytes(await readSource(source, name, limits), mode, limits);
  const image = checkRawImage(isRead ? await readSharp(source, name, mode) : (source as RawImage), name);
  checkPixels(name, image.height, image.width, limits);
  return image;
}

async function decodeBytes(
  { bytes, name }: EncodedImage,
  mode: 'rgb' | 'as-is',
  limits: Required<ImageLimits>,
): Promise<RawImage> {
  const format = formatOf(bytes);
  const refuse = (got: string, cause?: unknown): never => {
    const wanted = format ? `a whole ${format.toUpperCase()}` : 'a JPEG, PNG, WebP, AVIF, TIFF or GIF picture';
    const suggestion = isHtml(bytes) ? 'look for the address of the picture itself, not of a page with it' : undefined;
    throw new ConvNextV2Error('E_IMAGE', { path: name, wanted, got, suggestion }, { cause });
  };
  if (!format) return refuse(describeBytes(bytes));
  if (format === 'gif') return decodeGif(bytes, name, limits, mode === 'as-is');
  const claimed = pngSize(bytes);
  if (claimed) checkPixels(name, claimed.height, claimed.width, limits);

  const sharp = await loadSharp();
  // Sizes and channels are checked below, where a message can name them; warnings are about flaws that do no harm.
  const input: SharpOptions = { failOn: 'error', limitInputPixels: false, limitInputChannels: false };
  const metadata = await sharp(bytes, input)
    .metadata()
    .catch((error) => refuse(firstLine(error), error));
  // another build of libvips may take a TIFF for a slide or a raw photograph, and an AVIF for a HEIC
  const opened = metadata.compression === 'av1' ? 'avif' : metadata.format;
  if (opened !== format) return refuse(`a file that opens as ${opened}`);
  checkPixels(name, metadata.height, metadata.width, limits);
  const { maxChannels, timeoutSeconds } = limits;
  if (metadata.channels > maxChannels) {
    overLimit('maxChannels', name, `at most ${maxChannels} channels`, String(metadata.channels));
  }

  const pipeline = sharp(bytes, { ...input, autoOrient: true, ignoreIcc: metadata.space !== 'cmyk' });
  if (mode === 'rgb') pipeline.removeAlpha();
  // sharp counts whole seconds, up to an hour
  if (timeoutSeconds <= 3600) pipeline.timeout({ seconds: Math.ceil(timeoutSeconds) });
  const { data, info } = await pipeline
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error) => {
      if (!firstLine(error).startsWith('timeout')) return refuse(firstLine(error), error);
      return overLimit('timeoutSeconds', name, `to be decoded in ${timeoutSeconds} seconds`, 'one that takes longer');
    });
  const isGray = metadata.space === 'b-w' || metadata.space === 'grey16';
  const { width, height, channels } = info;
  const image = { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels };
  return mode === 'as-is' && isGray ? withoutRepeats(image) : image;
}

/** Undoes sharp's repetition of gray: keeps the first channel, and the alpha that may follow the three. */
function withoutRepeats(image: RawImage): RawImage {
  const channels = image.channels - 2;
  const data = new Uint8Array(image.width * image.height * channels);
  for (let pixel = 0; pixel < image.width * image.height; pixel++) {
    for (let c = 0; c < channels; c++) {
      data[pixel * channels + c] = image.data[pixel * image.channels + (c === 0 ? 0 : c + 2)];
    }
  }
  return { ...image, data, channels };
}

function firstLine(error: unknown): string {
  return error instanceof Error ? error.message.trim().split(/:?\s*\n/)[0] : String(error);
}
