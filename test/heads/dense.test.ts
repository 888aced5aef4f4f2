import { expect } from 'chai';
import { findDense } from '../../heads/dense/select.js';
import { matchCentres } from '../../heads/fcos/match.js';

describe('what one-stage detectors find', () => {
  // two levels of two anchors and one; two classes
  const anchors = [Float32Array.of(0, 0, 4, 4, 20, 0, 24, 4), Float32Array.of(0, 0, 30, 30)];
  const options = { classes: 2, scoreThresh: 0.25, nmsThresh: 0.5, detectionsPerImg: 10, topkCandidates: 10 };
  /** Scores of all anchors for each class, picture after picture; boxes are the anchors. */
  const find = (scores: readonly number[], changes: Partial<typeof options> = {}, pictures = 1) =>
    findDense(anchors, Array(pictures).fill([10, 22]), { ...options, ...changes }, (own, first) => ({
      score: (i) => scores[2 * first + i],
      boxes: (chosen) => Float32Array.from(chosen.flatMap((i) => [...own.subarray(4 * i, 4 * i + 4)])),
    })).map(({ boxes, scores, labels }) => ({ boxes: [...boxes], scores: [...scores], labels: [...labels] }));

  it('is what scores above the threshold, clipped to the picture, surest first', () => {
    expect(find([0.25, 0.5, 0.75, 0, 0, 1])).to.deep.equal([
      { boxes: [0, 0, 22, 10, 20, 0, 22, 4, 0, 0, 4, 4], scores: [1, 0.75, 0.5], labels: [1, 0, 1] },
    ]);
    expect(find([0, 0, 0, 0, 0, 0])).to.deep.equal([{ boxes: [], scores: [], labels: [] }]);
  });

  it('is so many of each level, then so many of a picture', () => {
    const scores = [0.5, 0.625, 0.75, 0.375, 1, 0.875];
    expect(find(scores, { topkCandidates: 1 })[0].scores).to.deep.equal([1, 0.75]);
    expect(find(scores, { detectionsPerImg: 2 })[0].scores).to.deep.equal([1, 0.875]);
  });

  it('is told of each picture by its own scores', () => {
    const [one, two] = find([0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.75], {}, 2);
    expect([one.labels, one.boxes]).to.deep.equal([[0], [0, 0, 4, 4]]);
    expect([two.labels, two.boxes]).to.deep.equal([[1], [0, 0, 22, 10]]);
  });
});

describe('what the anchors of FCOS are to find', () => {
  /** An anchor of this side around a point. */
  const anchor = (x: number, y: number, side: number) =>
    Float32Array.of(x - side / 2, y - side / 2, x + side / 2, y + side / 2);
  const match = (truths: readonly number[], ...levels: readonly Float32Array[]) => [
    ...matchCentres(Float32Array.from(truths), levels, 1.5),
  ];

  it('is a truth around their centre, near to its own, of several the smallest', () => {
    expect(match([0, 0, 20, 20], anchor(10, 10, 8))).to.deep.equal([0]);
    expect(match([0, 0, 20, 20], anchor(30, 10, 8))).to.deep.equal([-1]); // beside it
    expect(match([0, 0, 20, 20], anchor(20, 10, 8))).to.deep.equal([-1]); // on its side
    expect(match([0, 0, 100, 20], anchor(63, 10, 8))).to.deep.equal([-1]); // 13 from its centre
    expect(match([0, 0, 100, 20], anchor(62, 10, 8))).to.deep.equal([-1]); // 12, one and a half sides
    expect(match([0, 0, 100, 20], anchor(61, 10, 8))).to.deep.equal([0]);
    expect(match([0, 0, 20, 20, 5, 5, 15, 15], anchor(10, 10, 8))).to.deep.equal([1]);
    expect(match([0, 0, 20, 20, 0, 0, 20, 20], anchor(10, 10, 8))).to.deep.equal([0]); // of two alike the first
    expect(match([], anchor(10, 10, 8))).to.deep.equal([-1]);
  });

  it('is what suits the level: its farthest side between four and eight sides away', () => {
    const three = (half: number) => {
      const truth = [100 - half, 100 - half, 100 + half, 100 + half];
      return match(truth, anchor(100, 100, 8), anchor(100, 100, 16), anchor(100, 100, 32));
    };
    expect(three(63)).to.deep.equal([0, -1, -1]);
    expect(three(64)).to.deep.equal([-1, -1, -1]); // on the border, which belongs to none
    expect(three(65)).to.deep.equal([-1, 0, -1]);
    expect(three(127)).to.deep.equal([-1, 0, -1]);
    expect(three(128)).to.deep.equal([-1, -1, -1]);
    expect(three(4000)).to.deep.equal([-1, -1, 0]);
    expect(three(1)).to.deep.equal([0, -1, -1]);
  });
});
