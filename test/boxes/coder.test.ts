import { expect } from 'chai';
import { decodeBoxes, decodeSides, encodeBoxes, encodeSides } from '../../src/boxes/coder.js';

const REFERENCE = Float32Array.of(10, 10, 30, 50); // centre 20, 30; sides 20 and 40
const CODING = { weights: [10, 10, 5, 5], clamp: 'above' } as const;

describe('box coder', () => {
  it('tells a move in sides of the reference and growth by its logarithm, both weighted', () => {
    const truth = Float32Array.of(20, 20, 40, 60);
    expect([...encodeBoxes(truth, REFERENCE, CODING)]).to.deep.equal([5, 2.5, 0, 0]);
    const [, , dw] = encodeBoxes(Float32Array.of(0, 10, 40, 50), REFERENCE, CODING);
    expect(dw).to.be.closeTo(5 * Math.log(2), 1e-6);
  });

  it('weights each change by its own', () => {
    // moved by half a width and a quarter of a height, twice as wide and four times as high
    const truth = Float32Array.of(10, -40, 50, 120);
    const [dx, dy, dw, dh] = encodeBoxes(truth, REFERENCE, { weights: [1, 2, 3, 4] });
    expect([dx, dy]).to.deep.equal([0.5, 0.5]);
    expect(dw).to.be.closeTo(3 * Math.log(2), 1e-6);
    expect(dh).to.be.closeTo(4 * Math.log(4), 1e-6);
  });

  it('decodes what it has encoded', () => {
    const truth = Float32Array.of(12, 3, 55, 47);
    const decoded = decodeBoxes(encodeBoxes(truth, REFERENCE, CODING), REFERENCE, CODING);
    for (const [i, value] of decoded.entries()) expect(value).to.be.closeTo(truth[i], 1e-4);
    const weights = [1, 2, 3, 4] as const;
    const again = decodeBoxes(encodeBoxes(truth, REFERENCE, { weights }), REFERENCE, { ...CODING, weights });
    for (const [i, value] of again.entries()) expect(value).to.be.closeTo(truth[i], 1e-4);
  });

  it('has a box for each class where there are more changes', () => {
    const deltas = Float32Array.of(0, 0, 0, 0, 10, 0, 0, 0);
    expect([...decodeBoxes(deltas, REFERENCE, CODING)]).to.deep.equal([10, 10, 30, 50, 30, 10, 50, 50]);
    expect(decodeBoxes(new Float32Array(), new Float32Array(), CODING).length).to.equal(0);
  });

  it('bounds growth at 1000 / 16, and shrinking where it is asked to', () => {
    const sides = (dw: number, clamp: 'above' | 'both') => {
      const [x1, , x2] = decodeBoxes(Float32Array.of(0, 0, dw, 0), REFERENCE, { ...CODING, clamp });
      return x2 - x1;
    };
    expect(sides(1000, 'above')).to.be.closeTo((20 * 1000) / 16, 1e-3);
    expect(sides(-1000, 'above')).to.equal(0);
    expect(sides(-1000, 'both')).to.be.closeTo((20 * 16) / 1000, 1e-5);
  });

  it('tells distances to the four sides, for FCOS', () => {
    const truth = Float32Array.of(0, 10, 30, 70);
    const sides = encodeSides(truth, REFERENCE);
    expect([...sides]).to.deep.equal([1, 0.5, 0.5, 1]);
    expect(decodeSides(sides, REFERENCE)).to.deep.equal(truth);
  });
});
