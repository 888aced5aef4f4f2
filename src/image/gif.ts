import { ConvNextV2Error } from '../errors.js';
import { checkPixels, type ImageLimits, overLimit } from './limits.js';
import { newBytes, type RawImage } from './raw-image.js';

/*
 * libvips blends the frame onto a transparent canvas and forgets the color of transparent pixels, which PIL's convert('RGB')
 * shows. So GIFs have a reader of their own: the first frame, as PIL draws it.
 */

/** The first frame of a GIF: its pixels as indices of its colors, and where it lies on the canvas. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each of 256 indices. */
  readonly palette: Uint8Array;
  /** The index of the color that is transparent. */
  readonly transparent: number | undefined;
  readonly indices: Uint8Array;
}

/**
 * The first frame on its canvas, RGB; with `keepAlpha` RGB and alpha where the frame has a transparent color. As in PIL, what lies
 * outside of the frame has the transparent color, or else the first one, and a canvas too small for the frame is enlarged.
 * Throws E_IMAGE for a broken file, E_LIMIT beyond the limits.
 */
export function decodeGif(
  bytes: Uint8Array,
  name: string,
  limits: Required<ImageLimits>,
  keepAlpha: boolean,
): RawImage {
  const reader = new Reader(bytes, name, limits);
  reader.take(6); // the signature
  const screen = reader.takeSize();
  const flags = reader.byte();
  reader.take(2); // the background color, which PIL does not use, and the aspect ratio
  const frame = readFrame(reader, flags & 0x80 ? readPalette(reader, flags) : undefined, screen);
  const { palette, transparent } = frame;
  const channels = keepAlpha && transparent !== undefined ? 4 : 3;
  if (channels > limits.maxChannels) {
    overLimit('maxChannels', name, `at most ${limits.maxChannels} channels`, String(channels));
  }
  const [width, height] = canvasSize(screen, frame);
  const indices = onCanvas(frame, width, height);
  const data = newBytes(height, width, channels);
  for (let pixel = 0, at = 0; pixel < indices.length; pixel++) {
    const color = 3 * indices[pixel];
    data[at++] = palette[color];
    data[at++] = palette[color + 1];
    data[at++] = palette[color + 2];
    if (channels === 4) data[at++] = indices[pixel] === transparent ? 0 : 255;
  }
  return { data, width, height, channels };
}

function onCanvas({ indices, transparent = 0, ...frame }: Frame, width: number, height: number): Uint8Array {
  if (frame.width === width && frame.height === height) return indices;
  const canvas = newBytes(height, width, 1).fill(transparent);
  for (let y = 0; y < frame.height; y++) {
    const row = indices.subarray(y * frame.width, (y + 1) * frame.width);
    canvas.set(row, (frame.top + y) * width + frame.left);
  }
  return canvas;
}

type Size = readonly [width: number, height: number];

function canvasSize([width, height]: Size, frame: Omit<Frame, 'indices'>): Size {
  return [Math.max(width, frame.left + frame.width), Math.max(height, frame.top + frame.height)];
}

function readFrame(reader: Reader, globalPalette: Uint8Array | undefined, screen: Size): Frame {
  let transparent: number | undefined;
  for (;;) {
    const block = reader.byte();
    if (block === 0x3b) throw reader.refuse('one without a frame');
    if (block === 0x21) transparent = readExtension(reader) ?? transparent;
    if (block !== 0x2c) continue; // PIL, too, skips stray bytes between blocks
    const [left, top] = reader.takeSize();
    const [width, height] = reader.takeSize();
    if (width * height === 0) throw reader.refuse(`a frame of ${height} x ${width} pixels`);
    const flags = reader.byte();
    const palette = (flags & 0x80 ? readPalette(reader, flags) : undefined) ?? globalPalette ?? GRAYS;
    const place = { left, top, width, height, palette, transparent };
    const [canvasWidth, canvasHeight] = canvasSize(screen, place);
    checkPixels(reader.name, canvasHeight, canvasWidth, reader.limits);
    const indices = readIndices(reader, width * height);
    return { ...place, indices: flags & 0x40 ? inOrder(indices, width, height) : indices };
  }
}

/** The index of the transparent color, where a graphic control extension names one; other extensions are skipped. */
function readExtension(reader: Reader): number | undefined {
  const isControl = reader.byte() === 0xf9;
  let transparent: number | undefined;
  for (let block = reader.block(); block.length > 0; block = reader.block()) {
    if (isControl && block.length >= 4 && block[0] & 1) transparent = block[3];
  }
  return transparent;
}

