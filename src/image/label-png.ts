import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { ConvNextV2Error } from '../errors.js';
import { pngSize } from './format.js';
import { type EncodedSource, readSource } from './image-source.js';
import { checkPixels, type ImageLimits, readLimits } from './limits.js';

/** A whole number for each pixel, row after row. */
export interface LabelMap {
  readonly data: Uint8Array | Uint16Array;
  readonly width: number;
  readonly height: number;
}

/** Red, green and blue, from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** PNG's colour types. */
const GRAY = 0;
const PALETTE = 3;

/**
 * A PNG whose values are these labels: of 8 bits with a palette, which viewers show in colours, or, where there are labels above
 * 255, of 16 bits of gray. Throws E_IMAGE for data that do not fit their size.
 */
export function encodeLabelPng({ data, width, height }: LabelMap, palette: readonly Colour[]): Uint8Array {
  const isWide = data instanceof Uint16Array;
  if (data.length !== width * height || data.length === 0) {
    const wanted = `${height} x ${width} labels, at least one`;
    throw new ConvNextV2Error('E_IMAGE', { path: 'labels', wanted, got: String(data.length) });
  }
  const bytes = isWide ? 2 : 1;
  const lines = Buffer.alloc(height * (1 + width * bytes)); // each begins with the number of its filter: 0, none
  for (let y = 0; y < height; y++) {
    const start = y * (1 + width * bytes) + 1;
    for (let x = 0; x < width; x++) {
      const label = data[y * width + x];
      if (isWide) lines.writeUInt16BE(label, start + 2 * x);
      else lines[start + x] = label;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8 * bytes, isWide ? GRAY : PALETTE], 8);
  const colours = Buffer.from(Array.from({ length: 256 }, (_, i) => palette[i] ?? [0, 0, 0]).flat());
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))];
  if (!isWide) parts.splice(1, 0, chunk('PLTE', colours));
  return new Uint8Array(Buffer.concat([SIGNATURE, ...parts]));
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/**
 * Reads a label map: the values of a PNG of gray, or the indices of one with a palette, which picture decoders would turn into
 * colours. Throws E_IMAGE for what is no whole PNG of these kinds, E_LIMIT beyond the limits.
 */
export async function readLabelPng(source: EncodedSource, limits: ImageLimits = {}): Promise<LabelMap> {
  const checked = readLimits(limits);
  const { bytes, name } = await readSource(source, 'labels', checked);
  const size = pngSize(bytes);
  if (!size) throw refused(name, 'a PNG of gray or with a palette', 'another file');
  checkPixels(name, size.height, size.width, checked);
  const { depth, colour, interlace, data } = readChunks(bytes, name);
  const isKnown =
    (colour === GRAY && DEPTHS.includes(depth)) || (colour === PALETTE && DEPTHS.slice(0, -1).includes(depth));
  if (!isKnown) throw refused(name, 'a PNG of gray or with a palette', `colour type ${colour} of ${depth} bits`);
  if (interlace > 1) throw refused(name, 'an interlace method that there is', String(interlace));
  const passes = interlace === 0 ? WHOLE : ADAM7;
  const sides = passes.map(([x, y, stepX, stepY]) => {
    return [Math.ceil((size.width - x) / stepX), Math.ceil((size.height - y) / stepY)] as const;
  });
  const lineBytes = (columns: number) => Math.ceil((columns * depth) / 8);
  const length = sides.reduce(
    (sum, [columns, rows]) => sum + (columns > 0 ? Math.max(0, rows) * (1 + lineBytes(columns)) : 0),
    0,
  );
  const lines = inflate(data, length, name);
  const labels = depth === 16 ? new Uint16Array(size.width * size.height) : new Uint8Array(size.width * size.height);
  let at = 0;
  for (const [i, [x0, y0, stepX, stepY]] of passes.entries()) {
    const [columns, rows] = sides[i];
    if (columns <= 0) continue;
    let above: Uint8Array = new Uint8Array(lineBytes(columns));
    for (let row = 0; row < rows; row++) {
      const line = lines.subarray(at + 1, at + 1 + above.length);
      unfilter(lines[at], line, above, Math.ceil(depth / 8), name);
      for (let column = 0; column < columns; column++) {
        labels[(y0 + row * stepY) * size.width + x0 + column * stepX] = valueAt(line, column, depth);
      }
      above = line;
      at += 1 + line.length;
    }
  }
  return { data: labels, ...size };
}

const DEPTHS: readonly number[] = [1, 2, 4, 8, 16];
/** Where a pass over the picture begins, [x, y], and its steps. */
type PassStart = readonly [x: number, y: number, stepX: number, stepY: number];
const WHOLE: readonly PassStart[] = [[0, 0, 1, 1]];
const ADAM7: readonly PassStart[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

const refused = (path: string, wanted: string, got: string, cause?: unknown) =>
  new ConvNextV2Error('E_IMAGE', { path, wanted, got }, { cause });

function readChunks(bytes: Uint8Array, name: string) {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const data: Buffer[] = [];
  let header: Uint8Array = new Uint8Array();
  for (let at = SIGNATURE.length; ; ) {
    const length = at + 12 <= file.length ? file.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (at + 12 + length > file.length) throw refused(name, 'a whole PNG', 'one that ends too early');
    const body = file.subarray(at + 4, at + 8 + length);
    if (crc32(body) !== file.readUInt32BE(at + 8 + length)) throw refused(name, 'a whole PNG', 'a wrong checksum');
    const type = body.toString('latin1', 0, 4);
    if (type === 'IHDR') header = body.subarray(4);
    if (type === 'IDAT') data.push(body.subarray(4));
    if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header.length !== 13) throw refused(name, 'a PNG that begins with its header', 'none');
  return { depth: header[8], colour: header[9], interlace: header[12], data: Buffer.concat(data) };
}

/** Exactly as many bytes as the picture has: a file that would give more is not even unpacked. */
function inflate(data: Uint8Array, length: number, name: string): Uint8Array {
  try {
    const lines = inflateSync(data, { maxOutputLength: length });
    if (lines.length === length) return lines;
  } catch (cause) {
    throw refused(name, 'a whole PNG', (cause as Error).message, cause);
  }
  throw refused(name, 'a whole PNG', 'fewer lines than its header says');
}

/** Undoes a line's filter, in place; `step` bytes make a pixel. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, step: number, name: string): void {
  if (filter > 4) throw refused(name, 'a filter that there is', String(filter));
  for (let i = 0; filter > 0 && i < line.length; i++) {
    const left = i < step ? 0 : line[i - step];
    const corner = i < step ? 0 : above[i - step];
    line[i] += [0, left, above[i], (left + above[i]) >> 1, paeth(left, above[i], corner)][filter];
  }
}

/** The one of three neighbours that is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

function valueAt(line: Uint8Array, column: number, depth: number): number {
  if (depth === 8) return line[column];
  if (depth === 16) return line[2 * column] * 256 + line[2 * column + 1];
  const bit = column * depth;
  return (line[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}
