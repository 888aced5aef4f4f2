import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { HeadPlugin } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import {
  ConvNextV2Backbone,
  ConvNextV2Config,
  createRegistry,
  defaultRegistry,
  FasterRCNN,
  FasterRCNNConfig,
  Mask,
  MaskRCNN,
  MaskRCNNConfig,
  type ObjectDetectionPipeline,
  pipeline,
  useBackend,
} from '../../src/index.js';
import { TINY, TWO_STAGE } from '../heads/helpers.js';
import { failure, inFolder } from '../helpers.js';

const PICTURE = fileURLToPath(new URL('../../examples/pictures/chelsea.png', import.meta.url));
const id2label = { 0: 'background', 1: 'cat', 2: 'dog' };

describe('detection pipelines', () => {
  before(() => useBackend('cpu'));

  const settings = { ...TWO_STAGE, numLabels: undefined, id2label };
  const inModels = (work: (folder: string) => Promise<void>) =>
    inFolder(async (folder) => {
      const masks = new MaskRCNNConfig({ ...settings, maskPoolSize: 4, maskLayers: [4], maskDimReduced: 4 });
      const models = [
        await MaskRCNN.fromConfig(masks, { seed: 1 }),
        await FasterRCNN.fromConfig(new FasterRCNNConfig(settings), { seed: 1 }),
      ];
      await models[0].savePretrained(join(folder, 'masks'));
      await models[1].savePretrained(join(folder, 'boxes'));
      for (const model of models) model.dispose();
      await work(folder);
    });

  it('give what is in pictures, as plain data', async () => {
    await inModels(async (folder) => {
      const before = tf.memory().numTensors;
      const detect = await pipeline('instance-segmentation', join(folder, 'masks'));
      const [one, two] = await detect([PICTURE, PICTURE], { threshold: 0, batchSize: 2 });
      expect(one).to.deep.equal(two);
      expect(one.length).to.be.above(0);
      for (const { score, label, id, box, mask } of one) {
        expect([score >= 0, label, box.xmin <= box.xmax]).to.deep.equal([true, id2label[id as 1], true]);
        expect([mask instanceof Mask, mask!.width, mask!.height]).to.deep.equal([true, 451, 300]);
      }
      const scores = one.map(({ score }) => score);
      expect(scores).to.deep.equal(scores.toSorted((a, b) => b - a));
      const cats = await detect(PICTURE, { threshold: scores[1], classes: ['cat'] });
      expect(cats.every(({ label, score }) => label === 'cat' && score >= scores[1])).to.equal(true);
      expect(await detect(PICTURE, { threshold: 1 })).to.deep.equal([]);
      await detect.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  });

  it('open any detector for boxes, and only those with masks for masks', async () => {
    await inModels(async (folder) => {
      const detect = await pipeline('object-detection', join(folder, 'boxes'));
      expect((await detect(PICTURE, { threshold: 0 })).every(({ mask }) => mask === undefined)).to.equal(true);
      const wrong = [
        ...[{ threshold: 2 }, { threshold: '0.5' }, { batchSize: 0 }, { classes: ['cta'] }, { classes: 'cat' }],
        ...[{ classes: [1] }, { treshold: 0.5 }, { mask_threshold: 0.5 }, { limits: 5 }, { signal: 'stop' }],
      ];
      for (const options of wrong) {
        const error = await failure(() => detect(PICTURE, options as never));
        expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', Object.keys(options)[0]]);
      }
      expect((await failure(() => detect(PICTURE, { treshold: 0.5 } as never))).suggestion).to.equal(
        'did you mean "threshold"?',
      );
      expect(await detect([PICTURE, PICTURE], { threshold: 1, batch_size: 2 } as never)).to.deep.equal([[], []]);
      expect((await failure(() => detect(PICTURE, { classes: ['cta'] }))).suggestion).to.equal('did you mean "cat"?');
      expect((await failure(() => detect('none.png'))).code).to.equal('E_IMAGE');
      const signal = AbortSignal.abort();
      expect((await failure(() => detect(PICTURE, { signal }))).code).to.equal('E_ABORTED');
      await detect.dispose();
      const open = () => pipeline('instance-segmentation', join(folder, 'boxes'));
      expect((await failure(open)).code).to.equal('E_PLUGIN');
      const backbone = await ConvNextV2Backbone.fromConfig(
        new ConvNextV2Config({ depths: [...TINY.depths], hiddenSizes: [...TINY.hidden_sizes] }),
        { seed: 1 },
      );
      await backbone.savePretrained(join(folder, 'backbone'));
      backbone.dispose();
      expect((await failure(() => pipeline('object-detection', join(folder, 'backbone')))).code).to.equal('E_PLUGIN');
    });
  });

  describe('of any plugin', () => {
    const seen: { readonly shape: readonly number[]; readonly largest: number }[][] = [];
    /** Finds the same in each picture, and remembers what it was shown. */
    const stub: HeadPlugin<null, 'object-detection'> = {
      type: 'stub',
      task: 'object-detection',
      readConfig: () => null,
      create: (scope) => ({
        config: { id2label: { 0: 'cat' }, numLabels: 1 },
        parameters: scope.parameters,
        detect(pictures) {
          if (pictures[0].shape[0] === 2)
            throw new ConvNextV2Error('E_NON_FINITE', { path: 'x', wanted: 'y', got: 'z' });
          seen.push(
            pictures.map((picture) => ({
              shape: picture.shape,
              largest: tf.tidy(() => tf.max(picture).dataSync()[0]),
            })),
          );
          const [boxes, scores] = [Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), Float32Array.of(0.75, 0.5)];
          return pictures.map(() => ({ boxes, scores, labels: Int32Array.of(0, 9) }));
        },
        losses: () => ({}),
        dispose() {},
      }),
    };
    const white = (height: number, width: number) => {
      return { data: new Uint8Array(3 * height * width).fill(255), height, width, channels: 3 };
    };
    const opened = async (work: (detect: ObjectDetectionPipeline) => Promise<void>) =>
      inFolder(async (folder) => {
        writeFileSync(join(folder, 'stub.json'), JSON.stringify({ model_type: 'stub' }));
        const registry = createRegistry([stub], defaultRegistry());
        const detect = await pipeline('object-detection', join(folder, 'stub.json'), { registry, weights: 'random' });
        seen.length = 0;
        await work(detect);
        await detect.dispose();
      });

    it('show it pictures from 0 to 1, of any size, so many at once', () =>
      opened(async (detect) => {
        const before = tf.memory().numTensors;
        await detect([white(1, 1), white(5000, 20), white(20, 5000)], { batchSize: 2 });
        const whole = (...shape: readonly number[]) => ({ shape, largest: 1 });
        expect(seen).to.deep.equal([[whole(1, 1, 3), whole(5000, 20, 3)], [whole(20, 5000, 3)]]);
        expect((await failure(() => detect(white(2, 2)))).code).to.equal('E_NON_FINITE');
        expect(tf.memory().numTensors).to.equal(before);
      }));

    it('give what scores as much as the threshold, by a number where a label has no name', () =>
      opened(async (detect) => {
        expect(await detect(white(9, 9), { threshold: 0.5 })).to.deep.equal([
          { score: 0.75, label: 'cat', id: 0, box: { xmin: 0, ymin: 1, xmax: 2, ymax: 3 } },
          { score: 0.5, label: 'LABEL_9', id: 9, box: { xmin: 4, ymin: 5, xmax: 6, ymax: 7 } },
        ]);
        expect((await detect(white(9, 9), { threshold: 0.51 })).length).to.equal(1);
        expect((await detect(white(9, 9), { classes: ['cat'] })).length).to.equal(1);
        expect(await detect([])).to.deep.equal([]);
      }));
  });
});
