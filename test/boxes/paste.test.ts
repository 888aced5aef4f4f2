import { expect } from 'chai';
import { levelsOf } from '../../src/boxes/levels.js';
import { pasteMask } from '../../src/boxes/paste.js';

const ONES = new Float32Array(16).fill(1);

describe('mask pasting', () => {
  for (const how of ['whole-box', 'pixel-centres'] as const) {
    const inside = (box: readonly number[], size: readonly [number, number]) => {
      const { left, top, width, height, values } = pasteMask(ONES, 4, [...box], size, how);
      const pixels = [...values].flatMap((value, i) =>
        value > 0.5 ? [[left + (i % width), top + Math.floor(i / width)]] : [],
      );
      expect(values.length).to.equal(width * height);
      return pixels;
    };

    it(`fills its box and not much more (${how})`, () => {
      const pixels = inside([8, 4, 16, 8], [20, 30]);
      const [xs, ys] = [pixels.map(([x]) => x), pixels.map(([, y]) => y)];
      expect(Math.min(...xs)).to.be.within(7, 8);
      expect(Math.max(...xs)).to.be.within(15, 16);
      expect(Math.min(...ys)).to.be.within(3, 4);
      expect(Math.max(...ys)).to.be.within(7, 8);
    });

    it(`leaves out what lies beyond the picture (${how})`, () => {
      expect(inside([-8, -8, 4, 4], [5, 6]).every(([x, y]) => x >= 0 && y >= 0)).to.equal(true);
      expect(inside([100, 100, 140, 140], [50, 50])).to.deep.equal([]);
      expect(inside([-40, -40, -10, -10], [50, 50])).to.deep.equal([]);
    });

    it(`takes a box without area and a picture of one pixel (${how})`, () => {
      expect(inside([3, 3, 3, 3], [8, 8]).length).to.be.below(2);
      expect(inside([0, 0, 1, 1], [1, 1])).to.deep.equal([[0, 0]]);
    });
  }

  it('has no pixel in a box without area that is looked up by centres', () => {
    expect(pasteMask(ONES, 4, [3, 2, 3, 6], [8, 8], 'pixel-centres').values.length).to.equal(0);
  });

  it('rounds at the borders of levels as each reference does', () => {
    // an ulp or two below 224 and 112 pixels, where the logarithm is a whole number
    const below = (side: number) => Float32Array.of(0, 0, side, side);
    expect([...levelsOf(below(224 - 1.5e-4), 2, 4, 'torchvision')]).to.deep.equal([2]);
    expect([...levelsOf(below(224 - 3e-4), 2, 4, 'torchvision')]).to.deep.equal([1]);
    expect([...levelsOf(below(112 - 3e-5), 2, 4, 'mmdetection')]).to.deep.equal([1]);
    expect([...levelsOf(below(112 - 6e-5), 2, 4, 'mmdetection')]).to.deep.equal([0]);
  });

  it('looks up the centres of pixels exactly', () => {
    // a mask of two columns, 0 and 1, over four pixels: centres lie at -0.25, 0.25, 0.75, 1.25 cells
    const mask = Float32Array.of(0, 1, 0, 1);
    const { values, left, width } = pasteMask(mask, 2, [0, 0, 4, 4], [4, 4], 'pixel-centres');
    expect([left, width]).to.deep.equal([0, 4]);
    expect([...values.subarray(4, 8)]).to.deep.equal([0, 0.25, 0.75, 0.75]); // beyond the last cell all is 0
  });
});

describe('levels of boxes', () => {
  it('change where the side doubles, and end with the pyramid', () => {
    const sides = [1, 111.9, 112, 223.9, 224, 448, 5000];
    const boxes = Float32Array.from(sides.flatMap((side) => [0, 0, side, side]));
    expect([...levelsOf(boxes, 2, 4, 'torchvision')]).to.deep.equal([0, 0, 1, 1, 2, 3, 3]);
    expect([...levelsOf(boxes, 2, 4, 'mmdetection')]).to.deep.equal([0, 0, 1, 1, 2, 3, 3]);
  });
});
