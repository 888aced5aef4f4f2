import { ConvNextV2Error, show } from '../errors.js';
import type { RawImage } from '../image/raw-image.js';
import { GLYPH, textPath } from '../image/text.js';
import { Image, ImageData } from './picture.js';
import { clearPixels, drawPicture, putPixels, type Raster } from './raster.js';
import type { CanvasElement, IDimensions, IRect } from './surface.js';

/** One thing that is drawn: an element of SVG, or a change of the pixels below it. */
export type Step = string | ((pixels: Raster) => void | Promise<void>);

/** What a context draws on. */
export interface DrawingSurface extends IDimensions {
  /** Draws: now, where that can be done at once and nothing waits before it, and else when the canvas is rendered. */
  draw(step: Step, when?: 'at-once' | 'rendered'): void;
  /** Whether something drawn is not on the pixels yet. */
  readonly isRecording: boolean;
  /** The pixels, to be changed by who draws. Throws E_ARGUMENT where something is not on them yet. */
  pixels(): Raster;
  /** What is on the canvas at this moment, whatever is drawn later. */
  snapshot(): () => Promise<Raster>;
}

/** What can be drawn: a picture, a canvas of ours, or what else has a context to read pixels from. */
export type Drawable = Image | DrawingSurface | CanvasElement;

/** How many pixels of its letters the size of a font has; they are 7 high above the line. */
const UNITS_PER_SIZE = 10;
/** What stands in its styles; as a browser's it begins so. */
const STYLES = {
  fillStyle: '#000000',
  strokeStyle: '#000000',
  lineWidth: 1,
  lineCap: 'butt',
  lineJoin: 'miter',
  font: '10px sans-serif',
  textAlign: 'start',
  textBaseline: 'alphabetic',
  globalAlpha: 1,
};
type Styles = typeof STYLES;

/**
 * The part of a browser's context that drawing boxes, labels and points needs. Text is in the package's own letters, since a
 * bare machine has no fonts: its size counts, its family does not. As in a browser, a call with a number that is none draws nothing.
 */
export class CanvasRenderingContext2D implements Styles {
  fillStyle = STYLES.fillStyle;
  strokeStyle = STYLES.strokeStyle;
  lineWidth = STYLES.lineWidth;
  lineCap = STYLES.lineCap;
  lineJoin = STYLES.lineJoin;
  font = STYLES.font;
  textAlign = STYLES.textAlign;
  textBaseline = STYLES.textBaseline;
  globalAlpha = STYLES.globalAlpha;
  readonly canvas: DrawingSurface;
  readonly #saved: Styles[] = [];
  #path = '';

  constructor(canvas: DrawingSurface) {
    this.canvas = canvas;
  }

  save(): void {
    const names = Object.keys(STYLES) as (keyof Styles)[];
    this.#saved.push(Object.fromEntries(names.map((name) => [name, this[name]])) as unknown as Styles);
  }

