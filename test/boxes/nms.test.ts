import { expect } from 'chai';
import { groupedNms, nms, softNms } from '../../src/boxes/nms.js';

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

  describe('soft', () => {
    const options = { threshold: 0.5, sigma: 0.5, minScore: 0.001 } as const;

    it('takes from the score of what overlaps enough, linearly', () => {
      const kept = softNms(THREE, [0.9, 0.8, 0.7], [0, 0, 0], { ...options, method: 'linear' });
      expect(kept.map(({ index }) => index)).to.deep.equal([0, 1, 2]);
      // the third overlaps the first by 9 / 11, then the second by 6 / 14, which is below the threshold
      expect(kept[2].score).to.be.closeTo(0.7 * (1 - 9 / 11), 1e-6);
      expect(kept[1].score).to.equal(0.8);
    });

    it('takes from all, by a Gaussian', () => {
      const kept = softNms(THREE.subarray(0, 8), [0.9, 0.8], [0, 0], { ...options, method: 'gaussian' });
      expect(kept[1].score).to.be.closeTo(0.8 * Math.exp(-((1 / 3) ** 2) / 0.5), 1e-6);
    });

    it('drops what has lost too much, and leaves other groups alone', () => {
      const twice = boxes([0, 0, 10, 10], [0, 0, 10, 10]);
      expect(softNms(twice, [0.9, 0.8], [0, 0], { ...options, method: 'linear' }).length).to.equal(1);
      expect(softNms(twice, [0.9, 0.8], [0, 1], { ...options, method: 'linear' }).length).to.equal(2);
    });
  });
});
