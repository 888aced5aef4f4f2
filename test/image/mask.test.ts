import { expect } from 'chai';
import { polygonToRle } from '../../src/boxes/polygon.js';
import { decodeImage } from '../../src/image/decode.js';
import { Mask } from '../../src/image/mask.js';
import { createRandom } from '../../src/nn/random.js';
import { failure } from '../helpers.js';

const drawn = (...rows: readonly string[]) =>
  Mask.fromValues(
    [...rows.join('')].map((c) => Number(c === '#')),
    rows.length,
    rows[0].length,
  );

describe('Mask', () => {
  const ring = drawn('.....', '.###.', '.#.#.', '.###.');

  it('tells which pixels are inside', () => {
    expect([ring.height, ring.width, ring.area]).to.deep.equal([4, 5, 8]);
    expect([ring.has(1, 1), ring.has(2, 2), ring.has(1, 4), ring.has(-1, 2), ring.has(5, 0)]).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
    ]);
    const full = Mask.fromValues([1, 1, -1, 0.5], 2, 2);
    expect([full.area, full.has(2, 0), full.has(0, 2), full.has(0, -1)]).to.deep.equal([4, false, false, false]);
    expect(ring.box).to.deep.equal([1, 1, 3, 3]);
    expect(ring.bits.length).to.equal(3);
  });

  it('is outlined along the edges of its pixels, holes the other way round', () => {
    expect(ring.toPolygons()).to.deep.equal([
      [1, 1, 4, 1, 4, 4, 1, 4],
      [3, 2, 2, 2, 2, 3, 3, 3],
    ]);
    // pixels that share a corner alone are two regions
    expect(drawn('#.', '.#').toPolygons()).to.deep.equal([
      [0, 0, 1, 0, 1, 1, 0, 1],
      [1, 1, 2, 1, 2, 2, 1, 2],
    ]);
    expect(drawn('...').toPolygons()).to.deep.equal([]);
  });

  it('comes back from its outlines by the even-odd rule, whatever it is', () => {
    const random = createRandom(5);
    for (const [height, width] of [
      [1, 1],
      [7, 3],
      [12, 19],
    ] as const) {
      const values = Uint8Array.from({ length: height * width }, () => Number(random() < 0.6));
      const again = new Uint8Array(height * width);
      for (const polygon of Mask.fromValues(values, height, width).toPolygons()) {
        const filled = Mask.fromRLE(polygonToRle(polygon, height, width)).toValues();
        for (const [i, value] of filled.entries()) again[i] ^= value;
      }
      expect(again).to.deep.equal(values);
    }
  });

  it("comes back from COCO's encoding", () => {
    expect(Mask.fromRLE(ring.toRLE())).to.deep.equal(ring);
    expect(ring.toRLE()).to.deep.equal({ size: [4, 5], counts: '531N00023' });
    // runs of 5 3 1 1 1 1 1 3 4, from the fourth on as differences to the one before the last: -2 0 0 0 2 3
  });

  it('is what polygons cover together', () => {
    const both = Mask.fromPolygons(
      [
        [0, 0, 2, 0, 2, 1, 0, 1],
        [1, 0, 3, 0, 3, 2, 1, 2],
      ],
      2,
      4,
    );
    expect(both).to.deep.equal(drawn('###.', '.##.'));
    expect(Mask.fromPolygons([], 2, 3)).to.deep.equal(drawn('...', '...'));
  });

  it('is written as PNG', async () => {
    const png = await ring.toPNG();
    const { data, width, height } = await decodeImage(png);
    expect([width, height]).to.deep.equal([5, 4]);
    expect(data.filter((_, i) => i % 3 === 0).map((value) => value / 255)).to.deep.equal(ring.toValues());
    expect(png[24], 'bits a pixel').to.equal(1);
  });

  it('refuses what is no mask', async () => {
    const codes = await Promise.all(
      [
        () => Mask.fromValues([1], 2, 2),
        () => Mask.fromPolygons([[0, 0, 1, 1]], 2, 2),
        () => Mask.fromPolygons([[0, 0, 1, 1, 2]], 2, 2),
        () => Mask.fromPolygons([[0, 0, 1, NaN, 2, 2]], 2, 2),
        () => Mask.fromPolygons([[0, 0, 1, 1e9, 2, 2]], 2, 2),
        () => Mask.fromValues([], 0, 3).toPNG(),
      ].map(async (make) => (await failure(make)).code),
    );
    expect((await failure(() => new Mask(new Uint8Array(1), -2, -4))).code).to.equal('E_SHAPE');
    expect(codes).to.deep.equal(['E_SHAPE', ...Array(4).fill('E_ARGUMENT'), 'E_IMAGE']);
  });
});
