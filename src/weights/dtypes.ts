import type { StoredDtype } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';

type Elements =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface ElementsConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Elements;
}

/**
 * The size of an element in bytes, and the array that shows stored bytes as numbers: half floats as their bits, 64-bit whole
 * numbers as pairs of 32 bits, the low half first. Typed arrays are little-endian wherever Node runs, as the files are.
 * The order is that of the reference's writer, which sorts tensors by dtype from the end of this list.
 */
const DTYPES: Readonly<Record<StoredDtype, { readonly size: number; readonly array: ElementsConstructor }>> = {
  BOOL: { size: 1, array: Uint8Array },
  U8: { size: 1, array: Uint8Array },
  I8: { size: 1, array: Int8Array },
  I16: { size: 2, array: Int16Array },
  U16: { size: 2, array: Uint16Array },
  F16: { size: 2, array: Uint16Array },
  BF16: { size: 2, array: Uint16Array },
  I32: { size: 4, array: Int32Array },
  U32: { size: 4, array: Uint32Array },
  F32: { size: 4, array: Float32Array },
  F64: { size: 8, array: Float64Array },
  I64: { size: 8, array: Int32Array },
  U64: { size: 8, array: Uint32Array },
};

/** Every dtype that can be read, in the order of the reference's writer: narrow to wide. */
export const STORED_DTYPES = Object.keys(DTYPES) as readonly StoredDtype[];

export const isStoredDtype = (dtype: string): dtype is StoredDtype => Object.hasOwn(DTYPES, dtype);

/** The dtypes that `toBytes` makes. */
export type WritableDtype = 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'U8' | 'BOOL';

/** The bytes of a tensor, or NaN where they cannot be counted exactly, as 2^40 x 2^40 (x 0: what overflows stays refused). */
export function byteLength(dtype: StoredDtype, shape: readonly number[]): number {
  return bytesOfElements(DTYPES[dtype].size, shape);
}

/** The same by the bytes of an element. */
export function bytesOfElements(size: number, shape: readonly number[]): number {
  return shape.reduce((bytes, length) => {
    const product = bytes * length;
    return product <= Number.MAX_SAFE_INTEGER ? product : Number.NaN;
  }, size);
}

/** Stored bytes as float32, rounded to the nearest where they hold more. F32 may share the memory of `bytes`. */
export function toFloat32(dtype: StoredDtype, bytes: Uint8Array): Float32Array {
  const stored = elements(dtype, bytes);
  switch (dtype) {
    case 'F32':
      return stored as Float32Array;
    case 'F16':
      return fromHalves(stored);
    case 'BF16':
      return fromBfloats(stored);
    case 'I64':
    case 'U64':
      return fromPairs(stored, new Float32Array(stored.length / 2));
    default:
      return new Float32Array(stored);
  }
}

/**
 * Stored bytes as numbers that tell labels and indices apart: floats as float32; whole numbers and booleans as int32 where
 * all fit, as float64 otherwise. Float64 is exact up to 2^53; anything beyond stays beyond. F32 may share the memory of `bytes`.
 */
export function toNumbers(dtype: StoredDtype, bytes: Uint8Array): Float32Array | Int32Array | Float64Array {
  if (/^B?F/.test(dtype)) return toFloat32(dtype, bytes);
  const stored = elements(dtype, bytes);
  const whole = dtype.endsWith('64') ? fromPairs(stored, new Float64Array(stored.length / 2)) : stored;
  const ints = new Int32Array(whole);
  return ints.every((value, i) => value === whole[i]) ? ints : new Float64Array(whole);
}

/**
 * Numbers as the bytes of a dtype: floats rounded half to even (what F16 cannot hold becomes an infinity, as in PyTorch).
 * A Float32Array as F32 shares its memory. Throws E_ARGUMENT where a whole-number dtype cannot hold a value.
 */
