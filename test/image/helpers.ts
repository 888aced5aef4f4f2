import type { RawImage } from '../../src/image/raw-image.js';

/** A picture of one row of pixels after another: rows of pixels of values, or rows of values where it is gray. */
export function picture(rows: readonly (readonly (number | readonly number[])[])[]): RawImage {
  const channels = [rows[0][0]].flat().length;
  return { data: Uint8Array.from(rows.flat(2)), height: rows.length, width: rows[0].length, channels };
}

/** The values of a picture, row by row. */
export function rows(image: RawImage): number[][] {
  const length = image.width * image.channels;
  return Array.from({ length: image.height }, (_, y) => [...image.data.subarray(y * length, (y + 1) * length)]);
}

/** A picture without two equal rows or columns, smooth enough for any codec. */
export function gradient(height: number, width: number, channels: number): RawImage {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const [pixel, c] = [Math.floor(i / channels), i % channels];
    return 20 + (200 * (c % 2 === 0 ? pixel % width : Math.floor(pixel / width))) / (Math.max(height, width) + c);
  });
  return { data, height, width, channels };
}