/** Without a palette the indices are values of gray. */
const GRAYS = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));

/** The colors of all 256 indices: those that the file does not give are black. As PIL, takes one of 0, 1, 2... for none. */
function readPalette(reader: Reader, flags: number): Uint8Array | undefined {
  const given = reader.take(3 * 2 ** ((flags & 7) + 1));
  if (given.every((value, i) => value === GRAYS[i])) return undefined;
  const palette = new Uint8Array(3 * 256);
  palette.set(given);
  return palette;
}

/** The maximum length of an LZW code, in bits. */
const MAX_BITS = 12;
const MAX_CODES = 2 ** MAX_BITS;

/** Undoes the LZW compression of a frame. The stream must give all its pixels; what follows them is not read. */
function readIndices(reader: Reader, count: number): Uint8Array {
  const bits = reader.byte();
  if (bits >= MAX_BITS) throw reader.refuse(`color indices of ${bits} bits`);
  const clear = 2 ** bits;
  // code i stands for what code prefix[i] stands for, followed by last[i]
  const prefix = new Uint16Array(MAX_CODES);
  const last = Uint8Array.from({ length: MAX_CODES }, (_, i) => i);
  const stack = new Uint8Array(MAX_CODES);
  const indices = new Uint8Array(count);
  let next = clear + 2;
  let codeBits = bits + 1;
  let previous = -1;
  let first = 0;
  let buffer = 0;
  let buffered = 0;
  let at = 0;
  while (at < count) {
    const block = reader.block();
    if (block.length === 0) throw reader.refuse(`one with ${at} of ${count} pixels`);
    for (let i = 0; i < block.length && at < count; i++) {
      buffer |= block[i] << buffered;
      buffered += 8;
      while (buffered >= codeBits && at < count) {
        const code = buffer & ((1 << codeBits) - 1);
        buffer >>>= codeBits;
        buffered -= codeBits;
        if (code === clear) {
          next = clear + 2;
          codeBits = bits + 1;
          previous = -1;
          continue;
        }
        if (code === clear + 1) throw reader.refuse(`one with ${at} of ${count} pixels`);
        if (code > next || (previous < 0 && code > clear)) throw reader.refuse('a code that stands for nothing');
        let height = 0;
        let rest = code;
        if (code === next) {
          // the code that is only being defined: the previous one, followed by its own first index
          stack[height++] = first;
          rest = previous;
        }
        for (; rest > clear; rest = prefix[rest]) stack[height++] = last[rest];
        first = last[rest];
        stack[height++] = first;
        if (previous >= 0 && next < MAX_CODES) {
          prefix[next] = previous;
          last[next] = first;
          next += 1;
          if (next === 1 << codeBits && codeBits < MAX_BITS) codeBits += 1;
        }
        previous = code;
        while (height > 0 && at < count) indices[at++] = stack[--height];
      }
    }
  }
  return indices;
}

/** Rows of an interlaced frame from top to bottom: it stores every eighth, then those between, in four passes. */
function inOrder(stored: Uint8Array, width: number, height: number): Uint8Array {
  const ordered = new Uint8Array(stored.length);
  let row = 0;
  for (const [start, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ]) {
    for (let y = start; y < height; y += step, row++) {
      ordered.set(stored.subarray(row * width, (row + 1) * width), y * width);
    }
  }
  return ordered;
}

/** Goes through the bytes of a file. */
class Reader {
  #at = 0;
  readonly #deadline: number;

  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
    readonly limits: Required<ImageLimits>,
  ) {
    this.#deadline = performance.now() + 1000 * limits.timeoutSeconds;
  }

  /** The next bytes. Throws E_IMAGE where the file ends before. */
  take(length: number): Uint8Array {
    this.#at += length;
    if (this.#at > this.bytes.length) throw this.refuse('one that ends too early');
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1)[0];
  }

  takeSize(): Size {
    const [a, b, c, d] = this.take(4);
    return [a + 256 * b, c + 256 * d];
  }

  /** A block of data behind its length; an empty one ends a list of them. */
  block(): Uint8Array {
    const { timeoutSeconds } = this.limits;
    if (performance.now() > this.#deadline) {
      overLimit('timeoutSeconds', this.name, `to be decoded in ${timeoutSeconds} seconds`, 'one that takes longer');
    }
    return this.take(this.byte());
  }

  refuse(got: string): ConvNextV2Error {
    return new ConvNextV2Error('E_IMAGE', { path: this.name, wanted: 'a whole GIF', got });
  }
}
