import { expect } from 'chai';
import { polygonToRle } from '../../src/boxes/polygon.js';
import { area, boxOf, compress, decode, encode, intersection, merge, readRle } from '../../src/boxes/rle.js';
import { failure } from '../helpers.js';

/** Rows of a picture, # inside. */
const drawn = (...rows: readonly string[]) =>
  encode(
    [...rows.join('')].map((c) => Number(c === '#')),
    rows.length,
    rows[0].length,
  );

describe('rle', () => {
  it('goes column after column, and begins outside', () => {
    expect(drawn('.#', '##', '##').counts).to.deep.equal([1, 5]);
    expect(drawn('#.', '..').counts).to.deep.equal([0, 1, 3]);
    expect(drawn('..', '..').counts).to.deep.equal([4]);
    expect([...decode(drawn('.#.', '##.'))]).to.deep.equal([0, 1, 0, 1, 1, 0]);
  });

  it('takes a mask without a pixel', () => {
    const none = encode([], 0, 5);
    expect(none.counts).to.deep.equal([0]);
    expect([...decode(none)]).to.deep.equal([]);
    expect(boxOf(none)).to.deep.equal([0, 0, 0, 0]);
  });

  it('measures what is inside', () => {
    const mask = drawn('....', '.##.', '.#..');
    expect(area(mask)).to.equal(3);
    expect(boxOf(mask)).to.deep.equal([1, 1, 2, 2]);
    // one run over the end of a column
    expect(boxOf(drawn('.#', '#.'))).to.deep.equal([0, 0, 2, 2]);
  });

  it('merges and intersects', () => {
    const [a, b] = [drawn('##.', '...'), drawn('.##', '..#')];
    expect(merge([a, b], 'union').counts).to.deep.equal(drawn('###', '..#').counts);
    expect(merge([a, b], 'intersection').counts).to.deep.equal(drawn('.#.', '...').counts);
    expect(merge([a], 'union')).to.deep.equal(a);
    expect(intersection(a, b)).to.equal(1);
  });

  it('compresses any runs, and reads them back', () => {
    for (const counts of [[15], [16, 0, 16], [0, 1, 1000, 2, 31, 70000, 33, 1]]) {
      const size = [counts.reduce((sum, count) => sum + count), 1];
      expect(readRle({ size, counts: compress(counts) }).counts).to.deep.equal(counts);
    }
    expect(compress([0, 35])).to.equal('0S1'); // 35 = 0b1_00011: 3 with more to come, then 1
  });

  const wrong: Readonly<Record<string, readonly [rle: unknown, code: string]>> = {
    nothing: [undefined, 'E_ARGUMENT'],
    'a size of one side': [{ size: [4], counts: [4] }, 'E_ARGUMENT'],
    'a negative size': [{ size: [-2, -2], counts: [4] }, 'E_ARGUMENT'],
    'a size beyond memory': [{ size: [1e6, 1e6], counts: [1e12] }, 'E_LIMIT'],
    'runs that are too few': [{ size: [2, 2], counts: [1, 2] }, 'E_ARGUMENT'],
    'a negative run': [{ size: [2, 2], counts: [6, -2] }, 'E_ARGUMENT'],
    'half a run': [{ size: [2, 2], counts: [1.5, 2.5] }, 'E_ARGUMENT'],
    'a string that breaks off': [{ size: [2, 2], counts: 'S' }, 'E_ARGUMENT'],
    'a string of other characters': [{ size: [2, 2], counts: '\u00e9' }, 'E_ARGUMENT'],
    'a string without end': [{ size: [2, 2], counts: 'oooooooooooo1' }, 'E_ARGUMENT'],
    'a string of a negative run': [{ size: [2, 2], counts: 'N6' }, 'E_ARGUMENT'],
  };
  for (const [name, [rle, code]] of Object.entries(wrong)) {
    it(`refuses ${name}`, async () => {
      expect((await failure(() => readRle(rle))).code).to.equal(code);
    });
  }

  it('refuses to merge masks of two sizes', async () => {
    expect((await failure(() => merge([drawn('#.'), drawn('#', '.')], 'union'))).code).to.equal('E_SHAPE');
    expect((await failure(() => intersection(drawn('#.'), drawn('#', '.')))).code).to.equal('E_SHAPE');
  });

  it('refuses counts of more bits than a number has', async () => {
    // six characters that go on, and one more: 48 + 32 is P
    expect((await failure(() => readRle({ size: [0, 0], counts: 'PPPPPP0' }))).code).to.equal('E_ARGUMENT');
    expect(readRle({ size: [0, 0], counts: 'PPPPP0' }).counts).to.deep.equal([0]);
  });

  it('reads the largest picture there may be, and none that is larger', async () => {
    expect(readRle({ size: [16384, 16384], counts: [2 ** 28] }).size).to.deep.equal([16384, 16384]);
    expect((await failure(() => readRle({ size: [16384, 16385], counts: [] }))).code).to.equal('E_LIMIT');
  });
});

describe('polygons', () => {
  it('end where the picture does', () => {
    // over both sides: columns 1 to 3 of four, both rows
    expect(polygonToRle([1, -5, 9, -5, 9, 7, 1, 7], 2, 4).counts).to.deep.equal([2, 6]);
    expect(polygonToRle([-9, 0, -3, 0, -3, 2, -9, 2], 2, 4).counts).to.deep.equal([8]);
  });

  it('are refused where they are none, or would take forever to draw', async () => {
    for (const polygon of [
      [0, 0, 4, 4],
      [0, 0, 4, 4, 2],
      [0, 0, 4, Number.NaN, 2, 2],
      [0, 0, 1e6, 0, 0, 1],
    ])
      expect((await failure(() => polygonToRle(polygon, 9, 9))).code).to.equal('E_ARGUMENT');
    const long = Array.from({ length: 2000 }, (_, i) => (i % 4 < 2 ? 1e5 : -1e5));
    expect((await failure(() => polygonToRle(long, 9, 9))).code).to.equal('E_LIMIT');
  });
});
