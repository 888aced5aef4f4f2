import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { checkRawImage, type RawImage } from './raw-image.js';
import { loadSharp } from './sharp.js';

/** A picture of three or four channels with elements of SVG over it, in pixels of the picture. Throws E_PEER without sharp. */
export async function overlaySvg(image: RawImage, elements: string): Promise<RawImage> {
  const { width, height } = image;
  const channels = image.channels as 3 | 4;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${elements}</svg>`;
  const sharp = await loadSharp();
  const drawing = sharp(image.data, { raw: { width, height, channels } }).composite([
    { input: Buffer.from(svg), unlimited: true }, // libvips takes no more than 10 MB otherwise
  ]);
  if (channels === 3) drawing.removeAlpha();
  return { data: new Uint8Array(await drawing.raw().toBuffer()), width, height, channels };
}

const FORMATS = ['png', 'jpeg', 'webp'] as const;
export type PictureFormat = (typeof FORMATS)[number];

/** A picture of four channels as the bytes of a file; a JPEG is laid onto white. Throws E_ARGUMENT, E_IMAGE, E_PEER without sharp. */
export async function encodePicture(image: RawImage, format: PictureFormat): Promise<Uint8Array> {
  if (!FORMATS.includes(format)) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'format',
      wanted: `one of ${FORMATS.join(', ')}`,
      got: show(format),
      suggestion: didYouMean(String(format), FORMATS),
    });
  }
  const { data, width, height } = checkRawImage(image);
  const sharp = await loadSharp();
  const picture = sharp(data, { raw: { width, height, channels: 4 } });
  if (format === 'jpeg') picture.flatten({ background: 'white' });
  return picture.toFormat(format).toBuffer();
}
