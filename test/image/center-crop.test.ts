import { expect } from 'chai';
import { centerCrop } from '../../src/image/center-crop.js';
import { picture, rows } from './helpers.js';

describe('centerCrop', () => {
  const image = picture([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [10, 11, 12],
  ]);

  it('begins at floor((size - cut) / 2)', () => {
    // rows (4 - 1) / 2 = 1.5 -> 1, columns (3 - 2) / 2 = 0.5 -> 0
    expect(rows(centerCrop(image, 1, 2))).to.deep.equal([[4, 5]]);
    expect(rows(centerCrop(image, 2, 1))).to.deep.equal([[5], [8]]);
  });

  it('pads with zeros, one more before where the number is odd', () => {
    // rows (4 - 5) / 2 = -0.5 -> -1: one before, none behind; columns (3 - 6) / 2 -> -2: two before, one behind
    expect(rows(centerCrop(image, 5, 6))).to.deep.equal([
      [0, 0, 0, 0, 0, 0],
      [0, 0, 1, 2, 3, 0],
      [0, 0, 4, 5, 6, 0],
      [0, 0, 7, 8, 9, 0],
      [0, 0, 10, 11, 12, 0],
    ]);
  });

  it('cuts one side while it pads the other', () => {
    // rows from 1; columns -1 -> one before, none behind
    expect(rows(centerCrop(image, 2, 4))).to.deep.equal([
      [0, 4, 5, 6],
      [0, 7, 8, 9],
    ]);
    expect(rows(centerCrop(image, 6, 1))).to.deep.equal([[0], [2], [5], [8], [11], [0]]);
  });

  it('keeps the channels of a pixel together', () => {
    const rgb = picture([
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
    ]);
    expect(rows(centerCrop(rgb, 1, 1))).to.deep.equal([[4, 5, 6]]);
    expect(rows(centerCrop(rgb, 2, 3))).to.deep.equal([
      [0, 0, 0, 0, 0, 0, 0, 0, 0],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]);
  });
});
