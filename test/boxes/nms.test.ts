import { expect } from 'chai';
import fc from 'fast-check';
import { groupedNms, highest, nms, softNms, suppressInJavaScript } from '../../src/boxes/nms.js';
import { kernels as allKernels } from '../backend/simd/helpers.js';

const boxes = (...rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());
// the second overlaps the first by 5 / 15, the third by 9 / 11
const THREE = boxes([0, 0, 10, 10], [5, 0, 15, 10], [1, 0, 11, 10]);

describe('nms', () => {
  it('keeps the best, and what overlaps no kept one by more than the threshold', () => {
    expect(nms(THREE, [0.7, 0.8, 0.9], 0.5)).to.deep.equal([2, 1]);
    expect(nms(THREE, [0.7, 0.8, 0.9], 0.3)).to.deep.equal([2]);
    expect(nms(boxes(), [], 0.5)).to.deep.equal([]);
  });

  it('keeps one of a thousand that all overlap', () => {
    const many = boxes(...Array.from({ length: 1001 }, () => [3, 4, 30, 40]));
    const scores = Float32Array.from({ length: 1001 }, (_, i) => (i === 700 ? 0.9 : 0.5));
    expect(nms(many, scores, 0.5)).to.deep.equal([700]);
    const groups = scores.map((_, i) => i % 2);
    expect(groupedNms(many, scores, groups, 0.5)).to.deep.equal([700, 1]);
  });

  it('goes group by group, and gives all by falling score', () => {
    expect(groupedNms(THREE, [0.7, 0.8, 0.9], [1, 1, 1], 0.5)).to.deep.equal([2, 1]);
    expect(groupedNms(THREE, [0.7, 0.8, 0.9], [0, 1, 1], 0.5)).to.deep.equal([2, 1, 0]);
    for (const most of [0, 1, 2, 3, 4]) {
      expect(groupedNms(THREE, [0.7, 0.8, 0.9], [0, 1, 1], 0.5, most)).to.deep.equal([2, 1, 0].slice(0, most));
    }
  });

  it('keeps in native code what it keeps without, to the last bit of an overlap', () => {
    // whole numbers overlap by the same simple shares again and again, so that many stand exactly at the threshold
    const whole = fc.array(fc.tuple(...[0, 0, 1, 1].map((min) => fc.integer({ min, max: min + 12 }))), {
      maxLength: 90,
    });
    const any = fc.array(fc.tuple(...[0, 0, 0, 0].map(() => fc.float({ min: -50, max: 50 }))), { maxLength: 90 });
    const thresholds = fc.constantFrom(0, 0.25, 0.3, 1 / 3, 0.5, 0.7, 1, 2);
    const TINY = [0, -1.6682928038169483e-30, 4.1997979343500825e-16, 0];
    for (const native of allKernels) {
      fc.assert(
        fc.property(fc.oneof(whole, any), thresholds, fc.nat(3), fc.nat(100), (list, threshold, group, most) => {
          const flat = boxes(...list);
          const order = list.map((_, i) => list.length - 1 - i);
          const groups = Int32Array.from(list, (_, i) => i % (group + 1));
          const kept = new Uint8Array(order.length + 2).fill(7);
          native.suppress(flat, Int32Array.from(order), groups, threshold, most, kept.subarray(1, -1));
          const want = suppressInJavaScript(flat, order, groups, threshold, most);
          expect([...kept]).to.deep.equal([7, ...order.map((i) => (want.includes(i) ? 1 : 0)), 7]);
        }),
        // areas of denormals, which native code must not take for 0
        { numRuns: 300, examples: [[[TINY, TINY], 0, 0, 2]] },
      );
    }
  });

  it('compares overlaps of float32 with a threshold of double precision', () => {
    // they share 3 of 10, which float32 rounds up; 0.7 it rounds down
    const three = boxes([0, 0, 8, 1], [5, 0, 10, 1]);
    const seven = boxes([0, 0, 8, 1], [1, 0, 10, 1]);
    for (const native of allKernels) {
      for (const [pair, threshold, want] of [
        [three, 0.3, [1, 0]],
        [seven, 0.7, [1, 1]],
      ] as const) {
        const kept = new Uint8Array(2);
        native.suppress(pair, Int32Array.of(0, 1), new Int32Array(2), threshold, 2, kept);
        expect([...kept]).to.deep.equal(want);
        const inJavaScript = suppressInJavaScript(pair, [0, 1], [0, 0], threshold, 2);
        expect(inJavaScript).to.deep.equal(want[1] ? [0, 1] : [0]);
      }
    }
  });

  it('says in native code which arguments do not fit', () => {
    for (const native of allKernels) {
      const two = boxes([0, 0, 1, 1], [0, 0, 2, 2]);
      for (const [order, groups, kept] of [
        [[0, 2], 2, 2],
        [[-1, 0], 2, 2],
        [[0, 1], 2, 3],
        [[0, 1], 1, 2],
      ] as const) {
        const call = [two, Int32Array.from(order), new Int32Array(groups), 0.5, 9, new Uint8Array(kept)] as const;
        expect(() => native.suppress(...call)).to.throw(RangeError);
      }
    }
  });

  it('moves groups apart in float32 up to a thousand boxes, as torchvision', () => {
    // two boxes of group 3 share a half, but for the rounding of 3 * 2002 more pixels
    const e = 12 / 7;
    const rows = [
      [e, 0, e + 3, 1],
      [e + 1, 0, e + 4, 1],
    ];
    const kept = (count: number) => {
      const others = Array.from({ length: count - 2 }, (_, i) => [2 * i, 5, 2 * i + 1, 6]);
      others[0] = [2000, 2000, 2001, 2001];
      const scores = Float32Array.from({ length: count }, (_, i) => 0.9 - i / 10000);
      const groups = scores.map((_, i) => (i < 2 ? 3 : 0));
      return groupedNms(boxes(...rows, ...others), scores, groups, 0.5).filter((i) => i < 2).length;
    };
    expect([kept(3), kept(1000), kept(1001)]).to.deep.equal([2, 2, 1]);
    // by a pixel more than the farthest corner: 3 * 1365 pixels, where 3 * 1364 would leave them a half
    const near = boxes([8 / 7, 0, 29 / 7, 1], [15 / 7, 0, 36 / 7, 1], [1360, 1360, 1364, 1364]);
    expect(groupedNms(near, [0.9, 0.8, 0.7], [3, 3, 0], 0.5)).to.deep.equal([0, 1, 2]);
  });

  it('keeps of two that share exactly the threshold both', () => {
    expect(nms(boxes([0, 0, 3, 1], [1, 0, 4, 1]), [0.9, 0.8], 0.5)).to.deep.equal([0, 1]);
    expect(nms(boxes([1, 1, 1, 5], [1, 1, 1, 5]), [0.9, 0.8], 0.5)).to.deep.equal([0, 1]); // no area: NaN
  });

  it('finds the highest scores, the earlier of equal ones first', () => {
    const scores = Float32Array.of(0.5, 0.9, 0.1, 0.9, 0.5, 0.5);
    expect(highest(scores, 3)).to.deep.equal([1, 3, 0]);
    expect(highest(scores, 4)).to.deep.equal([1, 3, 0, 4]);
    expect(highest(scores, 6)).to.deep.equal([1, 3, 0, 4, 5, 2]);
    expect(highest(scores, 0)).to.deep.equal([]);
  });

  describe('soft', () => {
    const options = { threshold: 0.5, sigma: 0.5, minScore: 0.001 } as const;

    it('takes from the score of what overlaps enough, linearly', () => {
      const kept = softNms(THREE, [0.9, 0.8, 0.7], [0, 0, 0], { ...options, method: 'linear' });
      expect(kept.map(({ index }) => index)).to.deep.equal([0, 1, 2]);
      // the third overlaps the first by 9 / 11, then the second by 6 / 14, which is below the threshold
      expect(kept[2].score).to.be.closeTo(0.7 * (1 - 9 / 11), 1e-6);
      expect(kept[1].score).to.equal(0.8);
    });

    it('takes at the threshold, and keeps what comes to the least score', () => {
      const half = boxes([0, 0, 3, 1], [1, 0, 4, 1]);
      const kept = softNms(half, [0.75, 0.5], [0, 0], { ...options, minScore: 0.25, method: 'linear' });
      expect(kept).to.deep.equal([
        { index: 0, score: 0.75 },
        { index: 1, score: 0.25 },
      ]);
    });

    it('takes from all, by a Gaussian', () => {
      const kept = softNms(THREE.subarray(0, 8), [0.9, 0.8], [0, 0], { ...options, method: 'gaussian' });
      expect(kept[1].score).to.be.closeTo(0.8 * Math.exp(-((1 / 3) ** 2) / 0.5), 1e-6);
    });

    it('keeps one of a thousand that all overlap', () => {
      const many = boxes(...Array.from({ length: 1000 }, () => [3, 4, 30, 40]));
      const scores = Float32Array.from({ length: 1000 }, (_, i) => (i === 700 ? 0.9 : 0.5));
      const kept = softNms(many, scores, new Int32Array(1000), { ...options, method: 'linear' });
      expect(kept.map(({ index }) => index)).to.deep.equal([700]);
    });

    it('drops what has lost too much, and leaves other groups alone', () => {
      const twice = boxes([0, 0, 10, 10], [0, 0, 10, 10]);
      expect(softNms(twice, [0.9, 0.8], [0, 0], { ...options, method: 'linear' }).length).to.equal(1);
      expect(softNms(twice, [0.9, 0.8], [0, 1], { ...options, method: 'linear' }).length).to.equal(2);
    });
  });
});
