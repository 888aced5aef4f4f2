import { newBytes, type RawImage } from './raw-image.js';

/**
 * Cuts height x width out of the middle, beginning at floor((size - cut) / 2) as transformers' `center_crop` does.
 * Where the picture is too small that is negative: zeros lie around it, one more before than behind if their number is odd.
 * Throws E_LIMIT for a size that no memory can hold.
 */
export function centerCrop(image: RawImage, height: number, width: number): RawImage {
  const { channels } = image;
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const first = Math.max(0, left);
  const end = Math.min(image.width, left + width);
  const data = newBytes(height, width, channels);
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height); y++) {
    const row = y * image.width;
    const kept = image.data.subarray((row + first) * channels, (row + end) * channels);
    data.set(kept, ((y - top) * width + first - left) * channels);
  }
  return { data, width, height, channels };
}
