import { newBytes, type RawImage } from './raw-image.js';

/**
 * Cuts height x width out of the middle, beginning at floor((size - cut) / 2) as transformers' `center_crop` does.
 * Where the picture is too small that is negative: zeros lie around it, one more before than behind if their number is odd.
 * Throws E_LIMIT for a size that no memory can hold.
 */
export function centerCrop(image: RawImage, height: number, width: number): RawImage {
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  return cropAt(image, top, left, newBytes(height, width, image.channels), height, width);
}

/**
 * The same, as torchvision and timm do: from round((size - cut) / 2), halves to the even number. Where the picture is too small,
 * `fill`, a value for all channels or one for each, lies around it, one more behind than before if their number is odd.
 */
export function centerCropAsTimm(image: RawImage, height: number, width: number, fill: readonly number[]): RawImage {
  const offset = (size: number, cut: number) =>
    cut > size ? -Math.floor((cut - size) / 2) : roundHalfToEven((size - cut) / 2);
  const data = newBytes(height, width, image.channels);
  for (let i = 0; i < data.length; i++) data[i] = fill[fill.length === 1 ? 0 : i % image.channels];
  return cropAt(image, offset(image.height, height), offset(image.width, width), data, height, width);
}

/** To the nearest whole number, halves to the even one, as Python's `round`. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest === 0.5 ? below + Math.abs(below % 2) : below + (rest > 0.5 ? 1 : 0);
}

/** Copies into `data`, a picture of height x width, what the image has from (top, left) on. */
function cropAt(
  image: RawImage,
  top: number,
  left: number,
  data: RawImage['data'],
  height: number,
  width: number,
): RawImage {
  const { channels } = image;
  const first = Math.max(0, left);
  const end = Math.min(image.width, left + width);
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height); y++) {
    const row = y * image.width;
    const kept = image.data.subarray((row + first) * channels, (row + end) * channels);
    data.set(kept, ((y - top) * width + first - left) * channels);
  }
  return { data, width, height, channels };
}
