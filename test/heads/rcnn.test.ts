import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { boxLosses, maskLoss, sampleProposals, withMasks } from '../../heads/rcnn/roi-losses.js';
import { selectDetections } from '../../heads/rcnn/select.js';
import { pasteMasks } from '../../heads/roi/paste.js';
import { poolBoxes } from '../../heads/roi/pooling.js';
import { proposeBoxes } from '../../heads/rpn/proposals.js';
import { FasterRCNN, FasterRCNNConfig, useBackend } from '../../src/index.js';
import { failure } from '../helpers.js';
import { noise, TINY, TWO_STAGE } from './helpers.js';

const { settings } = new FasterRCNNConfig({ backboneConfig: TINY });
const boxes = (...rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());

describe('two-stage detectors', () => {
  before(() => useBackend('cpu'));

  describe('propose', () => {
    // one level of three anchors in two pictures
    const anchors = [boxes([0, 0, 10, 10], [40, 0, 50, 10], [96, 0, 106, 10])];
    const options = {
      before: 10,
      after: 10,
      nmsThreshold: 0.7,
      minSize: 0,
      scoreThreshold: 0,
      clamp: 'above',
    } as const;
    const propose = (objectness: readonly number[], changes: Partial<Omit<typeof options, 'clamp'>> | object = {}) =>
      tf.tidy(() =>
        proposeBoxes(
          { objectness: [tf.tensor4d([...objectness], [2, 1, 3, 1])], deltas: [tf.zeros([2, 1, 3, 4])] },
          anchors,
          [
            [100, 100],
            [8, 100],
          ],
          { ...options, ...changes },
        ).map((found) => [...found]),
      );

    it('the surest first, clipped to each picture', () => {
      expect(propose([1, 2, 3, 3, 2, 1])).to.deep.equal([
        [96, 0, 100, 10, 40, 0, 50, 10, 0, 0, 10, 10],
        [0, 0, 10, 8, 40, 0, 50, 8, 96, 0, 100, 8],
      ]);
    });

    it('so many before and after, and none that is too small or too unsure', () => {
      expect(propose([1, 2, 3, 3, 2, 1], { before: 2 })[1]).to.deep.equal([0, 0, 10, 8, 40, 0, 50, 8]);
      expect(propose([1, 2, 3, 3, 2, 1], { after: 1 })[1]).to.deep.equal([0, 0, 10, 8]);
      expect(propose([1, 2, 3, 3, 2, 1], { minSize: 4 })[0].length).to.equal(12); // at least
      expect(propose([1, 2, 3, 3, 2, 1], { minSize: 4.5 })[0].length).to.equal(8);
      expect(propose([0, -1, -1, 0, 1, 1], { scoreThreshold: 0.5 }).map(({ length }) => length)).to.deep.equal([4, 12]);
    });

    it('no box that is no number', async () => {
      expect((await failure(() => propose([1, 2, Number.NaN, 3, 2, 1]))).code).to.equal('E_NON_FINITE');
    });
  });

  describe('select', () => {
    const proposals = [boxes([0, 0, 10, 10], [20, 0, 30, 10]), boxes([0, 0, 10, 10])];
    const log = (...shares: readonly number[]) => shares.map(Math.log);
    /** Of three classes, the first of which may be the background; deltas are 0 but for the third class, which moves. */
    const select = (rows: readonly (readonly number[])[], background: number, changes: object = {}, perClass = true) =>
      tf.tidy(() => {
        const deltas = rows.flatMap(() => (perClass ? [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0] : [5, 0, 0, 0]));
        const predicted = {
          logits: tf.tensor2d(rows.flat(), [rows.length, 3]),
          deltas: tf.tensor2d(deltas, [rows.length, perClass ? 12 : 4]),
        };
        const sizes = proposals.map(() => [50, 50] as const);
        return selectDetections(predicted, proposals, sizes, background, { ...settings, ...changes }).map(
          ({ boxes, labels }) => ({ boxes: [...boxes], labels: [...labels] }),
        );
      });
    const ROWS = [log(0.5, 0.5, 1e-9), log(0.9, 1e-9, 0.1), log(0.1, 0.3, 0.6)];

    it('the classes that are sure, each with its own box, but never the background', () => {
      expect(select(ROWS, 0)).to.deep.equal([
        { boxes: [0, 0, 10, 10, 25, 0, 35, 10], labels: [1, 2] },
        { boxes: [5, 0, 15, 10, 0, 0, 10, 10], labels: [2, 1] },
      ]);
      expect(select(ROWS, 2, { background: 'last' })[0].labels).to.deep.equal([0, 0, 1]);
    });

    it('one box for all classes', () => {
      expect(select(ROWS, 0, { boxRegression: 'class-agnostic' }, false)[1].boxes).to.deep.equal([
        5, 0, 15, 10, 5, 0, 15, 10,
      ]);
    });

    it('nothing at the threshold itself, and so many of a picture', () => {
      const even = [log(0.5, 0.5, 1e-9), log(0.5, 0.5, 1e-9), log(0.5, 0.5, 1e-9)];
      const half = Math.fround(0.5);
      const sure = (thresh: number) => select(even, 0, { boxScoreThresh: thresh })[0].labels.length;
      expect([sure(half), sure(0.499)]).to.deep.equal([0, 2]);
      expect(select(ROWS, 0, { boxDetectionsPerImg: 1 })[1].labels).to.deep.equal([2]);
    });

    it('what repeats another, less sure of it, by soft suppression down to a thousandth', () => {
      const rows = [log(0.001, 0.999, 1e-9), log(0.001, 0.999, 1e-9), log(0.5, 0.5, 1e-9)];
      const near = [boxes([0, 0, 100, 10], [1, 0, 101, 10]), boxes([0, 0, 10, 10])];
      const predicted = { logits: tf.tensor2d(rows.flat(), [3, 3]), deltas: tf.zeros<tf.Rank.R2>([3, 12]) };
      const sizes = near.map(() => [200, 200] as const);
      const found = selectDetections(predicted, near, sizes, 0, { ...settings, boxNms: 'soft' });
      tf.dispose(predicted);
      expect(found[0].labels.length).to.equal(2);
      expect(found[0].scores[1]).to.be.closeTo(0.999 * (1 - 99 / 101), 1e-5);
    });
  });

  describe('train on', () => {
    const target = {
      boxes: boxes([0, 0, 10, 10]),
      labels: Int32Array.of(2),
      hasMask: [true],
      masks: () => tf.zeros<tf.Rank.R4>([1, 1, 1, 1]),
    };

    it('masks of those objects alone that have one', () => {
      // the first object has no mask, the second one of ones; the second sample is background
      const truths = {
        boxes: boxes([0, 0, 2, 2], [2, 0, 4, 2]),
        labels: Int32Array.of(0, 0),
        hasMask: [false, true],
        masks: () => tf.tensor4d([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1], [2, 2, 4, 1]),
      };
      const samples = {
        boxes: boxes([0, 0, 2, 2], [9, 9, 10, 10], [2, 0, 4, 2]),
        truths: Int32Array.of(0, 1, 1),
        classes: Int32Array.of(0, 1, 0),
        isObject: [true, false, true],
      };
      const kept = withMasks(samples, truths);
      expect([[...kept.boxes], [...kept.truths], [...kept.classes]]).to.deep.equal([[2, 0, 4, 2], [1], [0]]);
      // one cell of logit 3, whose target is 1, since all samples lie inside: -log(sigmoid(3))
      const loss = tf.tidy(() => maskLoss(tf.fill([1, 1, 1, 1], 3), [kept], [truths]).dataSync()[0]);
      expect(loss).to.be.closeTo(Math.log(1 + Math.exp(-3)), 1e-6);
    });

    it('proposals, and the truths themselves', () => {
      const far = boxes([50, 50, 60, 60], [0, 0, 10, 9]);
      const sample = sampleProposals(far, target, settings, 0, Math.random);
      expect([...sample.boxes.subarray(8)]).to.deep.equal([0, 0, 10, 10]);
      expect([[...sample.classes], sample.isObject]).to.deep.equal([
        [0, 2, 2],
        [false, true, true],
      ]);
    });

    it('the box of the own class, or the one box of all, over all samples', () => {
      const samples = [
        { boxes: target.boxes, truths: Int32Array.of(0), classes: Int32Array.of(2), isObject: [true] },
        { boxes: boxes([5, 5, 6, 6]), truths: Int32Array.of(0), classes: Int32Array.of(0), isObject: [false] },
      ];
      const loss = (deltas: readonly number[], boxRegression: 'per-class' | 'class-agnostic') =>
        tf.tidy(() => {
          const predicted = {
            logits: tf.zeros<tf.Rank.R2>([2, 3]),
            deltas: tf.tensor2d([...deltas], [2, deltas.length / 2]),
          };
          const losses = boxLosses(predicted, samples, [target, target], {
            ...settings,
            boxRegression,
            boxLossBeta: 0,
          });
          return [losses.loss_box_reg.dataSync()[0], losses.loss_classifier.dataSync()[0]];
        });
      const perClass = loss([...Array(8).fill(9), 1, 1, 1, 1, ...Array(12).fill(9)], 'per-class');
      expect(perClass[0]).to.equal(4 / 2);
      expect(perClass[1]).to.be.closeTo(Math.log(3), 1e-6);
      expect(loss([3, 0, 0, 0, 9, 9, 9, 9], 'class-agnostic')[0]).to.equal(3 / 2);
    });
  });

  describe('pool', () => {
    // two levels of one row, of values that name their cell; two pictures, of which the second is the taller
    const specs = [
      { name: '0', channels: 1, stride: 4 },
      { name: '1', channels: 1, stride: 8 },
    ];
    const options = { samplingRatio: 1, centres: 'half-pixel', levelRule: 'mmdetection', scales: 'level' } as const;
    const pool = (scales: 'level' | 'inferred') =>
      tf.tidy(() => {
        const maps = [
          tf.fill<tf.Rank.R4>([2, 8, 64, 1], 1),
          tf.concat([tf.fill([1, 4, 32, 1], 2), tf.fill([1, 4, 32, 1], 3)]) as tf.Tensor4D,
        ];
        // large, small, large in the first; a small and a large one in the second
        const own = [boxes([0, 0, 250, 64], [0, 0, 8, 8], [0, 0, 240, 32]), boxes([0, 0, 8, 8], [0, 0, 200, 64])];
        const sizes = [
          [16, 256],
          [32, 256],
        ] as const;
        return [...poolBoxes({ specs, maps, sizes }, own, 1, { ...options, scales }).dataSync()];
      });

    it('each box from its level, in the order of the boxes', () => {
      // sides of 126, 8, 88, 8 and 113 pixels: below 112 the finer level
      expect(pool('level')).to.deep.equal([2, 1, 1, 1, 3]);
      expect(pool('inferred')).to.deep.equal([2, 1, 1, 1, 3]);
    });

    it('by the scale of the tallest picture, or of the stride', () => {
      const at = (scales: 'level' | 'inferred', tallest: number) =>
        tf.tidy(() => {
          const ramp = tf.tensor4d(
            Array.from({ length: 16 }, (_, i) => i),
            [1, 1, 16, 1],
          );
          const maps = [tf.tile(tf.reshape(ramp, [1, 1, 16, 1]), [2, 8, 1, 1]) as tf.Tensor4D];
          const sizes = [
            [8, 64],
            [tallest, 64],
          ] as const;
          const own = [boxes([0, 0, 16, 32]), boxes()];
          return [
            ...poolBoxes({ specs: specs.slice(0, 1), maps, sizes }, own, 1, { ...options, scales }).dataSync(),
          ][0];
        });
      // the middle at pixel 8: cell 8 / 4 - 0.5 by the stride or 32 rows over 8, 8 / 8 - 0.5 by 64 over 8
      expect([at('level', 64), at('inferred', 32), at('inferred', 64)]).to.deep.equal([1.5, 1.5, 0.5]);
    });
  });

  it('paste masks: half is inside where centres are looked up, and outside where the whole box is resized', () => {
    const detections = { boxes: boxes([0, 0, 2, 2]), scores: Float32Array.of(1), labels: Int32Array.of(1) };
    const area = (how: 'pixel-centres' | 'whole-box') => {
      const [mask] = pasteMasks(detections, Float32Array.of(0.5, 0.5, 0.5, 0.5), 2, [3, 3], how);
      return mask.toValues().reduce((sum, value) => sum + value, 0);
    };
    expect([area('pixel-centres'), area('whole-box')]).to.deep.equal([4, 0]);
  });

  it('read no box from the extra level, however large it is', async () => {
    const backboneConfig = { ...TINY, out_features: ['stage1'] };
    const config = new FasterRCNNConfig({ ...TWO_STAGE, backboneConfig, anchorSizes: [[6], [12]] });
    const model = await FasterRCNN.fromConfig(config, { seed: 1 });
    const pooled = tf.tidy(() => {
      const levels = [tf.fill([1, 32, 32, 4], 1), tf.fill([1, 16, 16, 4], 2)];
      const input = { levels, batch: { sizes: [[128, 128]] } };
      const { pool } = model as unknown as { pool(input: object, boxes: object, side: number): tf.Tensor };
      return [...pool.call(model, input, [boxes([0, 0, 128, 128])], 1).dataSync()];
    });
    expect(pooled).to.deep.equal([1, 1, 1, 1]);
    model.dispose();
  });

  it('find nothing and learn where nothing is proposed', async () => {
    const config = new FasterRCNNConfig({ ...TWO_STAGE, rpnScoreThresh: 1 });
    const model = await FasterRCNN.fromConfig(config, { seed: 1 });
    const picture = noise(40, 40);
    expect(model.detect([picture])[0].labels.length).to.equal(0);
    const losses = model.losses([picture], [{ boxes: boxes(), labels: new Int32Array() }]);
    for (const [name, loss] of Object.entries(losses)) expect(loss.dataSync()[0], name).to.satisfy(Number.isFinite);
    tf.dispose([picture, losses]);
    model.dispose();
  });

  it('refuse the background as a label', async () => {
    for (const [background, label] of [
      ['first', 0],
      ['last', 3],
    ] as const) {
      const model = await FasterRCNN.fromConfig(new FasterRCNNConfig({ ...TWO_STAGE, background }), { seed: 1 });
      const picture = noise(32, 32);
      const target = { boxes: boxes([1, 1, 9, 9]), labels: Int32Array.of(label) };
      expect((await failure(() => model.losses([picture], [target]))).message).to.match(/targets\[0\]\.labels/);
      picture.dispose();
      model.dispose();
    }
  });
});
