import { ConvNextV2Error, show } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import type { ImageSource } from '../image/image-source.js';
import { newBytes, type RawImage } from '../image/raw-image.js';
import { checkSide } from './raster.js';

/** As a browser's: pixels of four bytes, row after row. Throws E_ARGUMENT for data that do not fit, E_LIMIT. */
export class ImageData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(width: number, height: number);
  constructor(data: Uint8ClampedArray, width: number, height?: number);
  constructor(first: Uint8ClampedArray | number, second: number, third?: number) {
    const [width, height] =
      typeof first === 'number' ? [first, second] : [second, third ?? Object(first).length / (4 * second)];
    this.width = checkSide('width', width);
    this.height = checkSide('height', height);
    this.data = typeof first === 'number' ? new Uint8ClampedArray(newBytes(height, width, 4).buffer) : first;
    if (this.data.length === 4 * width * height) return;
    const wanted = `4 bytes for each of ${width} x ${height} pixels`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'data', wanted, got: show(this.data) });
  }
}

/** As a browser's or node-canvas': a picture that is decoded when its `src` is set. */
export class Image {
  onload: (() => void) | null = null;
  onerror: ((error: unknown) => void) | null = null;
  #src: ImageSource | undefined;
  #raw: RawImage | undefined;
  #isDecoding = false;
  #decoding: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<readonly [type: string, listener: (event: unknown) => void]>();

  get src(): ImageSource | undefined {
    return this.#src;
  }

  /** A path, a URL, the bytes of a file, or decoded pixels: see `ImageSource`. What goes wrong is told to `onerror` and `decode`. */
  set src(source: ImageSource) {
    this.#src = source;
    this.#raw = undefined;
    this.#isDecoding = true;
    const decoding = decodeImage(source).then((raw) => {
      if (this.#decoding === decoding) this.#raw = raw;
    });
    this.#decoding = decoding;
    const done = (type: 'load' | 'error', error?: unknown) => {
      if (this.#decoding !== decoding) return; // another src has been set
      this.#isDecoding = false;
      this.#tell(type, error);
    };
    decoding.then(
      () => done('load'),
      (error) => done('error', error),
    );
  }

  /** Resolves when the picture can be drawn. Throws what `decodeImage` throws. */
  decode(): Promise<void> {
    return this.#decoding;
  }

  /** Whether nothing is being decoded, as in a browser: also where it failed. */
  get complete(): boolean {
    return !this.#isDecoding;
  }

  get width(): number {
    return this.#raw?.width ?? 0;
  }

  get height(): number {
    return this.#raw?.height ?? 0;
  }

  get naturalWidth(): number {
    return this.width;
  }

  get naturalHeight(): number {
    return this.height;
  }

  /** The decoded pixels. Throws E_IMAGE while there are none. */
  get raw(): RawImage {
    if (this.#raw) return this.#raw;
    const got = this.#src === undefined ? 'one without src' : 'one that is not decoded';
    throw new ConvNextV2Error('E_IMAGE', {
      path: 'image',
      wanted: 'a picture',
      got,
      suggestion: 'await image.decode()',
    });
  }

  addEventListener(type: 'load' | 'error', listener: (event: unknown) => void): void {
    this.#listeners.add([type, listener]);
  }

  removeEventListener(type: 'load' | 'error', listener: (event: unknown) => void): void {
    for (const entry of this.#listeners) if (entry[0] === type && entry[1] === listener) this.#listeners.delete(entry);
  }

  #tell(type: 'load' | 'error', error: unknown): void {
    if (type === 'load') this.onload?.();
    else this.onerror?.(error);
    for (const [of, listener] of this.#listeners) if (of === type) listener({ type, currentTarget: this, error });
  }
}

/** Decodes a picture, to be drawn or given to a network. Throws what `decodeImage` throws. */
export async function loadImage(source: ImageSource): Promise<Image> {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}
