import { newBytes, type RawImage } from './raw-image.js';

/** The part of a picture from this row and column on. */
export function cutOut(
  { data, width: fullWidth, channels }: RawImage,
  { top, left, height, width }: Readonly<Record<'top' | 'left' | 'height' | 'width', number>>,
): RawImage {
  const part = newBytes(height, width, channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * fullWidth + left) * channels;
    part.set(data.subarray(from, from + width * channels), y * width * channels);
  }
  return { data: part, width, height, channels };
}

/** A picture with left and right exchanged. */
export function mirrored({ data, width, height, channels }: RawImage): RawImage {
  const turned = newBytes(height, width, channels);
  for (let row = 0; row < data.length; row += width * channels) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) turned[row + x * channels + c] = data[row + (width - 1 - x) * channels + c];
    }
  }
  return { data: turned, width, height, channels };
}
