import { ConvNextV2Error, show } from '../errors.js';
import { cutOut } from '../image/cut.js';
import { resizePil } from '../image/pil-resize.js';
import { newBytes, type RawImage } from '../image/raw-image.js';
import type { IRect } from './surface.js';

/** The pixels of a canvas: four channels, alpha not premultiplied. */
export type Raster = RawImage & { readonly channels: 4 };

/** Gives back a side of a picture. Throws E_ARGUMENT for what is no whole number of pixels. */
export function checkSide(path: string, length: number): number {
  if (Number.isSafeInteger(length) && length >= 0) return length;
  throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'a whole number of pixels', got: show(length) });
}

/** A raster of clear pixels, or with this picture in its upper left corner. */
export function newRaster(width: number, height: number, image?: RawImage): Raster {
  const raster: Raster = { data: newBytes(height, width, 4), width, height, channels: 4 };
  if (image) putPixels(raster, withAlpha(image), 0, 0);
  return raster;
}

/** A picture of one to four channels as one of four. */
export function withAlpha(image: RawImage): Raster {
  const { data, width, height, channels } = image;
  if (channels === 4) return image as Raster;
  const all = newBytes(height, width, 4);
  const [isGray, hasAlpha] = [channels < 3, channels === 2];
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    for (let c = 0; c < 3; c++) all[4 * pixel + c] = data[isGray ? from : from + c];
    all[4 * pixel + 3] = hasAlpha ? data[from + 1] : 255;
  }
  return { data: all, width, height, channels: 4 };
}

/** Where pixels of a part of a picture lie, both cut to what is there. */
function inside({ x, y, width, height }: IRect, within: RawImage) {
  const [left, top] = [Math.max(x, 0), Math.max(y, 0)];
  const [right, bottom] = [Math.min(x + width, within.width), Math.min(y + height, within.height)];
  return { left, top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) };
}

/** Puts pixels in the place of those that are there. */
export function putPixels(onto: Raster, { data, width, height }: Raster, x: number, y: number): void {
  const part = inside({ x, y, width, height }, onto);
  for (let row = part.top; row < part.top + part.height; row++) {
    const from = ((row - y) * width + part.left - x) * 4;
    onto.data.set(data.subarray(from, from + part.width * 4), (row * onto.width + part.left) * 4);
  }
}

/** Makes the pixels of a rectangle clear; its edges are rounded to whole pixels. */
export function clearPixels(onto: Raster, rect: IRect): void {
  const { left, top, width, height } = inside(toPixels(rect), onto);
  for (let row = top; row < top + height; row++) {
    const from = (row * onto.width + left) * 4;
    onto.data.fill(0, from, from + width * 4);
  }
}

/**
 * Draws a part of a picture over a rectangle of the canvas, as PIL resizes with its bilinear filter; edges are rounded to whole
 * pixels. Where sizes are equal and the picture is opaque, its bytes are copied.
 */
export function drawPicture(onto: Raster, picture: RawImage, from: IRect, to: IRect, opacity: number): void {
  const part = inside(toPixels(from), picture);
  const place = toPixels(to);
  if (Math.min(part.width, part.height, place.width, place.height) < 1) return;
  const cut = withAlpha(cutOut(picture, part));
  const isSame = place.width === part.width && place.height === part.height;
  const scaled = isSame ? cut : (resizePil(cut, place.height, place.width, 'bilinear') as Raster);
  const { left, top, width, height } = inside(place, onto);
  for (let row = top; row < top + height; row++) {
    for (let column = left; column < left + width; column++) {
      const source = 4 * ((row - place.y) * place.width + column - place.x);
      blend(onto.data, 4 * (row * onto.width + column), scaled.data, source, opacity);
    }
  }
}

/** A pixel over another one: Porter and Duff's `over`. */
function blend(onto: Uint8Array, at: number, from: Uint8Array, source: number, opacity: number): void {
  const alpha = (from[source + 3] / 255) * opacity;
  const below = (onto[at + 3] / 255) * (1 - alpha);
  if (alpha + below === 0) return;
  for (let c = 0; c < 3; c++) {
    onto[at + c] = Math.round((from[source + c] * alpha + onto[at + c] * below) / (alpha + below));
  }
  onto[at + 3] = Math.round(255 * (alpha + below));
}

/** The rectangle with its edges at whole pixels, whichever way round it was given. */
function toPixels({ x, y, width, height }: IRect): IRect {
  const [left, right] = [x, x + width].map(Math.round).sort((a, b) => a - b);
  const [top, bottom] = [y, y + height].map(Math.round).sort((a, b) => a - b);
  return { x: left, y: top, width: right - left, height: bottom - top };
}