  restore(): void {
    Object.assign(this, this.#saved.pop());
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#record('rect', { ...upright(x, y, width, height), ...this.#filled() });
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.#record('rect', { ...upright(x, y, width, height), ...this.#stroked() });
  }

  clearRect(x: number, y: number, width: number, height: number): void {
    this.canvas.draw((pixels) => clearPixels(pixels, { x, y, width, height }), 'at-once');
  }

  beginPath(): void {
    this.#path = '';
  }

  closePath(): void {
    if (this.#path !== '') this.#path += 'Z';
  }

  moveTo(x: number, y: number): void {
    this.#draw('M', x, y);
  }

  lineTo(x: number, y: number): void {
    this.#draw(this.#path === '' ? 'M' : 'L', x, y);
  }

  quadraticCurveTo(controlX: number, controlY: number, x: number, y: number): void {
    if (this.#path === '') this.moveTo(controlX, controlY);
    this.#draw('Q', controlX, controlY, x, y);
  }

  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    if (this.#path === '') this.moveTo(x1, y1);
    this.#draw('C', x1, y1, x2, y2, x, y);
  }

  rect(x: number, y: number, width: number, height: number): void {
    if (![x, y, width, height].every(Number.isFinite)) return;
    this.#path += `M${x} ${y}h${width}v${height}h${-width}Z`;
  }

  /** Angles in radians, clockwise from the right. */
  arc(x: number, y: number, radius: number, start: number, end: number, counterclockwise = false): void {
    if (![x, y, radius, start, end].every(Number.isFinite) || radius < 0) return;
    const turn = 2 * Math.PI;
    const way = counterclockwise ? start - end : end - start;
    const angle = way >= turn ? turn : ((way % turn) + turn) % turn;
    const sign = counterclockwise ? -1 : 1;
    const point = (at: number) => [x + radius * Math.cos(at), y + radius * Math.sin(at)] as const;
    this.lineTo(...point(start));
    // SVG has no arc that ends where it begins
    for (const part of [0.5, 1]) {
      this.#draw('A', radius, radius, 0, 0, counterclockwise ? 0 : 1, ...point(start + sign * part * angle));
    }
  }

  fill(): void {
    if (this.#path !== '') this.#record('path', { d: this.#path, ...this.#filled() });
  }

  stroke(): void {
    if (this.#path !== '') this.#record('path', { d: this.#path, ...this.#stroked() });
  }

  /** The width of the text in pixels. */
  measureText(text: string): { readonly width: number } {
    return { width: [...String(text)].length * GLYPH.advance * this.#unit() };
  }

  fillText(text: string, x: number, y: number): void {
    if (![x, y].every(Number.isFinite)) return;
    const unit = this.#unit();
    const { width } = this.measureText(text);
    const left = { center: x - width / 2, right: x - width, end: x - width }[this.textAlign] ?? x;
    const capital = GLYPH.height * unit;
    const top = { top: y, hanging: y, middle: y - capital / 2 }[this.textBaseline] ?? y - capital;
    this.#record('path', { d: textPath(String(text), left, top, unit), ...this.#filled() });
  }

  /** Draws a picture, or a part of it, at a place and in a size. Throws E_ARGUMENT for what is none, E_IMAGE for one not loaded. */
  drawImage(picture: Drawable, ...at: readonly number[]): void {
    if (!at.every(Number.isFinite)) return;
    const { width, height } = Object(picture) as IDimensions;
    const whole = [0, 0, width, height];
    const [from, to] =
      at.length === 2 ? [whole, [...at, width, height]] : at.length === 4 ? [whole, at] : [at.slice(0, 4), at.slice(4)];
    if (to.length !== 4) {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'drawImage',
        wanted: 'a picture and 2, 4 or 8 numbers',
        got: `${at.length} numbers`,
      });
    }
    const opacity = this.#opacity();
    const source = pixelsOf(picture, this.canvas.isRecording);
    if (typeof source === 'function') {
      this.canvas.draw(async (pixels) => drawPicture(pixels, await source(), rectOf(from), rectOf(to), opacity));
    } else {
      this.canvas.draw((pixels) => drawPicture(pixels, source, rectOf(from), rectOf(to), opacity), 'at-once');
    }
  }

  /**
   * The pixels of a rectangle, clear beyond the canvas; as in a browser, fractions are cut off. Throws E_ARGUMENT for a negative
   * side, and where drawings are not on the pixels yet: see `Canvas.render`.
   */
  getImageData(x: number, y: number, width: number, height: number): ImageData {
    const image = new ImageData(Math.trunc(width), Math.trunc(height));
    putPixels(rasterOf(image), this.canvas.pixels(), -Math.trunc(x), -Math.trunc(y));
    return image;
  }

  /** Throws E_ARGUMENT for what is no `ImageData`. */
  putImageData(image: ImageData, x: number, y: number): void {
    const { data, width, height } = Object(image) as ImageData;
    const copy = rasterOf(new ImageData(Uint8ClampedArray.from(data ?? []), width, height));
    this.canvas.draw((pixels) => putPixels(pixels, copy, Math.trunc(x), Math.trunc(y)), 'at-once');
  }

  #draw(command: string, ...numbers: readonly number[]): void {
    if (numbers.every(Number.isFinite)) this.#path += `${command}${numbers.join(' ')}`;
  }

  #record(element: string, attributes: Readonly<Record<string, string | number>>): void {
    const values = Object.values(attributes);
    if (values.some((value) => typeof value === 'number' && !Number.isFinite(value))) return;
    const text = Object.entries(attributes).map(([name, value]) => `${name}="${escaped(String(value))}"`);
    this.canvas.draw(`<${element} ${text.join(' ')}/>`);
  }

  #filled() {
    return { fill: colour('fillStyle', this.fillStyle), 'fill-opacity': this.#opacity() };
  }

  #stroked() {
    return {
      fill: 'none',
      stroke: colour('strokeStyle', this.strokeStyle),
      'stroke-width': this.lineWidth,
      'stroke-linecap': this.lineCap,
      'stroke-linejoin': this.lineJoin,
      'stroke-miterlimit': 10,
      'stroke-opacity': this.#opacity(),
    };
  }

  /** As in a browser, a `globalAlpha` that is none counts for nothing. */
  #opacity(): number {
    return this.globalAlpha >= 0 && this.globalAlpha <= 1 ? this.globalAlpha : STYLES.globalAlpha;
  }

  /** A pixel of the letters, in pixels of the canvas. */
  #unit(): number {
    return Number(/([\d.]+)px/.exec(this.font)?.[1] ?? UNITS_PER_SIZE) / UNITS_PER_SIZE;
  }
}

const isSurface = (picture: Drawable): picture is DrawingSurface => 'snapshot' in Object(picture);

/** Pixels to draw from; of a canvas that is still recording, or that can change before they are drawn, as they are now. */
function pixelsOf(picture: Drawable, isForLater: boolean): RawImage | (() => Promise<RawImage>) {
  if (picture instanceof Image) return picture.raw;
  if (isSurface(picture)) return picture.isRecording || isForLater ? picture.snapshot() : picture.pixels();
  const context = Object(picture).getContext?.('2d');
  if (context === undefined) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'drawImage', wanted: 'a picture or a canvas', got: show(picture) });
  }
  const { width, height } = picture;
  const { data } = (context as CanvasRenderingContext2D).getImageData(0, 0, width, height);
  return { data: Uint8Array.from(data), width, height, channels: 4 };
}

/** The same pixels: what changes the one changes the other. */
function rasterOf({ data, width, height }: ImageData): Raster {
  return { data: new Uint8Array(data.buffer), width, height, channels: 4 };
}

const rectOf = ([x, y, width, height]: readonly number[]): IRect => ({ x, y, width, height });

/** SVG has no rectangle with a negative side. */
function upright(x: number, y: number, width: number, height: number): { readonly [side: string]: number } {
  const [left, top] = [Math.min(x, x + width), Math.min(y, y + height)];
  return { x: left, y: top, width: Math.abs(width), height: Math.abs(height) };
}

function colour(path: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'the name or the numbers of a colour', got: show(value) });
}

/** A colour has none of the signs that XML cannot hold; a text that has is no colour. */
const escaped = (text: string): string => text.replace(/[^\x20-\x7e]|[&<>"]/gu, '_');
