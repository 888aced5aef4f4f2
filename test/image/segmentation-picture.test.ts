import { expect } from 'chai';
import { segmentationPicture } from '../../src/image/segmentation-picture.js';
import { failure } from '../helpers.js';

const photo = { data: new Uint8Array(2 * 3 * 3).fill(100), width: 3, height: 2, channels: 3 };
const classes = { data: Uint8Array.of(0, 0, 1, 1, 1, 1), width: 3, height: 2 };
const COLOURS = [
  [200, 0, 0],
  [0, 200, 0],
] as const;

describe('the picture of a segmentation', () => {
  it('lays colours over the photograph', () => {
    const { data, width, height } = segmentationPicture(photo, classes, [], COLOURS);
    expect([width, height]).to.deep.equal([3, 2]);
    // 0.45 * 100 + 0.55 * 200 = 155, and 0.45 * 100 = 45
    expect([...data.slice(0, 3), ...data.slice(6, 9)]).to.deep.equal([155, 45, 45, 45, 155, 45]);
  });

  it('has a legend with the share of each class, as far as there is room', () => {
    const legend = Array.from({ length: 40 }, (_, i) => ({ label: `class ${i}`, id: i % 2, area: 3 }));
    const one = segmentationPicture(photo, classes, legend.slice(0, 1), COLOURS);
    const all = segmentationPicture(photo, classes, legend, COLOURS);
    expect(one.width).to.be.above(3 + 'class 0  50.0 %'.length * 10);
    expect(all.height).to.be.above(one.height);
    expect(all.height).to.be.below(300);
    const swatch = one.data.slice((9 * one.width + 3 + 16 + 1) * 3, (9 * one.width + 3 + 16 + 2) * 3);
    expect([...swatch]).to.deep.equal([200, 0, 0]);
  });

  it('refuses classes of another size', async () => {
    const other = { ...classes, width: 2, height: 3 };
    expect((await failure(() => segmentationPicture(photo, other, [], COLOURS))).code).to.equal('E_SHAPE');
  });
});
