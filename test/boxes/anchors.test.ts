import { expect } from 'chai';
import { cellAnchors, gridAnchors } from '../../src/boxes/anchors.js';

describe('anchors', () => {
  it('have the area of their size and the form of their ratio', () => {
    // ratio 4: height 2 * 16, width 16 / 2
    expect([...cellAnchors({ sizes: [16], ratios: [1, 4], rounding: 'whole' })]).to.deep.equal([
      -8, -8, 8, 8, -4, -16, 4, 16,
    ]);
  });

  it('are rounded half to even, or not at all', () => {
    const options = { sizes: [5, 7], ratios: [1] } as const; // halves of 2.5 and 3.5
    expect([...cellAnchors({ ...options, rounding: 'whole' })]).to.deep.equal([-2, -2, 2, 2, -4, -4, 4, 4]);
    expect([...cellAnchors({ ...options, rounding: 'none' })]).to.deep.equal([
      -2.5, -2.5, 2.5, 2.5, -3.5, -3.5, 3.5, 3.5,
    ]);
  });

  it('stand in every cell, row after row', () => {
    const cell = Float32Array.of(-1, -2, 1, 2, 0, 0, 1, 1);
    expect([...gridAnchors(cell, [2, 2], [10, 20])].join(' ')).to.equal(
      '-1 -2 1 2 0 0 1 1 19 -2 21 2 20 0 21 1 -1 8 1 12 0 10 1 11 19 8 21 12 20 10 21 11',
    );
    expect(gridAnchors(cell, [0, 3], [1, 1]).length).to.equal(0);
  });
});
