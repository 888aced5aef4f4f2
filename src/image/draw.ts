import { ConvNextV2Error } from '../errors.js';
import { convertRgb } from './convert-rgb.js';
import { resizePil } from './pil-resize.js';
import { type DrawableMap, principalColours } from './principal-colours.js';
import { checkRawImage, newBytes, type RawImage } from './raw-image.js';
import { loadSharp } from './sharp.js';
import { drawText, LINE_HEIGHT, textWidth } from './text.js';

/** Taller photographs are drawn at this height: five tiles of 24 megapixels would fill the memory. */
const MAX_HEIGHT = 512;
/** Between what is drawn side by side, in pixels. */
export const GAP = 8;

/** Encodes a picture of one to four channels as PNG. Throws E_IMAGE for data that are none, E_PEER without sharp. */
export async function encodePng(image: RawImage): Promise<Uint8Array> {
  const { data, width, height, channels } = checkRawImage(image);
  if (channels > 4) {
    throw new ConvNextV2Error('E_IMAGE', {
      path: 'image.channels',
      wanted: 'at most 4 for a PNG',
      got: String(channels),
    });
  }
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } })
    .toColourspace(channels < 3 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}

/** A picture, and what to write below it. */
export interface Tile {
  readonly image: RawImage;
  readonly lines: readonly string[];
}

/**
 * Rows of pictures on white, all of this height in pixels, with lines of text below each; the font has letters, digits and
 * `. , - % ( ) : / _`. Throws E_IMAGE for data that are no picture, E_SHAPE for more than four channels, E_ARGUMENT for a
 * height that is none, E_LIMIT for more than the memory can hold.
 */
export function pictureSheet(rows: readonly (readonly Tile[])[], height: number): RawImage {
  const tiles = rows.map((row) =>
    row.map(({ image, lines }) => ({ image: atHeight(convertRgb(checkRawImage(image)), height, 'bicubic'), lines })),
  );
  const columns: number[] = [];
  for (const row of tiles) {
    for (const [i, { image, lines }] of row.entries()) {
      columns[i] = Math.max(columns[i] ?? 0, image.width, ...lines.map(textWidth));
    }
  }
  const rowHeights = tiles.map((row) => {
    return height + 2 * GAP + LINE_HEIGHT * row.reduce((most, { lines }) => Math.max(most, lines.length), 0);
  });
  const canvas = blank(total(rowHeights) + GAP, total(columns.map((column) => column + GAP)) + GAP);
  let top = GAP;
  for (const [r, row] of tiles.entries()) {
    let left = GAP;
    for (const [i, { image, lines }] of row.entries()) {
      paste(canvas, image, left, top);
      for (const [line, text] of lines.entries()) drawText(canvas, text, left, top + height + GAP + line * LINE_HEIGHT);
      left += columns[i] + GAP;
    }
    top += rowHeights[r];
  }
  return canvas;
}

/**
 * A photograph and, beside it at the same height, a tile for each feature map: its first three principal components as
 * red, green and blue, one block a cell, with its name and shape below. Throws E_SHAPE for data that do not fit their
 * shape and E_NON_FINITE for a map with NaN or Infinity.
 */
export function featurePicture(photograph: RawImage, maps: readonly DrawableMap[]): RawImage {
  const photo = checkRawImage(photograph, 'photograph');
  const height = Math.min(photo.height, MAX_HEIGHT);
  const tiles = maps.map((map) => ({
    image: atHeight(principalColours(checkMap(map)), height, 'nearest'),
    lines: [map.name, `${map.height} x ${map.width} x ${map.channels}`],
  }));
  return pictureSheet(
    [[{ image: photo, lines: ['photograph', `${photo.height} x ${photo.width}`] }, ...tiles]],
    height,
  );
}

function checkMap(map: DrawableMap): DrawableMap {
  const { name, data, height, width, channels } = map;
  if (data.length !== height * width * channels || data.length === 0) {
    const wanted = `${height} x ${width} x ${channels} values, at least one`;
    throw new ConvNextV2Error('E_SHAPE', { path: name, wanted, got: String(data.length) });
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ConvNextV2Error('E_NON_FINITE', { path: name, wanted: 'finite values', got: `${data[bad]} at ${bad}` });
  }
  return map;
}

function atHeight(image: RawImage, height: number, filter: 'bicubic' | 'nearest'): RawImage {
  return resizePil(image, height, Math.max(1, Math.round((image.width * height) / image.height)), filter);
}

const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0);

/** A white picture. */
export function blank(height: number, width: number): RawImage {
  return { data: newBytes(height, width, 3).fill(255), width, height, channels: 3 };
}

/** Puts an RGB picture onto another one, which has room for it. */
export function paste(canvas: RawImage, image: RawImage, left: number, top: number): void {
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
    canvas.data.set(row, ((top + y) * canvas.width + left) * 3);
  }
}
