import { ConvNextV2Error } from '../errors.js';
import type { RawImage } from './raw-image.js';

/**
 * Any picture as RGB: gray is repeated, alpha is laid onto white, as PIL's alpha_composite does.
 * Throws E_SHAPE for more than four channels.
 */
export function convertRgb(image: RawImage): RawImage {
  const { data: source, width, height, channels } = image;
  if (channels === 3) return image;
  if (channels > 4) {
    throw new ConvNextV2Error('E_SHAPE', {
      path: 'image.channels',
      wanted: '1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha), to convert to RGB',
      got: String(channels),
    });
  }
  const hasAlpha = channels === 2 || channels === 4;
  const isGray = channels < 3;
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    for (let c = 0; c < 3; c++) {
      const value = source[isGray ? from : from + c];
      data[pixel * 3 + c] = hasAlpha ? onWhite(value, source[from + channels - 1]) : value;
    }
  }
  return { data, width, height, channels: 3 };
}

/** A value laid over white: what PIL's fixed point gives for each of the 65,536 pairs. */
function onWhite(value: number, alpha: number): number {
  return Math.round(255 - ((255 - value) * alpha) / 255);
}
