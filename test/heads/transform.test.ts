import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { createAnchors } from '../../heads/detection/anchors.js';
import { batchPictures, batchTargets } from '../../heads/detection/transform.js';
import { FasterRCNNConfig, Mask, useBackend } from '../../src/index.js';
import { failure } from '../helpers.js';
import { TINY } from './helpers.js';

const OPTIONS = { minSize: 8, maxSize: 12, sizeDivisible: 4, imageMean: [0.5, 0.5, 0.5], imageStd: [0.5, 0.25, 1] };
const grey = (height: number, width: number) => tf.fill([height, width, 3], 1) as tf.Tensor3D;

describe('a batch of pictures', () => {
  before(() => useBackend('cpu'));

  it('is normalised, resized and padded below and to the right to one size', () => {
    tf.tidy(() => {
      // 4 x 6 to 8 x 12; 3 x 9 to 4 x 12, as the longer side allows no more
      const { pixels, sizes, originals } = batchPictures([grey(4, 6), grey(3, 9)], OPTIONS);
      expect(sizes).to.deep.equal([
        [8, 12],
        [4, 12],
      ]);
      expect(originals).to.deep.equal([
        [4, 6],
        [3, 9],
      ]);
      expect(pixels.shape).to.deep.equal([2, 8, 12, 3]);
      const at = (...place: [number, number, number]) => [...tf.slice(pixels, [...place, 0], [1, 1, 1, 3]).dataSync()];
      expect([at(0, 7, 11), at(1, 3, 11), at(1, 4, 0)]).to.deep.equal([
        [1, 2, 0.5],
        [1, 2, 0.5],
        [0, 0, 0],
      ]);
    });
  });

  it('keeps a pixel of a picture that is far too long, and rounds its size up to what it is divided by', () => {
    tf.tidy(() => {
      const { pixels, sizes } = batchPictures([grey(500, 1)], OPTIONS);
      expect([sizes, pixels.shape]).to.deep.equal([[[12, 1]], [1, 12, 4, 3]]);
    });
  });

  it('has its targets in its own pixels', () => {
    const batch = { pixels: tf.zeros<tf.Rank.R4>([1, 8, 12, 3]), sizes: [[8, 12]], originals: [[4, 3]] } as const;
    const mask = Mask.fromValues([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], 4, 3);
    const target = { boxes: Float32Array.of(0, 1, 2, 3), labels: Int32Array.of(1), masks: [mask] };
    const [{ boxes, masks }] = batchTargets([target], batch, 2);
    expect([...boxes]).to.deep.equal([0, 2, 8, 6]); // four times as wide, twice as high
    const values = tf.tidy(() => [...masks().dataSync()]);
    const inside = values.flatMap((value, i) => (value === 1 ? [[i % 12, Math.floor(i / 12)]] : []));
    // the first column of the upper two rows, and the last pixel
    expect(inside.length).to.equal(4 * 4 + 4 * 2);
    expect([inside[0], inside.at(-1)]).to.deep.equal([
      [0, 0],
      [11, 7],
    ]);
    batch.pixels.dispose();
  });

  it('refuses targets that are none', async () => {
    const batch = { pixels: tf.zeros<tf.Rank.R4>([1, 8, 12, 3]), sizes: [[8, 12]], originals: [[4, 3]] } as const;
    const good = {
      boxes: Float32Array.of(0, 1, 2, 3),
      labels: Int32Array.of(1),
      masks: [new Mask(new Uint8Array(2), 4, 3)],
    };
    const unmasked = batchTargets([{ ...good, masks: [null] }], batch, 2)[0];
    expect([unmasked.hasMask, tf.tidy(() => tf.sum(unmasked.masks()).dataSync()[0])]).to.deep.equal([[false], 0]);
    const wrong: readonly (readonly [object | undefined, RegExp])[] = [
      [undefined, /targets\[0\]: wanted boxes as a Float32Array/],
      [{ ...good, boxes: [0, 1, 2, 3] }, /targets\[0\]: wanted boxes as a Float32Array/],
      [{ ...good, labels: Int32Array.of(1, 1) }, /targets\[0\]\.boxes: wanted four numbers for each of 2 labels/],
      [{ ...good, labels: Int32Array.of(2) }, /targets\[0\]\.labels\[0\]: wanted below 2, got 2/],
      [{ ...good, labels: Int32Array.of(-1) }, /targets\[0\]\.labels\[0\]/],
      [{ ...good, boxes: Float32Array.of(0, 3, 2, 3) }, /targets\[0\]\.boxes\[0\]: wanted a box with an area/],
      [{ ...good, boxes: Float32Array.of(2, 1, 2, 3) }, /targets\[0\]\.boxes\[0\]/],
      [{ ...good, boxes: Float32Array.of(0, 1, Number.POSITIVE_INFINITY, 3) }, /targets\[0\]\.boxes\[0\]/],
      [{ ...good, masks: undefined }, /targets\[0\]\.masks: wanted 1 masks/],
      [{ ...good, masks: [] }, /targets\[0\]\.masks: wanted 1 masks, got 0/],
      [{ ...good, masks: [new Mask(new Uint8Array(2), 3, 4)] }, /targets\[0\]\.masks: wanted masks of 4 x 3/],
    ];
    expect(batchTargets([good], batch, 2)[0].masks().shape).to.deep.equal([1, 8, 12, 1]);
    for (const [target, message] of wrong) {
      const error = await failure(() => batchTargets([target as typeof good], batch, 2)[0].masks());
      expect(error.code).to.equal('E_ARGUMENT');
      expect(error.message).to.match(message);
    }
    expect((await failure(() => batchTargets([], batch, 2))).code).to.equal('E_ARGUMENT');
    tf.disposeVariables();
    batch.pixels.dispose();
  });
});

describe('anchors of a detector', () => {
  const levels = [
    { name: '0', channels: 1, stride: 4 },
    { name: '1', channels: 1, stride: 8 },
  ];
  const settings = { backboneConfig: TINY, anchorSizes: [[2], [4]], aspectRatios: [1] };

  it("lie apart by the picture's cells, or by the level's stride", () => {
    const over = (anchorStrides: 'grid' | 'level') => {
      const config = new FasterRCNNConfig({ ...settings, anchorStrides });
      const [, coarse] = createAnchors(config, config.settings, levels).over(
        [
          [3, 5],
          [1, 3],
        ],
        [12, 20],
      );
      return [...coarse];
    };
    // 20 pixels over 3 columns are 6
    expect(over('grid')).to.deep.equal([-2, -2, 2, 2, 4, -2, 8, 2, 10, -2, 14, 2]);
    expect(over('level')).to.deep.equal([-2, -2, 2, 2, 6, -2, 10, 2, 14, -2, 18, 2]);
  });

  it('want a list for each level, all of one length', async () => {
    for (const anchorSizes of [[[2]], [[2], [4], [8]], [[2], [4, 5]]]) {
      const config = new FasterRCNNConfig({ ...settings, anchorSizes });
      const { code, message } = await failure(() => createAnchors(config, config.settings, levels));
      expect(code).to.equal('E_CONFIG');
      expect(message).to.match(/anchor_sizes: wanted 2 lists of one length/);
    }
  });
});
