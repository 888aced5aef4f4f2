import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  AutoBackbone,
  AutoModel,
  AutoModelForImageClassification,
  ConvNextConfig,
  ConvNextForImageClassification,
  ConvNextModel,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
  convNextV2,
  createRegistry,
  type Registry,
  useBackend,
} from '../../src/index.js';
import { failure, inFolder } from '../helpers.js';

/** A small classifier of each version. */
const VERSIONS = {
  convnextv2: [ConvNextV2Config, ConvNextV2Model, ConvNextV2ForImageClassification],
  convnext: [ConvNextConfig, ConvNextModel, ConvNextForImageClassification],
} as const;

describe('the Auto classes', () => {
  before(() => useBackend('cpu'));

  for (const [type, [Config, Model, Classifier]] of Object.entries(VERSIONS)) {
    it(`open models of type ${type} as what they are, with their weights`, () =>
      inFolder(async (folder) => {
        const config = new Config({ depths: [1, 1], hiddenSizes: [4, 6], patchSize: 2, numLabels: 3 });
        const saved = await Classifier.fromConfig(config as never, { seed: 1 });
        const source = join(folder, 'model');
        await saved.savePretrained(source);
        const tensors = tf.memory().numTensors;
        const pixels = tf.randomNormal<tf.Rank.R4>([2, 9, 11, 3], 0, 1, 'float32', 1);

        const classifier = await AutoModelForImageClassification.fromPretrained(source);
        expect(classifier).to.be.instanceOf(Classifier);
        expect(classifier.config.numLabels).to.equal(3);
        const [{ logits }, { logits: wanted }] = [classifier.forward(pixels), saved.forward(pixels)];
        expect(logits.dataSync()).to.deep.equal(wanted.dataSync());

        const model = await AutoModel.fromPretrained(source);
        expect(model).to.be.instanceOf(Model);
        const { lastHiddenState, poolerOutput } = model.forward(pixels);
        // one stage after the patches of 2 x 2 halves: 9 x 11 to 4 x 5 to 2 x 2
        expect([lastHiddenState.shape, poolerOutput.shape, model.stride]).to.deep.equal([[2, 2, 2, 6], [2, 6], 4]);

        tf.dispose([pixels, logits, wanted, lastHiddenState, poolerOutput]);
        for (const opened of [classifier, model]) opened.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
        saved.dispose();
      }));
  }

  it('make models with fresh weights, the same for a seed', async () => {
    const config = new ConvNextV2Config({ depths: [1], hiddenSizes: [4] });
    const name = 'embeddings.patch_embeddings.weight';
    const values = [];
    for (const seed of [1, 1, 2]) {
      const model = await AutoModel.fromConfig(config, { seed });
      values.push(model.parameters.get(name)!.variable.dataSync());
      model.dispose();
    }
    expect(values[1]).to.deep.equal(values[0]);
    expect(values[2]).not.to.deep.equal(values[0]);
  });

  it('ask the registry, and say what its plugin cannot make', async () => {
    const { createModel, createImageClassifier, ...backboneAlone } = convNextV2;
    const registry: Registry = createRegistry([backboneAlone]);
    const config = new ConvNextV2Config({ depths: [1], hiddenSizes: [4] });
    const backbone = await AutoBackbone.fromConfig(config, { registry, seed: 0 });
    backbone.dispose();
    expect((await failure(() => AutoModel.fromConfig(config, { registry }))).message).to.equal(
      'E_PLUGIN: convnextv2: wanted a plugin with createModel, got one without',
    );
    const { code } = await failure(() => AutoModelForImageClassification.fromConfig('convnextv2-atto', { registry }));
    expect(code).to.equal('E_PLUGIN');
    const none = createRegistry([]);
    expect((await failure(() => AutoModel.fromPretrained('convnextv2-atto', { registry: none }))).path).to.match(
      /convnextv2-atto\.json: \/model_type$/,
    );
  });
});
