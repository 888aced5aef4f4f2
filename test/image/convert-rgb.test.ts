import { expect } from 'chai';
import { convertRgb } from '../../src/image/convert-rgb.js';
import { failure } from '../helpers.js';
import { gradient, picture, rows } from './helpers.js';

describe('convertRgb', () => {
  it('leaves RGB alone and repeats gray', () => {
    const rgb = gradient(2, 3, 3);
    expect(convertRgb(rgb)).to.equal(rgb);
    expect(rows(convertRgb(picture([[7, 9]])))).to.deep.equal([[7, 7, 7, 9, 9, 9]]);
  });

  it('lays alpha onto white', () => {
    // alpha 0 is white, 255 the colour; 100 at 128 of 255: (100 * 128 + 255 * 127) / 255 = 177.2
    const rgba = picture([
      [
        [1, 2, 3, 0],
        [1, 2, 3, 255],
        [100, 0, 255, 128],
      ],
    ]);
    // 0 at 128: 255 * 127 / 255 = 127; 255 stays
    expect(rows(convertRgb(rgba))).to.deep.equal([[255, 255, 255, 1, 2, 3, 177, 127, 255]]);
    expect(
      rows(
        convertRgb(
          picture([
            [
              [100, 128],
              [5, 255],
            ],
          ]),
        ),
      ),
    ).to.deep.equal([[177, 177, 177, 5, 5, 5]]);
  });

  it('refuses more channels', async () => {
    expect(await failure(() => convertRgb(gradient(1, 1, 5)))).to.include({ code: 'E_SHAPE', got: '5' });
  });
});
