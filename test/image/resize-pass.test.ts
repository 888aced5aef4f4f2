import { expect } from 'chai';
import fc from 'fast-check';
import { PIL_FILTERS, type WeightedFilter, weightsOf } from '../../src/image/pil-resize.js';
import { nativePass, scriptPass, type Weights } from '../../src/image/resize-pass.js';
import { kernels } from '../backend/simd/helpers.js';

describe('a pass of a resize', () => {
  const HALVES: Weights = {
    size: 2,
    taps: 2,
    first: Int32Array.of(0, 1),
    count: Int32Array.of(2, 1),
    values: Int32Array.of(2 ** 21, 2 ** 21, -(2 ** 22), 7),
  };

  it('weighs along the middle axis, rounds and clips', () => {
    // (1 + 2) / 2 = 1.5 -> 2 and (10 + 21) / 2 = 15.5 -> 16; -2 and -21 -> 0
    expect([...scriptPass(Uint8Array.of(1, 10, 2, 21), 1, 2, 2, HALVES)]).to.deep.equal([2, 16, 0, 0]);
  });

  for (const native of kernels) {
    it(`is the same in native code, to the bit: ${native.isa}`, () => {
      const side = fc.integer({ min: 1, max: 40 });
      const filters = fc.constantFrom(
        ...PIL_FILTERS.filter((filter): filter is WeightedFilter => filter !== 'nearest'),
      );
      const noise = fc.uint8Array({ minLength: 40 * 40 * 70, maxLength: 40 * 40 * 70 });
      const inner = fc.integer({ min: 1, max: 70 });
      fc.assert(
        fc.property(side, side, side, inner, filters, noise, (outer, from, to, inner, filter, bytes) => {
          const x = bytes.subarray(0, outer * from * inner);
          const weights = weightsOf(from, to, filter);
          const expected = scriptPass(x, outer, from, inner, weights);
          expect(nativePass(native)(x, outer, from, inner, weights)).to.deep.equal(expected);
          const around = new Uint8Array(expected.length + 64).fill(7);
          const { first, count, values, taps } = weights;
          const out = around.subarray(32, -32);
          native.weighBytes(x, outer, from, inner, first, count, values, to, taps, out);
          expect(out).to.deep.equal(expected);
          expect([...around.subarray(0, 32), ...around.subarray(-32)].every((byte) => byte === 7)).to.equal(true);
        }),
        { numRuns: 60 },
      );
    });

    it(`refuses places outside of the picture: ${native.isa}`, () => {
      for (const part of [
        { first: Int32Array.of(0, 2) },
        { first: Int32Array.of(-1, 0) },
        { count: Int32Array.of(3, 1) },
      ]) {
        expect(() => nativePass(native)(new Uint8Array(4), 1, 2, 2, { ...HALVES, ...part })).to.throw(RangeError);
      }
      expect(() => nativePass(native)(new Uint8Array(3), 1, 2, 2, HALVES)).to.throw(RangeError);
    });
  }
});
