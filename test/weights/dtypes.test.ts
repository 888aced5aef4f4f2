import { expect } from 'chai';
import fc from 'fast-check';
import type { StoredDtype } from '../../src/contracts.js';
import { byteLength, STORED_DTYPES, toBytes, toFloat32, toNumbers } from '../../src/weights/dtypes.js';
import { failure } from '../helpers.js';

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer);
}

function floatsOf(dtype: StoredDtype, values: ArrayBufferView): readonly number[] {
  return [...toFloat32(dtype, bytesOf(values))];
}

function halvesOf(...values: readonly number[]): readonly number[] {
  return [...new Uint16Array(toBytes('F16', values).buffer)];
}

/** What the IEEE 754 bits of a half float say: sign, five bits of exponent, ten of mantissa. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

describe('byteLength', () => {
  it('multiplies the shape by the size of an element', () => {
    expect(byteLength('F32', [2, 3])).to.equal(24);
    expect(byteLength('I64', [])).to.equal(8);
    expect(byteLength('F16', [5, 0, 7])).to.equal(0);
    expect(STORED_DTYPES.map((dtype) => byteLength(dtype, []))).to.deep.equal([1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8]);
  });

  it('is NaN beyond 2^53, whatever follows', () => {
    expect(byteLength('F32', [2 ** 40, 2 ** 40])).to.be.NaN;
    expect(byteLength('F32', [2 ** 40, 2 ** 40, 0])).to.be.NaN;
    expect(byteLength('U8', [2 ** 53 - 1])).to.equal(2 ** 53 - 1);
    expect(byteLength('U8', [2 ** 52, 2])).to.be.NaN;
  });
});

describe('toFloat32', () => {
  it('gives float32 as it is, without copying', () => {
    const stored = new Float32Array([1, -0, Number.NaN, 1e-45]);
    const bytes = bytesOf(stored);
    expect(toFloat32('F32', bytes)).to.deep.equal(stored);
    expect(toFloat32('F32', bytes).buffer).to.equal(stored.buffer);
  });

  it('reads bytes at any offset', () => {
    for (const dtype of STORED_DTYPES) {
      const bytes = Uint8Array.from({ length: 2 * byteLength(dtype, []) }, (_, i) => i + 1);
      const shifted = new Uint8Array([99, ...bytes]).subarray(1);
      expect(toFloat32(dtype, shifted), dtype).to.deep.equal(toFloat32(dtype, bytes));
    }
  });

  it('gives every half float its value', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    const got = toFloat32('F16', bytesOf(all));
    expect(got.findIndex((value, bits) => !Object.is(value, halfValue(bits)))).to.equal(-1);
    // 1, -2, the smallest subnormal, the largest one, the smallest normal, the largest
    const some = new Uint16Array([0x3c00, 0xc000, 1, 0x3ff, 0x400, 0x7bff]);
    expect(floatsOf('F16', some)).to.deep.equal([1, -2, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504]);
  });

  it('gives bfloat16 its value: the upper half of a float32', () => {
    const bfloats = new Uint16Array([0x3f80, 0xc040, 1, 0x8000, 0x7f80, 0xff80, 0x7fc0]);
    const want = [1, -3, 2 ** -133, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    expect(floatsOf('BF16', bfloats)).to.deep.equal(want);
  });

  it('rounds float64 to the nearest, ties to even', () => {
    const doubles = new Float64Array([0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e300]);
    const want = [Math.fround(0.1), 1, 1 + 2 ** -22, Number.POSITIVE_INFINITY];
    expect(floatsOf('F64', doubles)).to.deep.equal(want);
  });

  it('reads whole numbers and booleans', () => {
    expect(floatsOf('I8', new Int8Array([-128, 127]))).to.deep.equal([-128, 127]);
    expect(floatsOf('U8', new Uint8Array([0, 255]))).to.deep.equal([0, 255]);
    expect(floatsOf('I16', new Int16Array([-32768, 258]))).to.deep.equal([-32768, 258]);
    expect(floatsOf('U16', new Uint16Array([65535]))).to.deep.equal([65535]);
    expect(floatsOf('I32', new Int32Array([-(2 ** 31), 16777217]))).to.deep.equal([-(2 ** 31), 16777216]);
    expect(floatsOf('U32', new Uint32Array([2 ** 32 - 256]))).to.deep.equal([2 ** 32 - 256]);
    expect(floatsOf('BOOL', new Uint8Array([0, 1]))).to.deep.equal([0, 1]);
  });

  it('reads 64-bit whole numbers, rounded once', () => {
    const some = new BigInt64Array([0n, -1n, 2n ** 31n, -(2n ** 40n), -(2n ** 63n), 2n ** 63n - 1n]);
    expect(floatsOf('I64', some)).to.deep.equal([0, -1, 2 ** 31, -(2 ** 40), -(2 ** 63), 2 ** 63]);
    expect(floatsOf('U64', new BigUint64Array([2n ** 64n - 1n, 2n ** 63n]))).to.deep.equal([2 ** 64, 2 ** 63]);
    // float32s near 2^54 are 2^31 apart: the halfway point goes to the even neighbour, one more goes up,
    // although a double cannot tell the two apart
    const half = 2n ** 54n + 2n ** 30n;
    const want = [2 ** 54, 2 ** 54 + 2 ** 31, 2 ** 54, -(2 ** 54) - 2 ** 31];
    expect(floatsOf('I64', new BigInt64Array([half, half + 1n, half - 1n, -half - 1n]))).to.deep.equal(want);
  });
});

describe('toNumbers', () => {
  it('gives whole numbers as int32 where all fit', () => {
    const labels = toNumbers('I64', bytesOf(new BigInt64Array([-100n, 2147483647n, 281n])));
    expect(labels).to.deep.equal(new Int32Array([-100, 2147483647, 281]));
    expect(toNumbers('BOOL', new Uint8Array([1, 0]))).to.deep.equal(new Int32Array([1, 0]));
    expect(toNumbers('U8', new Uint8Array([255]))).to.deep.equal(new Int32Array([255]));
  });

  it('gives larger ones as float64, exactly', () => {
    const large = toNumbers('I64', bytesOf(new BigInt64Array([2n ** 53n - 1n, -(2n ** 40n) - 1n])));
    expect(large).to.deep.equal(new Float64Array([2 ** 53 - 1, -(2 ** 40) - 1]));
    expect(toNumbers('U32', bytesOf(new Uint32Array([3e9])))).to.deep.equal(new Float64Array([3e9]));
  });

  it('gives floats as float32', () => {
    expect(toNumbers('F64', bytesOf(new Float64Array([0.1])))).to.deep.equal(new Float32Array([0.1]));
    expect(toNumbers('BF16', bytesOf(new Uint16Array([0x3f80])))).to.deep.equal(new Float32Array([1]));
    expect(toNumbers('F16', bytesOf(new Uint16Array([0x3c00])))).to.deep.equal(new Float32Array([1]));
  });
});

describe('toBytes', () => {
  it('rounds to half floats, ties to even', () => {
    // between 1 and 1 + 2^-10: halfway is even's; between 1 + 2^-10 and 1 + 2^-9 the even one is above
    expect(halvesOf(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20)).to.deep.equal([0x3c00, 0x3c02, 0x3c01]);
    // subnormals are multiples of 2^-24
    expect(halvesOf(2 ** -25, 2 ** -25 + 2 ** -40, 3 * 2 ** -25, -(2 ** -24))).to.deep.equal([0, 1, 2, 0x8001]);
    expect(halvesOf(2 ** -14 - 2 ** -25, 2 ** -14, 1e-45)).to.deep.equal([0x400, 0x400, 0]);
    // the largest half is 65504, the next would be 65536
    expect(halvesOf(65504, 65519.99, 65520, 70000, -1e30)).to.deep.equal([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00]);
    expect(halvesOf(-0, Number.NaN, Number.POSITIVE_INFINITY)).to.deep.equal([0x8000, 0x7e00, 0x7c00]);
  });

  it('gives the nearest half float to any number', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), fc.nat(40), (number, shift) => {
        const value = Math.fround(number * 2 ** -shift);
        const [bits] = halvesOf(value);
        const error = Math.abs(value - halfValue(bits));
        for (const other of [bits - 1, bits + 1].filter((other) => Number.isFinite(halfValue(other & 0xffff)))) {
          expect(error).to.be.at.most(Math.abs(value - halfValue(other & 0xffff)));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('rounds to bfloat16, ties to even', () => {
    // near 1 bfloat16s are 2^-7 apart
    const values = [
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -8 + 2 ** -20,
      -3,
      3.4e38,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ];
    const want = [0x3f80, 0x3f82, 0x3f81, 0xc040, 0x7f80, 0x7fc0, 0xff80];
    expect([...new Uint16Array(toBytes('BF16', values).buffer)]).to.deep.equal(want);
    // a NaN whose bits would round to -0
    const nan = new Float32Array(new Uint32Array([0xffffffff]).buffer);
    expect(toFloat32('BF16', toBytes('BF16', nan))).to.deep.equal(new Float32Array([Number.NaN]));
  });

  it('gives every half float and bfloat16 back', () => {
    for (const dtype of ['F16', 'BF16'] as const) {
      const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
      const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7fff) <= infinity);
      expect(toBytes(dtype, toFloat32(dtype, bytesOf(all)))).to.deep.equal(bytesOf(all));
    }
  });

  it('writes float32 and whole numbers', () => {
    const floats = new Float32Array([1, 2, 3]).subarray(1);
    expect([...toBytes('F32', floats)]).to.deep.equal([0, 0, 0, 64, 0, 0, 64, 64]);
    expect(toBytes('F32', [2, 3])).to.deep.equal(new Uint8Array(toBytes('F32', floats)));
    expect(toBytes('I64', [-1, 2 ** 40])).to.deep.equal(bytesOf(new BigInt64Array([-1n, 2n ** 40n])));
    expect(toBytes('I32', new Int32Array([-5]))).to.deep.equal(bytesOf(new Int32Array([-5])));
    expect(toBytes('U8', [0, 255])).to.deep.equal(new Uint8Array([0, 255]));
    expect(toBytes('BOOL', [0, 1])).to.deep.equal(new Uint8Array([0, 1]));
  });

  it('refuses what a dtype cannot hold', async () => {
    const refused = [
      ['I64', 1.5],
      ['I64', 2 ** 53],
      ['I32', 2 ** 31],
      ['I32', Number.NaN],
      ['U8', 256],
      ['U8', -1],
      ['BOOL', 2],
    ] as const;
    for (const [dtype, value] of refused) {
      const error = await failure(() => toBytes(dtype, [0, value]));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'values[1]' });
    }
  });
});
