import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { ConvNextV2Backbone, ConvNextV2Config } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { ConvNextImageProcessor } from '../../src/image/processor.js';
import { extractFeatureMaps } from '../../src/tasks/features.js';
import { failure } from '../helpers.js';

const PICTURE = {
  data: Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 37) % 256),
  height: 24,
  width: 40,
  channels: 3,
};

async function withBackbone(
  body: (backbone: ConvNextV2Backbone, processor: ConvNextImageProcessor) => Promise<void>,
): Promise<void> {
  const config = new ConvNextV2Config({ depths: [1, 1], hiddenSizes: [4, 6], outFeatures: ['stem', 'stage2'] });
  const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
  await body(backbone, new ConvNextImageProcessor({ doResize: false }));
  backbone.dispose();
}

describe('extractFeatureMaps', () => {
  before(() => useBackend('cpu'));

  it('gives plain data, the same as the backbone gives, and no tensors', async () => {
    await withBackbone(async (backbone, processor) => {
      const before = tf.memory().numTensors;
      const maps = await extractFeatureMaps(backbone, processor, PICTURE);
      expect(tf.memory().numTensors).to.equal(before);
      expect(maps.map(({ name, shape, stride }) => [name, shape, stride])).to.deep.equal([
        ['stem', [6, 10, 4], 4],
        ['stage2', [3, 5, 6], 8],
      ]);
      const { pixelValues } = await processor.preprocess(PICTURE);
      tf.tidy(() => {
        const want = backbone.forward(pixelValues);
        for (const { name, data } of maps) expect([...data]).to.deep.equal([...want[name].dataSync()]);
      });
      pixelValues.dispose();
    });
  });

  it('passes on no NaN', async () => {
    await withBackbone(async (backbone, processor) => {
      const bias = backbone.parameters.get('hidden_states_norms.stage2.bias')!;
      const bad = tf.tensor1d([0, 0, Number.NaN, 0, 0, 0]);
      bias.variable.assign(bad);
      bad.dispose();
      const before = tf.memory().numTensors;
      const { code, path, got } = await failure(() => extractFeatureMaps(backbone, processor, PICTURE));
      expect([code, path, got]).to.deep.equal(['E_NON_FINITE', 'stage2', 'NaN at 2']);
      expect(tf.memory().numTensors).to.equal(before);
    });
  });

  it('leaves nothing behind where the picture does not fit', async () => {
    await withBackbone(async (backbone, processor) => {
      const before = tf.memory().numTensors;
      const gray = { data: new Uint8Array(24 * 40), height: 24, width: 40, channels: 1 };
      const plain = new ConvNextImageProcessor({ ...processor, imageMean: [0.5], imageStd: [0.5] });
      expect((await failure(() => extractFeatureMaps(backbone, plain, gray))).message).to.match(
        /wanted 3 channels.*got 1 channels/,
      );
      expect(tf.memory().numTensors).to.equal(before);
    });
  });
});
