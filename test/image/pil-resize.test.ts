import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { PIL_FILTERS, readPilFilter, resizePil } from '../../src/image/pil-resize.js';
import type { RawImage } from '../../src/image/raw-image.js';
import { pilResize } from '../golden-runner/families/image.js';
import { failure } from '../helpers.js';
import { gradient, picture, rows } from './helpers.js';

describe('resizePil', () => {
  it('averages with box', () => {
    // (0 + 100) / 2, (200 + 50) / 2
    expect(rows(resizePil(picture([[0, 100, 200, 50]]), 1, 2, 'box'))).to.deep.equal([[50, 125]]);
  });

  it('weighs by distance with bilinear, stretched when it shrinks', () => {
    // centres 1 and 3, support 2; weights 3 3 1 and 1 3 3 of 7:
    // (3 * 70 + 3 * 140 + 210) / 7 and (140 + 3 * 210 + 3 * 0) / 7
    expect(rows(resizePil(picture([[70, 140, 210, 0]]), 1, 2, 'bilinear'))).to.deep.equal([[120, 110]]);
  });

  it('overshoots with bicubic and clips', () => {
    // at 0.25: weights 0.8671875 and -0.0703125 of 0.796875: 255 * -0.0703125 / 0.796875 = -22.5, clipped to 0
    // at 0.75: weights 0.8671875 and  0.2265625 of 1.09375:  255 *  0.2265625 / 1.09375  =  52.8
    expect(rows(resizePil(picture([[0, 255]]), 1, 4, 'bicubic'))).to.deep.equal([[0, 53, 202, 255]]);
  });

  it('windows with hamming and lanczos', () => {
    // at 0.9, distances 0.4 and 0.6 of the first two. hamming: 0.51627, 0.20074; 255 * 0.20074 / 0.71700 = 71.4
    expect(rows(resizePil(picture([[0, 255, 0]]), 1, 5, 'hamming'))).to.deep.equal([[0, 71, 255, 71, 0]]);
    // lanczos, with 1.6 as the third distance: 0.73489, 0.47200, -0.11231; 255 * 0.47200 / 1.09458 = 109.96
    expect(rows(resizePil(picture([[0, 255, 0]]), 1, 5, 'lanczos'))).to.deep.equal([[0, 110, 255, 110, 0]]);
  });

  it('takes the nearest, adding up steps', () => {
    // 5/6, 15/6, 25/6
    expect(rows(resizePil(picture([[10, 11, 12, 13, 14]]), 1, 3, 'nearest'))).to.deep.equal([[10, 12, 14]]);
    // the fourth is at 1/7 + 3 * 2/7 = 1 exactly, but the sum in doubles is a little less
    expect(rows(resizePil(picture([[0, 1]]), 1, 7, 'nearest'))).to.deep.equal([[0, 0, 0, 0, 1, 1, 1]]);
  });

  it('rounds to bytes between the passes', () => {
    // across: (0 + 1) / 2 rounds to 1, and 0; then down: (1 + 0) / 2 rounds to 1; at once it would be 0.25
    expect(
      rows(
        resizePil(
          picture([
            [0, 1],
            [0, 0],
          ]),
          1,
          1,
          'box',
        ),
      ),
    ).to.deep.equal([[1]]);
  });

  it('goes down first where the height shrinks by more than twice as much as the width', () => {
    // 4 x 2 to 1 x 1, 3 > 2 * 1: down first, 1/4 rounds to 0 in both columns (across first: 1 1 0 0, and 1/2 rounds to 1)
    expect(
      rows(
        resizePil(
          picture([
            [1, 0],
            [0, 1],
            [0, 0],
            [0, 0],
          ]),
          1,
          1,
          'box',
        ),
      ),
    ).to.deep.equal([[0]]);
    // 3 x 2 to 1 x 1, 2 is not more than 2 * 1: across first, 1 1 0, and 2/3 rounds to 1 (down first: 1/3 rounds to 0)
    expect(
      rows(
        resizePil(
          picture([
            [1, 0],
            [0, 1],
            [0, 0],
          ]),
          1,
          1,
          'box',
        ),
      ),
    ).to.deep.equal([[1]]);
  });

  it('weighs colours by alpha, except nearest', () => {
    // premultiplied 200 0, mean 100; alpha (255 + 0) / 2 = 127.5 -> 128; back: trunc(255 * 100 / 128) = 199
    expect(
      rows(
        resizePil(
          picture([
            [
              [200, 255],
              [100, 0],
            ],
          ]),
          1,
          1,
          'box',
        ),
      ),
    ).to.deep.equal([[199, 128]]);
    // means 5 10 15 of 10 20 30 and 0 0 0; back: trunc(9.96), trunc(19.9), trunc(29.9)
    const rgba = picture([
      [
        [10, 20, 30, 255],
        [200, 100, 50, 0],
      ],
    ]);
    expect(rows(resizePil(rgba, 1, 1, 'bilinear'))).to.deep.equal([[9, 19, 29, 128]]);
    expect(rows(resizePil(rgba, 1, 1, 'nearest'))).to.deep.equal([[200, 100, 50, 0]]);
  });

  it('copies a picture that has the size, colours under alpha 0 included', () => {
    const rgba = picture([[[200, 100, 50, 0]]]);
    const copy = resizePil(rgba, 1, 1, 'bicubic');
    expect(copy).to.deep.equal(rgba);
    expect(copy.data).not.to.equal(rgba.data);
  });

  it('gives three channels what each alone gets', () => {
    const side = fc.integer({ min: 1, max: 40 });
    const noise = fc.uint8Array({ minLength: 4800, maxLength: 4800 });
    fc.assert(
      fc.property(side, side, side, side, fc.constantFrom(...PIL_FILTERS), noise, (h, w, toH, toW, filter, bytes) => {
        const image = { data: bytes.slice(0, h * w * 3), height: h, width: w, channels: 3 };
        for (let c = 0; c < 3; c++) {
          expect(channel(resizePil(image, toH, toW, filter), c)).to.deep.equal(
            resizePil(channel(image, c), toH, toW, filter),
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  it('leaves a flat picture flat, whatever the size', () => {
    for (const filter of PIL_FILTERS) {
      const flat = { data: new Uint8Array(7 * 5 * 3).fill(255), height: 7, width: 5, channels: 3 };
      for (const [height, width] of [
        [1, 1],
        [3, 50],
        [50, 3],
      ]) {
        expect(new Set(resizePil(flat, height, width, filter).data)).to.deep.equal(new Set([255]));
      }
    }
  });

  it('does not touch its input', () => {
    const { data, ...sides } = gradient(6, 9, 4);
    // the slice of a Buffer is a view of the same bytes
    for (const bytes of [data, Buffer.from(data)]) {
      resizePil({ data: bytes, ...sides }, 4, 5, 'bicubic');
      expect([...bytes]).to.deep.equal([...gradient(6, 9, 4).data]);
      resizePil({ data: bytes, ...sides }, 6, 9, 'bicubic').data.fill(0);
      expect(bytes[0]).to.equal(20);
    }
  });

  it('refuses sizes and pictures that are none', async () => {
    for (const size of [0, -3, 2.5, Number.NaN]) {
      expect(await failure(() => resizePil(gradient(2, 2, 3), size, 2, 'box'))).to.include({
        code: 'E_ARGUMENT',
        path: 'height',
      });
      expect(await failure(() => resizePil(gradient(2, 2, 3), 2, size, 'box'))).to.include({
        code: 'E_ARGUMENT',
        path: 'width',
      });
    }
    const short = { data: new Uint8Array(3), height: 2, width: 2, channels: 1 };
    expect(await failure(() => resizePil(short, 1, 1, 'box'))).to.include({ code: 'E_IMAGE', path: 'image.data' });
  });

  it('refuses a filter that there is none of', async () => {
    const image = gradient(4, 5, 3);
    for (const filter of ['cubic', '__proto__', undefined, 6]) {
      const error = await failure(() => resizePil(image, 2, 2, filter as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'filter' });
    }
  });

  it('refuses a picture that no memory can hold', async () => {
    const error = await failure(() => resizePil(gradient(1, 3, 3), 2 ** 25, 2 ** 25, 'nearest'));
    expect(error).to.include({ code: 'E_LIMIT', path: 'image', wanted: 'a picture that fits in memory' });
  });

  it('refuses to make weights for a gigabyte', async () => {
    const line = gradient(1, 3, 1);
    expect(await failure(() => resizePil(line, 1, 100_000_000, 'bicubic'))).to.include({ code: 'E_LIMIT' });
  });
});

function channel({ data, height, width, channels }: RawImage, c: number): RawImage {
  return { data: data.filter((_, i) => i % channels === c), height, width, channels: 1 };
}

describe('readPilFilter', () => {
  it('reads names and the numbers of PIL', () => {
    expect([0, 1, 2, 3, 4, 5].map((number) => readPilFilter(number))).to.deep.equal([
      'nearest',
      'lanczos',
      'bilinear',
      'bicubic',
      'box',
      'hamming',
    ]);
    expect(readPilFilter('box')).to.equal('box');
  });

  it('refuses others, and names the nearest', async () => {
    for (const value of [6, -1, 1.5, '3', null, 'length', 'BICUBIC']) {
      expect(await failure(() => readPilFilter(value))).to.include({ code: 'E_ARGUMENT', path: 'resample' });
    }
    expect((await failure(() => readPilFilter('bicubik'))).suggestion).to.equal('did you mean "bicubic"?');
  });
});

describe('golden pil-resize', () => {
  const golden = fileURLToPath(new URL('../golden', import.meta.url));
  for (const name of readdirSync(golden).filter((folder) => folder.startsWith('pil-resize'))) {
    it(name, async () => {
      const folder = `${golden}/${name}`;
      expect(await pilResize(folder, JSON.parse(readFileSync(`${folder}/case.json`, 'utf8')))).to.deep.equal([]);
    });
  }
});
