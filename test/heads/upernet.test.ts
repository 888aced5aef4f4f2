import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { plainNet } from '../../examples/third-party-backbone.js';
import type { Segmenter } from '../../src/contracts.js';
import {
  ConvNextV2Config,
  createModel,
  createRegistry,
  defaultRegistry,
  UperNetConfig,
  UperNetForSemanticSegmentation,
  useBackend,
} from '../../src/index.js';
import { failure, golden, inFolder } from '../helpers.js';

const BODY = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [4, 5, 6, 7], outIndices: [1, 2, 3, 4] });
const SMALL = { backboneConfig: BODY, hiddenSize: 6, auxiliaryChannels: 5, numLabels: 3 };
const pictures = (n = 1, height = 41, width = 66) =>
  tf.randomNormal<tf.Rank.R4>([n, height, width, 3], 0, 1, 'float32', 5);

describe('UperNetConfig', () => {
  it("has the reference's defaults, and is written as the reference writes it", () => {
    const config = new UperNetConfig({ backboneConfig: 'convnextv2-tiny' });
    expect(config).to.deep.include({ hiddenSize: 512, poolScales: [1, 2, 3, 6], auxiliaryChannels: 256, numLabels: 2 });
    expect(config).to.deep.include({ auxiliaryLossWeight: 0.4, lossIgnoreIndex: 255, auxiliaryInChannels: null });
    expect(config.backboneConfig).to.deep.include({ model_type: 'convnextv2', hidden_sizes: [96, 192, 384, 768] });
    expect(config.backboneConfig).to.not.have.any.keys('id2label', '$schema');
    const json = config.toJSON();
    expect(UperNetConfig.fromJSON(json).toJSON()).to.deep.equal(json);
    expect(json).to.deep.include({ model_type: 'upernet', pool_scales: [1, 2, 3, 6], use_auxiliary_head: true });
  });

  it('names what is wrong', async () => {
    const none = await failure(() => UperNetConfig.fromJSON({ model_type: 'upernet' }));
    expect(none.message).to.match(/^E_CONFIG: config: \/backbone_config: wanted the config of a backbone/);
    const wrong = await failure(() => new UperNetConfig({ ...SMALL, hiddenSize: 0, poolScales: [] }));
    expect(wrong.problems.map(({ path }) => path)).to.deep.equal(['config: /hidden_size', 'config: /pool_scales']);
    const unknown = await failure(() => new UperNetConfig({ backboneConfig: 'convnextv2-tni' }));
    expect(unknown.message).to.match(/did you mean "convnextv2-tiny"/);
    const typo = await failure(() => new UperNetConfig({ ...SMALL, hiddenSise: 3 } as never));
    expect(typo.suggestion).to.equal('did you mean "hiddenSize"?');
  });
});