export function toBytes(dtype: WritableDtype, values: ArrayLike<number>): Uint8Array {
  switch (dtype) {
    case 'F32':
      return bytesOf(floats(values));
    case 'F16':
      return bytesOf(toHalves(floats(values)));
    case 'BF16':
      return bytesOf(toBfloats(floats(values)));
    case 'I64':
      checkWhole(values, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      return bytesOf(BigInt64Array.from(values as number[], BigInt));
    case 'I32':
      checkWhole(values, -(2 ** 31), 2 ** 31 - 1);
      return bytesOf(Int32Array.from(values));
    case 'U8':
    case 'BOOL':
      checkWhole(values, 0, dtype === 'U8' ? 255 : 1);
      return bytesOf(Uint8Array.from(values));
  }
}

function elements(dtype: StoredDtype, bytes: Uint8Array): Elements {
  const { array } = DTYPES[dtype];
  // a view must begin at a multiple of its elements' size
  const { buffer, byteOffset, length } =
    bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new array(buffer, byteOffset, length / array.BYTES_PER_ELEMENT);
}

function fromHalves(halves: Elements): Float32Array {
  const floats = new Float32Array(halves.length);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    // exponent and mantissa moved to float32's places; 2^112 makes up for the biases, 127 - 15, subnormals included
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
    if ((half & 0x7c00) === 0x7c00) bits[i] |= 0x7f800000;
    else floats[i] *= 2 ** 112;
  }
  return floats;
}

function fromBfloats(bfloats: Elements): Float32Array {
  const bits = new Uint32Array(bfloats.length);
  for (let i = 0; i < bits.length; i++) bits[i] = bfloats[i] << 16;
  return new Float32Array(bits.buffer);
}

function fromPairs<T extends Float32Array | Float64Array>(pairs: Elements, into: T): T {
  for (let i = 0; i < into.length; i++) {
    const high = pairs[2 * i + 1];
    let low = pairs[2 * i] >>> 0;
    // beyond 2^53 the sum below rounds to a double: bits that it would lose are gathered in one that it keeps, so that
    // rounding the double to float32 gives what rounding the whole number would
    if (high < -(2 ** 21) || high >= 2 ** 21) low = low - (low % 2048) + (low % 2048 === 0 || low & 2048 ? 0 : 2048);
    into[i] = high * 2 ** 32 + low;
  }
  return into;
}

function toHalves(floats: Float32Array): Uint16Array {
  const bits = bitsOf(floats);
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    halves[i] = ((bits[i] >>> 16) & 0x8000) | halfMagnitude(Math.abs(floats[i]), bits[i] & 0x7fffffff);
  }
  return halves;
}

/** The half float nearest to a number that is not negative, as bits, from the number and its float32 bits. */
function halfMagnitude(value: number, bits: number): number {
  if (bits > 0x7f800000) return 0x7e00; // NaN
  if (bits >= 0x47800000) return 0x7c00; // 2^16 and more: infinity
  // below 2^-14 halves are multiples of 2^-24, which is also how far apart float32's are from 0.5 on
  if (bits < 0x38800000) return (Math.fround(value + 0.5) - 0.5) * 2 ** 24;
  // the exponent's bias goes from 127 to 15; adding just under half of the last place kept, and that place's bit, rounds
  return (bits - (112 << 23) + 0xfff + ((bits >>> 13) & 1)) >>> 13;
}

function toBfloats(floats: Float32Array): Uint16Array {
  const bits = bitsOf(floats);
  const bfloats = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const notANumber = (bits[i] & 0x7fffffff) > 0x7f800000;
    bfloats[i] = notANumber ? 0x7fc0 : (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
  }
  return bfloats;
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

function floats(values: ArrayLike<number>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function checkWhole(values: ArrayLike<number>, least: number, most: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: `values[${i}]`,
      wanted: `a whole number from ${least} to ${most}`,
      got: show(value),
    });
  }
}
