import { expect } from 'chai';
import { principalColours } from '../../src/image/principal-colours.js';
import { rows } from './helpers.js';

/** A map of one row, from its cells' vectors. */
function line(cells: readonly (readonly number[])[]) {
  return {
    name: 'line',
    data: Float32Array.from(cells.flat()),
    height: 1,
    width: cells.length,
    channels: cells[0].length,
  };
}

describe('principalColours', () => {
  it('puts the widest direction into red, the next into green, then blue', () => {
    // five cells along each of three axes of spread 4, 2 and 1, the others at the mean
    const cells = [-2, -1, 0, 1, 2].flatMap((t) => [
      [0, 4 * t, 0],
      [2 * t, 0, 0],
      [0, 0, t],
    ]);
    const [values] = rows(principalColours(line(cells)));
    const [red, green, blue] = [0, 1, 2].map((c) => values.filter((_, i) => i % 3 === c));
    expect(red.filter((_, cell) => cell % 3 === 0)).to.deep.equal([0, 64, 128, 191, 255]);
    expect(green.filter((_, cell) => cell % 3 === 1)).to.deep.equal([0, 64, 128, 191, 255]);
    expect(blue.filter((_, cell) => cell % 3 === 2)).to.deep.equal([0, 64, 128, 191, 255]);
    expect(new Set(red.filter((_, cell) => cell % 3 !== 0))).to.deep.equal(new Set([128]));
  });

  it('is indifferent to a shift and to the order of the channels', () => {
    const cells = Array.from({ length: 30 }, (_, i) => [Math.sin(i), 3 * Math.cos(2 * i), (i * i) % 7, 0.5 * (i % 3)]);
    const moved = cells.map(([a, b, c, d]) => [c + 100, a - 50, d, b]);
    const [one, two] = [principalColours(line(cells)), principalColours(line(moved))];
    const far = Math.max(...one.data.map((value, i) => Math.abs(value - two.data[i])));
    expect(far).to.be.at.most(1);
  });

  it('leaves out the outermost 2 percent at each end', () => {
    // 101 cells: position 2 and 98 of the sorted ones are the ends; the outlier saturates alone
    const cells = Array.from({ length: 101 }, (_, i) => [i === 100 ? 1e6 : i]);
    const [values] = rows(principalColours(line(cells)));
    const red = values.filter((_, i) => i % 3 === 0);
    expect(red.slice(0, 4)).to.deep.equal([0, 0, 0, 3]);
    expect([red[50], red[98], red[99], red[100]]).to.deep.equal([128, 255, 255, 255]);
  });

  it('repeats the last component of one or two channels', () => {
    expect(rows(principalColours(line([[1], [2], [3]])))).to.deep.equal([[0, 0, 0, 128, 128, 128, 255, 255, 255]]);
    const two = rows(
      principalColours(
        line([
          [0, 0],
          [9, 0],
          [0, 1],
          [9, 1],
        ]),
      ),
    )[0];
    for (let cell = 0; cell < 4; cell++) expect(two[cell * 3 + 1]).to.equal(two[cell * 3 + 2]);
  });

  it('shows a constant map, a single cell and what a map of low rank lacks as mid-gray', () => {
    expect(rows(principalColours(line([[7, 7, 7]])))).to.deep.equal([[128, 128, 128]]);
    expect(
      new Set(
        principalColours(
          line([
            [5, 1, 2, 3],
            [5, 1, 2, 3],
          ]),
        ).data,
      ),
    ).to.deep.equal(new Set([128]));
    const rankOne = Array.from({ length: 20 }, (_, i) => [i * 0.1, i * 0.7, -i * 0.3, i]);
    const [values] = rows(principalColours(line(rankOne)));
    expect(new Set(values.filter((_, i) => i % 3 > 0))).to.deep.equal(new Set([128]));
    expect([values[0], values[57]]).to.deep.equal([0, 255]);
  });

  it('takes samples of a large map', () => {
    const [height, width] = [90, 70];
    const data = Float32Array.from({ length: height * width * 2 }, (_, i) => (i % 2 ? 0 : Math.floor(i / 2)));
    const image = principalColours({ name: 'large', data, height, width, channels: 2 });
    expect([image.data[0], image.data[image.data.length - 3]]).to.deep.equal([0, 255]);
  });
});
