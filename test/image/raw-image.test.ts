import { expect } from 'chai';
import { checkRawImage } from '../../src/image/raw-image.js';
import { failure } from '../helpers.js';

describe('checkRawImage', () => {
  const image = { data: new Uint8Array(24), height: 4, width: 2, channels: 3 };

  it('passes a picture whose data fit', () => {
    expect(checkRawImage(image)).to.equal(image);
  });

  it('names what is no picture at all', async () => {
    for (const [value, got] of [
      [{}, '{}'],
      [new Map(), 'a Map'],
      [[], '[]'],
      [null, 'null'],
      ['cat.png', '"cat.png"'],
    ]) {
      expect(await failure(() => checkRawImage(value as never))).to.include({ code: 'E_IMAGE', path: 'image', got });
    }
  });

  it('refuses sides that are no positive whole numbers', async () => {
    for (const side of ['height', 'width', 'channels']) {
      for (const value of [0, -1, 1.5, Number.NaN, '3', undefined]) {
        const error = await failure(() => checkRawImage({ ...image, [side]: value } as never, 'images[1]'));
        expect(error).to.include({ code: 'E_IMAGE', path: `images[1].${side}` });
      }
    }
  });

  it('refuses data of another length or kind', async () => {
    for (const data of [new Uint8Array(23), new Uint8Array(25), new Uint16Array(24), undefined]) {
      const error = await failure(() => checkRawImage({ ...image, data } as never));
      expect(error).to.include({ code: 'E_IMAGE', path: 'image.data', wanted: 'a Uint8Array of 4 x 2 x 3 = 24 bytes' });
    }
  });
});