describe('UperNetForSemanticSegmentation', () => {
  before(() => useBackend('cpu'));

  it('gives logits at the size of the picture, and nothing else', async () => {
    const model = await UperNetForSemanticSegmentation.fromConfig(new UperNetConfig(SMALL), { seed: 1 });
    expect(model.smallest).to.equal(32);
    const pixels = pictures(2);
    const before = tf.memory().numTensors;
    const { logits, loss } = model.forward(pixels);
    expect(tf.memory().numTensors - before).to.equal(1);
    expect([logits.shape, loss]).to.deep.equal([[2, 41, 66, 3], undefined]);
    const coarse = model.coarseLogits(pixels);
    expect(coarse.shape).to.deep.equal([2, 10, 16, 3]);
    tf.dispose([pixels, logits, coarse]);
    model.dispose();
  });

  it('refuses unknown options of a call', async () => {
    const model = await UperNetForSemanticSegmentation.fromConfig(new UperNetConfig(SMALL), { seed: 1 });
    const error = await failure(() => model.forward(tf.zeros([1, 32, 32, 3]), { class_weights: [1] } as never));
    expect(error).to.include({ code: 'E_ARGUMENT', suggestion: 'did you mean "classWeights"?' });
    model.dispose();
  });

  it('weighs classes in the loss, ignores pixels, and reduces labels', async () => {
    const model = await UperNetForSemanticSegmentation.fromConfig(
      new UperNetConfig({ ...SMALL, useAuxiliaryHead: false }),
      { seed: 2 },
    );
    tf.tidy(() => {
      const pixels = pictures(1, 32, 32);
      const logSoftmax = tf.logSoftmax(tf.reshape(model.forward(pixels).logits, [1024, 3])).arraySync() as number[][];
      const labels = Array.from({ length: 1024 }, (_, i) => [0, 1, 2, 255][i % 4]);
      const loss = (labels: readonly number[], options = {}) =>
        model
          .forward(pixels, { labels: tf.tensor3d([...labels], [1, 32, 32], 'int32'), ...options })
          .loss!.dataSync()[0];
      const mean = (weights: readonly number[]) => {
        const known = labels.flatMap((label, i) => (label === 255 ? [] : [[weights[label], logSoftmax[i][label]]]));
        const total = known.reduce((sum, [weight]) => sum + weight, 0);
        return -known.reduce((sum, [weight, value]) => sum + weight * value, 0) / total;
      };
      expect(loss(labels)).to.be.closeTo(mean([1, 1, 1]), 1e-5);
      expect(loss(labels, { classWeights: [1, 0, 5] })).to.be.closeTo(mean([1, 0, 5]), 1e-5);
      const raised = labels.map((label) => (label === 255 ? 0 : label + 1));
      expect(loss(raised, { reduceLabels: true })).to.be.closeTo(mean([1, 1, 1]), 1e-5);
    });
    model.dispose();
  });

  it('refuses labels that do not fit, with their place', async () => {
    const model = await UperNetForSemanticSegmentation.fromConfig(new UperNetConfig(SMALL), { seed: 1 });
    const pixels = pictures(2, 32, 40);
    const labels = tf.buffer([2, 32, 40], 'int32');
    labels.set(7, 1, 3, 5);
    const wrong = labels.toTensor() as tf.Tensor3D;
    const before = tf.memory().numTensors;
    const unknown = await failure(() => model.forward(pixels, { labels: wrong }));
    expect(unknown.message).to.equal(
      'E_ARGUMENT: labels: wanted classes from 0 to 2, or 255, got 7 at picture 1, row 3, column 5',
    );
    const shape = tf.zeros<tf.Rank.R3>([2, 40, 32], 'int32');
    expect((await failure(() => model.forward(pixels, { labels: shape }))).message).to.match(
      /^E_SHAPE: labels: wanted \[2, 32, 40\]/,
    );
    const ignored = tf.fill<tf.Rank.R3>([2, 32, 40], 255, 'int32');
    expect((await failure(() => model.forward(pixels, { labels: ignored }))).code).to.equal('E_ARGUMENT');
    tf.dispose([shape, ignored]);
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose([pixels, wrong]);
    model.dispose();
  });

  it('freezes stages of the backbone by their names in it', async () => {
    const model = await UperNetForSemanticSegmentation.fromConfig(new UperNetConfig(SMALL), { seed: 1 });
    model.freeze(2);
    const frozen = [...model.parameters.values()].filter(({ trainable }) => !trainable).map(({ name }) => name);
    expect(frozen).to.include.members([
      'backbone.embeddings.layernorm.bias',
      'backbone.encoder.stages.0.layers.0.dwconv.weight',
    ]);
    expect(frozen.some((name) => name.startsWith('backbone.encoder.stages.1'))).to.equal(false);
    expect([...model.backbone.parameters.keys()][0]).to.equal('embeddings.patch_embeddings.weight');
    model.dispose();
  });

  it('saves what transformers reads, and opens it again', async () => {
    await inFolder(async (folder) => {
      const model = await UperNetForSemanticSegmentation.fromConfig(new UperNetConfig(SMALL), { seed: 3 });
      await model.savePretrained(folder);
      const again = await UperNetForSemanticSegmentation.fromPretrained(folder, { strict: 'all' });
      tf.tidy(() => {
        const pixels = pictures();
        const [a, b] = [model, again].map((net) => [...net.forward(pixels).logits.dataSync()]);
        expect(b).to.deep.equal(a);
      });
      for (const net of [model, again]) net.dispose();
    });
  });

  it('does not know an auxiliary input of another width', async () => {
    const config = new UperNetConfig({ ...SMALL, auxiliaryInChannels: 384 });
    const { message } = await failure(() => UperNetForSemanticSegmentation.fromConfig(config));
    expect(message).to.equal('E_CONFIG: config: /auxiliary_in_channels: wanted 6, the channels of stage3, got 384');
    const one = new UperNetConfig({ ...SMALL, backboneConfig: BODY.with({ outIndices: [4] }) });
    expect((await failure(() => UperNetForSemanticSegmentation.fromConfig(one))).message).to.match(/at least 3 maps/);
  });

  it("takes a third party's backbone", async () => {
    const registry = createRegistry([plainNet], defaultRegistry());
    const config = { model_type: 'upernet', hidden_size: 6, num_labels: 4, auxiliary_channels: 5 };
    const backbone_config = { model_type: 'plainnet', widths: [4, 6, 8, 9] };
    const model = (await createModel({ ...config, backbone_config }, { registry, seed: 1 })) as Segmenter;
    const output = model.forward(pictures()) as { readonly logits: tf.Tensor4D };
    expect(output.logits.shape).to.deep.equal([1, 41, 66, 4]);
    tf.dispose(output.logits);
    model.dispose();
    const { code } = await failure(() => createModel({ ...config, backbone_config }));
    expect(code).to.equal('E_PLUGIN');
  });

  it("reads a Hub's files: keys and tensors that nobody knows", async () => {
    await inFolder(async (folder) => {
      cpSync(golden('upernet-convnext-v1'), folder, { recursive: true });
      const { default: file } = await import(golden('upernet-convnext-v1', 'config.json'), { with: { type: 'json' } });
      const backbone_config = { ...file.backbone_config, add_cross_attention: false, bad_words_ids: null };
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...file, _commit_hash: null, backbone_config }));
      const model = await UperNetForSemanticSegmentation.fromPretrained(folder);
      expect(model.report.unused).to.deep.equal([]); // though the file counts batches
      expect(model.report.initialized).to.deep.equal([]);
      expect(model.config.toJSON()).to.have.property('_commit_hash', null);
      model.dispose();
    });
  });
});

describe('createModel', () => {
  before(() => useBackend('cpu'));

  it('makes a backbone, or a head on one, of a config', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4] };
    const backbone = await createModel(config, { seed: 1 });
    expect(backbone).to.have.property('featureSpecs');
    backbone.dispose();
    const wrong = await failure(() => createModel({ model_type: 'upernett' }));
    expect(wrong.message).to.equal(
      'E_PLUGIN: config: /model_type: wanted one of convnextv2, convnext, upernet, faster-rcnn, mask-rcnn, retinanet, fcos, got "upernett" (did you mean "upernet"?)',
    );
    expect((await failure(() => createModel('upernet_convnextv2-tin'))).message).to.match(
      /did you mean "upernet_convnextv2-tiny"/,
    );
  });
});
