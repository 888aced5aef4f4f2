import { expect } from 'chai';
import {
  clipBoxes,
  generalizedOverlaps,
  joinBoxes,
  largeEnough,
  overlaps,
  resizeBoxes,
  takeBoxes,
} from '../../src/boxes/boxes.js';

const boxes = (...values: number[]) => Float32Array.from(values);
const SQUARE = boxes(0, 0, 10, 10);

describe('boxes', () => {
  it('overlap by what they share of what they cover', () => {
    // 50 of 100 + 100 - 50; half of it; touching; apart
    const others = boxes(5, 0, 15, 10, 0, 0, 10, 5, 10, 0, 20, 10, 20, 20, 30, 30);
    expect([...overlaps(SQUARE, others)]).to.deep.equal([Math.fround(50 / 150), 0.5, 0, 0]);
  });

  it('overlap with nothing by nothing, and NaN where neither has an area', () => {
    expect(overlaps(boxes(), SQUARE)).to.deep.equal(boxes());
    expect([...overlaps(boxes(5, 5, 5, 5), joinBoxes([SQUARE, boxes(5, 5, 5, 5)]))]).to.deep.equal([0, Number.NaN]);
  });

  it('are worth less the farther apart they are, generalised', () => {
    // around both 20 x 10, of which neither covers nothing; 30 x 10, of which neither covers a third
    expect([...generalizedOverlaps(SQUARE, boxes(10, 0, 20, 10, 20, 0, 30, 10))]).to.deep.equal([
      0,
      -Math.fround(100 / 300),
    ]);
  });

  it('are clipped, chosen, resized', () => {
    expect(clipBoxes(boxes(-5, -5, 50, 20, 30, 8, 40, 9), [10, 20])).to.deep.equal(boxes(0, 0, 20, 10, 20, 8, 20, 9));
    expect(largeEnough(boxes(0, 0, 2, 2, 0, 0, 1.9, 5, 0, 0, 5, 1.9), 2)).to.deep.equal([0]);
    expect(takeBoxes(boxes(1, 2, 3, 4, 5, 6, 7, 8), [1, 1])).to.deep.equal(boxes(5, 6, 7, 8, 5, 6, 7, 8));
    expect(resizeBoxes(boxes(1, 2, 3, 4), [10, 10], [20, 5])).to.deep.equal(boxes(0.5, 4, 1.5, 8));
  });
});
