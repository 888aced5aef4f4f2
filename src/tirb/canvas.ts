import { ConvNextV2Error, show } from '../errors.js';
import { encodePicture, overlaySvg, type PictureFormat } from '../image/overlay.js';
import type { RawImage } from '../image/raw-image.js';
import { CanvasRenderingContext2D, type DrawingSurface, type Step } from './context.js';
import { checkSide, newRaster, type Raster } from './raster.js';

/**
 * A canvas in Node, without one of the packages for it: pictures are drawn on its pixels, and all other drawing is recorded as
 * SVG, which sharp renders when the canvas is encoded. As the browsers' canvas, it forgets what it holds when a side is set.
 */
export class Canvas implements DrawingSurface {
  #width: number;
  #height: number;
  /** Undefined while nothing has been drawn. */
  #pixels: Raster | undefined;
  /** What is not on the pixels yet. */
  #steps: Step[] = [];
  #rendering: Promise<void> = Promise.resolve();
  readonly #context = new CanvasRenderingContext2D(this);

  constructor(width = 300, height = 150) {
    this.#width = checkSide('width', width);
    this.#height = checkSide('height', height);
  }

  get width(): number {
    return this.#width;
  }

  /** Throws E_ARGUMENT for what is no whole number of pixels. */
  set width(width: number) {
    this.#width = checkSide('width', width);
    this.#clear();
  }

  get height(): number {
    return this.#height;
  }

  set height(height: number) {
    this.#height = checkSide('height', height);
    this.#clear();
  }

  /** Null for every context but the one for drawing in two dimensions. */
  getContext(type: '2d'): CanvasRenderingContext2D;
  getContext(type: string): CanvasRenderingContext2D | null;
  getContext(type: string): CanvasRenderingContext2D | null {
    return type === '2d' ? this.#context : null;
  }

  draw(step: Step, when: 'at-once' | 'rendered' = 'rendered'): void {
    if (when === 'at-once' && this.#steps.length === 0 && typeof step !== 'string') step(this.pixels());
    else this.#steps.push(step);
  }

  get isRecording(): boolean {
    return this.#steps.length > 0;
  }

  pixels(): Raster {
    if (this.isRecording) {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'canvas',
        wanted: 'one whose drawing is on its pixels',
        got: `${this.#steps.length} drawings that are only recorded`,
        suggestion: 'await canvas.render() before its pixels are read',
      });
    }
    this.#pixels ??= newRaster(this.#width, this.#height);
    return this.#pixels;
  }

  snapshot(): () => Promise<Raster> {
    const { width, height } = this;
    const pixels = newRaster(width, height, this.#pixels);
    const steps = [...this.#steps];
    return () => rendered(pixels, steps);
  }

  /** Brings all that is recorded onto the pixels. Throws E_PEER without sharp. */
  render(): Promise<void> {
    const work = async () => {
      const steps = this.#steps;
      const count = steps.length;
      if (count === 0) return;
      const pixels = await this.snapshot()();
      if (steps !== this.#steps) return; // cleared meanwhile
      this.#pixels = pixels;
      steps.splice(0, count);
    };
    const before = this.#rendering;
    const done = before.then(work);
    this.#rendering = done.catch(() => {});
    return done;
  }

  /** What is on the canvas as a picture of four channels. Throws E_PEER without sharp. */
  async toRawImage(): Promise<RawImage> {
    return this.snapshot()();
  }

  /** What is on the canvas as the bytes of a file; a JPEG is laid onto white. Throws E_ARGUMENT, E_PEER without sharp. */
  async encode(format: PictureFormat = 'png'): Promise<Uint8Array> {
    return encodePicture(await this.toRawImage(), format);
  }

  /**
   * As node-canvas has it, but with a callback alone: `mimeType` is `image/png`, `image/jpeg` or `image/webp`. Throws E_ARGUMENT
   * without one, since sharp renders nothing at once.
   */
  toBuffer(callback: (error: unknown, buffer?: Uint8Array) => void, mimeType = 'image/png'): void {
    if (typeof callback !== 'function') {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'callback',
        wanted: 'a function that takes the bytes',
        got: show(callback),
        suggestion: 'await canvas.encode()',
      });
    }
    this.encode(mimeType.replace(/^image\//, '') as PictureFormat).then((buffer) => callback(null, buffer), callback);
  }

  #clear(): void {
    this.#pixels = undefined;
    this.#steps = [];
  }
}

/** The pixels with the steps drawn on them, which changes them. */
async function rendered(pixels: Raster, steps: readonly Step[]): Promise<Raster> {
  let [raster, elements] = [pixels, ''];
  const flush = async () => {
    if (elements !== '' && raster.data.length > 0) raster = (await overlaySvg(raster, elements)) as Raster;
    elements = '';
  };
  for (const step of steps) {
    if (typeof step === 'string') {
      elements += step;
      continue;
    }
    await flush();
    await step(raster);
  }
  await flush();
  return raster;
}
