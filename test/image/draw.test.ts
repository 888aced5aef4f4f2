import { expect } from 'chai';
import { decodeImage } from '../../src/image/decode.js';
import { encodePng, featurePicture, pictureSheet } from '../../src/image/draw.js';
import { failure } from '../helpers.js';
import { gradient } from './helpers.js';

const map = (name: string, height: number, width: number, channels: number) => ({
  name,
  data: Float32Array.from({ length: height * width * channels }, (_, i) => Math.sin(i * 1.3)),
  height,
  width,
  channels,
});

describe('encodePng', () => {
  it('loses nothing', async () => {
    for (const channels of [1, 2, 3, 4]) {
      const image = gradient(5, 3, channels);
      expect(await decodeImage(await encodePng(image), { mode: 'as-is' })).to.deep.equal(image);
    }
  });

  it('refuses what is no picture', async () => {
    expect((await failure(() => encodePng({ ...gradient(5, 3, 3), height: 6 }))).path).to.equal('image.data');
    expect((await failure(() => encodePng(gradient(5, 3, 5)))).path).to.equal('image.channels');
  });
});

describe('pictureSheet', () => {
  const tile = (height: number, width: number, ...lines: readonly string[]) => ({
    image: gradient(height, width, 3),
    lines,
  });

  it('lays pictures in rows and columns, with their text below', () => {
    const [a, b, c] = [tile(10, 20, 'a'), tile(20, 20), tile(10, 5, 'cc', 'c')];
    const sheet = pictureSheet([[a, b], [c]], 10);
    // columns of 2 * 12 for `cc`, and of 20 / 2 = 10; rows of 10, with one and two lines of 22, each with two gaps of 8
    expect([sheet.height, sheet.width]).to.deep.equal([10 + 22 + 16 + 10 + 2 * 22 + 16 + 8, 8 + 24 + 8 + 10 + 8]);
    const at = (y: number, x: number) => [
      ...sheet.data.subarray((y * sheet.width + x) * 3, (y * sheet.width + x) * 3 + 3),
    ];
    expect(at(8, 8)).to.deep.equal([...a.image.data.subarray(0, 3)]);
    expect(at(17, 27)).to.deep.equal([...a.image.data.subarray(-3)]);
    expect(at(8 + 48, 8)).to.deep.equal([...c.image.data.subarray(0, 3)]);
    expect([at(8, 28), at(8, 50), at(18, 8), at(55, 8)]).to.deep.equal(Array(4).fill([255, 255, 255]));
    const below = (y: number) => sheet.data.subarray(y * sheet.width * 3, (y + 14) * sheet.width * 3);
    for (const y of [26, 74, 96]) expect(new Set(below(y)), `${y}`).to.deep.equal(new Set([40, 255]));
  });

  it('of nothing is a margin', () => {
    expect(pictureSheet([], 10)).to.include({ height: 8, width: 8 });
    expect(pictureSheet([[]], 10)).to.include({ height: 10 + 3 * 8, width: 8 });
  });

  it('refuses what is no picture and no height', async () => {
    expect((await failure(() => pictureSheet([[tile(2, 2)]], 0))).code).to.equal('E_ARGUMENT');
    const broken = { image: { ...gradient(2, 2, 3), width: 3 }, lines: [] };
    expect((await failure(() => pictureSheet([[broken]], 4))).code).to.equal('E_IMAGE');
  });
});

describe('featurePicture', () => {
  const photograph = gradient(60, 130, 3);

  it('lays tiles beside the photograph, at its height and with their own proportions', () => {
    const image = featurePicture(photograph, [map('a', 3, 5, 8), map('b', 6, 3, 1)]);
    // gaps of 8; the photograph 130 wide, a map 60 * 5 / 3 = 100 but for its label `3 x 5 x 8` of 9 * 12 = 108,
    // b 60 * 3 / 6 = 30 but for `6 x 3 x 1`; below, two lines of 22 between gaps
    expect([image.height, image.width, image.channels]).to.deep.equal([
      60 + 2 * 22 + 3 * 8,
      4 * 8 + 130 + 108 + 108,
      3,
    ]);
    const at = (y: number, x: number) => [
      ...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
    ];
    expect(at(8, 8)).to.deep.equal([...photograph.data.subarray(0, 3)]);
    expect(at(67, 137)).to.deep.equal([...photograph.data.subarray(-3)]);
    expect([at(7, 8), at(8, 7), at(68, 8), at(8, 138)]).to.deep.equal(Array(4).fill([255, 255, 255]));
    // a cell of the first map is 20 x 20 pixels of one colour
    expect(at(8, 146)).to.deep.equal(at(27, 165));
    expect(at(8, 146)).not.to.deep.equal(at(28, 146));
    expect(at(8, 261)).to.deep.equal([255, 255, 255]);
    expect(at(8, 262)).not.to.deep.equal([255, 255, 255]);
    // the labels are dark on white
    const label = image.data.subarray(76 * image.width * 3);
    expect(new Set(label)).to.deep.equal(new Set([40, 255]));
  });

  it('draws gray and transparent photographs, and large ones smaller', () => {
    expect(featurePicture(gradient(9, 9, 1), []).channels).to.equal(3);
    expect(featurePicture(gradient(9, 9, 4), []).channels).to.equal(3);
    expect(featurePicture(gradient(1024, 100, 3), []).height).to.equal(512 + 2 * 22 + 3 * 8);
  });

  it('is the same every time', () => {
    const maps = [map('a', 4, 4, 16)];
    expect(featurePicture(photograph, maps)).to.deep.equal(featurePicture(photograph, maps));
  });

  it('refuses maps that do not fit their shape or are not finite', async () => {
    const bad = { ...map('stage2', 2, 2, 3), height: 3 };
    expect(await failure(() => featurePicture(photograph, [bad]))).to.include({
      code: 'E_SHAPE',
      path: 'stage2',
      got: '12',
    });
    const empty = { name: 'none', data: new Float32Array(), height: 0, width: 3, channels: 3 };
    expect((await failure(() => featurePicture(photograph, [empty]))).code).to.equal('E_SHAPE');
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const holed = map('stage3', 2, 2, 2);
      holed.data[5] = value;
      const error = await failure(() => featurePicture(photograph, [holed]));
      expect(error).to.include({ code: 'E_NON_FINITE', path: 'stage3', got: `${value} at 5` });
    }
  });
});
