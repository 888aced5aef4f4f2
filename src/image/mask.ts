import { type Polygon, polygonToRle, traceOutlines } from '../boxes/polygon.js';
import { boxOf, type CocoRle, compress, decode, encode, merge, type Rle, readRle } from '../boxes/rle.js';
import type { BinaryMask } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { loadSharp } from './sharp.js';

/** Which pixels of a picture are inside of something: a bitmap, packed to a bit a pixel. */
export class Mask implements BinaryMask {
  /**
   * `bits`: row after row without gaps; pixel i is bit i % 8, the lowest first, of byte floor(i / 8), and what follows the last
   * pixel is 0. They are the mask's from then on. Throws E_SHAPE where they are not as many as the size wants.
   */
  constructor(
    readonly bits: Uint8Array,
    readonly height: number,
    readonly width: number,
  ) {
    checkCount(bits.length, Math.ceil((height * width) / 8), 'bytes', this);
  }

  /** Of values [height * width], row after row, of which any but 0 is inside. Throws E_SHAPE where they are not as many. */
  static fromValues(values: ArrayLike<number>, height: number, width: number): Mask {
    checkCount(values.length, height * width, 'values', { height, width });
    const bits = new Uint8Array(Math.ceil((height * width) / 8));
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) bits[i >> 3] |= 1 << (i & 7);
    return new Mask(bits, height, width);
  }

  /** Of COCO's run-length encoding, its counts a list or compressed. Throws E_ARGUMENT, E_LIMIT. */
  static fromRLE(rle: CocoRle): Mask {
    const read = readRle(rle);
    return Mask.fromValues(decode(read), ...read.size);
  }

  /** What any of these polygons covers, as pycocotools draws them. Throws E_ARGUMENT, E_LIMIT. */
  static fromPolygons(polygons: readonly Polygon[], height: number, width: number): Mask {
    const nothing: Rle = { size: [height, width], counts: [height * width] };
    const drawn = polygons.map((polygon, i) => polygonToRle(polygon, height, width, `polygons[${i}]`));
    return Mask.fromValues(decode(merge([nothing, ...drawn], 'union')), height, width);
  }

  /** Whether the pixel in this column and row is inside. */
  has(x: number, y: number): boolean {
    if (!(x >= 0 && x < this.width && y >= 0 && y < this.height)) return false;
    const i = y * this.width + x;
    return (this.bits[i >> 3] & (1 << (i & 7))) !== 0;
  }

  /** How many pixels are inside. */
  get area(): number {
    let count = 0;
    for (let byte of this.bits) for (; byte !== 0; byte &= byte - 1) count++;
    return count;
  }

  /** The smallest box [x, y, width, height] around what is inside; all 0 where nothing is. */
  get box(): readonly [number, number, number, number] {
    return boxOf(this.#encoded);
  }

  /** A byte a pixel, row after row: 1 inside, 0 outside. */
  toValues(): Uint8Array {
    const values = new Uint8Array(this.height * this.width);
    for (let i = 0; i < values.length; i++) values[i] = (this.bits[i >> 3] >> (i & 7)) & 1;
    return values;
  }

  /** COCO's run-length encoding, with its counts compressed: as in pycocotools and in files of results. */
  toRLE(): { readonly size: readonly [number, number]; readonly counts: string } {
    const { size, counts } = this.#encoded;
    return { size, counts: compress(counts) };
  }

  /**
   * Outlines along the pixels' edges, [x, y, x, y, ...]: clockwise around each region of pixels that share a side, the other
   * way around each hole. Filled by the even-odd rule they give the mask back.
   */
  toPolygons(): readonly Polygon[] {
    return traceOutlines(this.toValues(), this.height, this.width);
  }

  /** A PNG file of one bit a pixel, white inside. Throws E_PEER without sharp, E_IMAGE for a mask without a pixel. */
  async toPNG(): Promise<Uint8Array> {
    const { width, height } = this;
    if (width * height === 0) {
      throw new ConvNextV2Error('E_IMAGE', { path: 'mask', wanted: 'at least one pixel', got: `${height} x ${width}` });
    }
    const sharp = await loadSharp();
    const pixels = this.toValues().map((value) => 255 * value);
    return sharp(pixels, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png({ palette: true, colours: 2 })
      .toBuffer();
  }

  get #encoded(): Rle {
    return encode(this.toValues(), this.height, this.width);
  }
}

function checkCount(
  got: number,
  wanted: number,
  what: string,
  { height, width }: { height: number; width: number },
): void {
  if (Number.isSafeInteger(height) && Number.isSafeInteger(width) && Math.min(height, width) >= 0 && got === wanted)
    return;
  throw new ConvNextV2Error('E_SHAPE', {
    path: 'mask',
    wanted: `${wanted} ${what} for ${height} x ${width} pixels`,
    got: String(got),
  });
}
