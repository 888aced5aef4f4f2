import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextConfig,
  ConvNextModel,
  ConvNextV2Backbone,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
} from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { gelu } from '../../src/ops/gelu.js';
import { failure } from '../helpers.js';

const SMALL = { depths: [1, 2, 1], hiddenSizes: [4, 6, 8], initializerRange: 0.3 };
const pictures = (n = 1, height = 21, width = 34) =>
  tf.randomNormal<tf.Rank.R4>([n, height, width, 3], 0, 1, 'float32', 5);
const toNCHW = (x: tf.Tensor4D) => tf.transpose(x, [0, 3, 1, 2]);

function same(got: tf.Tensor, want: tf.Tensor): void {
  expect(got.shape).to.deep.equal(want.shape);
  expect([...got.dataSync()]).to.deep.equal([...want.dataSync()]);
}

describe('ConvNextV2Model', () => {
  before(() => useBackend('cpu'));

  it('gives a record that is also a tuple, hidden states on request', async () => {
    const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config(SMALL), { seed: 1 });
    tf.tidy(() => {
      const x = pictures(2);
      const output = model.forward(x);
      expect(output.lastHiddenState.shape).to.deep.equal([2, 1, 2, 8]); // 21 x 34 -> 5 x 8 -> 2 x 4 -> 1 x 2
      expect(output.poolerOutput.shape).to.deep.equal([2, 8]);
      expect(output.hiddenStates).to.equal(undefined);
      expect(output.toTuple()).to.deep.equal([output.lastHiddenState, output.poolerOutput]);
      const { hiddenStates } = model.forward(x, { outputHiddenStates: true });
      expect(hiddenStates!.map(({ shape }) => shape.slice(1))).to.deep.equal([
        [5, 8, 4],
        [5, 8, 4],
        [2, 4, 6],
        [1, 2, 8],
      ]);
      same(hiddenStates![3], output.lastHiddenState);
    });
    model.dispose();
  });

  it('refuses unknown options of a call, as its classifier and its backbone do', async () => {
    const config = new ConvNextV2Config(SMALL);
    const models = await Promise.all(
      [ConvNextV2Model, ConvNextV2ForImageClassification, ConvNextV2Backbone].map((Model) =>
        (Model as typeof ConvNextV2Model).fromConfig(config, { seed: 1 }),
      ),
    );
    const x = pictures();
    const before = tf.memory().numTensors;
    for (const model of models) {
      for (const [name, suggestion] of [
        ['trainig', 'did you mean "training"?'],
        ['return_dict', 'what a model gives is a record; its toTuple() is a list'],
      ]) {
        const error = await failure(() => model.forward(x, { [name]: true } as never));
        expect(error).to.include({ code: 'E_ARGUMENT', path: name, suggestion });
      }
    }
    const python = await failure(() => models[0].forward(x, { output_hidden_states: true } as never));
    expect(python.suggestion).to.equal('did you mean "outputHiddenStates"?');
    expect(tf.memory().numTensors).to.equal(before);
    for (const model of models) model.dispose();
    x.dispose();
  });

  it('gives hidden states where the config says so, unless the call says no', async () => {
    const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ ...SMALL, outputHiddenStates: true }));
    tf.tidy(() => {
      expect(model.forward(pictures()).hiddenStates).to.have.length(4);
      expect(model.forward(pictures(), { outputHiddenStates: false }).hiddenStates).to.equal(undefined);
    });
    model.dispose();
  });

  it('takes and gives NCHW where it was opened so', async () => {
    const config = new ConvNextV2Config(SMALL);
    const nhwc = await ConvNextV2Model.fromConfig(config, { seed: 3 });
    const nchw = await ConvNextV2Model.fromConfig(config, { seed: 3, layout: 'NCHW' });
    tf.tidy(() => {
      const x = pictures(2);
      const [a, b] = [
        nhwc.forward(x, { outputHiddenStates: true }),
        nchw.forward(toNCHW(x), { outputHiddenStates: true }),
      ];
      same(b.lastHiddenState, toNCHW(a.lastHiddenState));
      same(b.poolerOutput, a.poolerOutput);
      for (const [i, state] of b.hiddenStates!.entries()) same(state, toNCHW(a.hiddenStates![i]));
    });
    for (const model of [nhwc, nchw]) model.dispose();
  });

  it('takes a function for hidden_act, and computes as with the name', async () => {
    const named = await ConvNextV2Model.fromConfig(new ConvNextV2Config(SMALL), { seed: 4 });
    const given = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ ...SMALL, hiddenAct: gelu }), { seed: 4 });
    const other = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ ...SMALL, hiddenAct: 'selu' }), { seed: 4 });
    tf.tidy(() => {
      const x = pictures();
      same(given.forward(x).poolerOutput, named.forward(x).poolerOutput);
      expect([...other.forward(x).poolerOutput.dataSync()]).not.to.deep.equal([
        ...named.forward(x).poolerOutput.dataSync(),
      ]);
    });
    for (const model of [named, given, other]) model.dispose();
  });

  it('is another with another seed, and the same with the same', async () => {
    const outputs = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config(SMALL), { seed });
        const output = tf.tidy(() => [...model.forward(pictures()).poolerOutput.dataSync()]);
        model.dispose();
        return output;
      }),
    );
    expect(outputs[1]).to.deep.equal(outputs[0]);
    expect(outputs[2]).not.to.deep.equal(outputs[0]);
  });

  it('drops paths in training alone, by its seed', async () => {
    const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ ...SMALL, dropPathRate: 0.9 }), { seed: 1 });
    tf.tidy(() => {
      const x = pictures(3);
      const run = (options: object) => [...model.forward(x, options).poolerOutput.dataSync()];
      expect(run({})).to.deep.equal(run({ training: false, seed: 8 }));
      expect(run({ training: true, seed: 8 })).to.deep.equal(run({ training: true, seed: 8 }));
      expect(run({ training: true, seed: 8 })).not.to.deep.equal(run({}));
      expect(run({ training: true, seed: 8 })).not.to.deep.equal(run({ training: true, seed: 9 }));
    });
    model.dispose();
  });

  it('names both numbers of channels where they differ', async () => {
    const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config(SMALL));
    const x = tf.zeros<tf.Rank.R4>([1, 32, 32, 1]);
    const { code, message } = await failure(() => model.forward(x));
    expect(code).to.equal('E_SHAPE');
    expect(message).to.contain('wanted 3 channels').and.to.contain('got 1 channels');
    x.dispose();
    model.dispose();
  });

  it('takes the smallest picture, and refuses a smaller one', async () => {
    const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config(SMALL));
    tf.tidy(() => {
      expect(model.forward(pictures(1, 16, 16)).lastHiddenState.shape).to.deep.equal([1, 1, 1, 8]);
    });
    const x = pictures(1, 16, 15);
    const { code, wanted, got } = await failure(() => model.forward(x));
    expect([code, wanted, got]).to.deep.equal(['E_SHAPE', 'at least 16 x 16 pixels', '16 x 15']);
    x.dispose();
    model.dispose();
  });

  it('of V1 has a layer scale and no response norm, and neither where it starts at 0', async () => {
    const names = async (init: object) => {
      const model = await ConvNextModel.fromConfig(new ConvNextConfig({ ...SMALL, ...init }));
      const keys = [...model.parameters.keys()].filter(
        (name) => name.includes('stages.0.layers.0.') && /grn|scale/.test(name),
      );
      model.dispose();
      return keys;
    };
    expect(await names({})).to.deep.equal(['encoder.stages.0.layers.0.layer_scale_parameter']);
    expect(await names({ layerScaleInitValue: 0 })).to.deep.equal([]);
  });
});

describe('ConvNextV2Backbone', () => {
  before(() => useBackend('cpu'));

  it('announces what it gives', async () => {
    const config = new ConvNextV2Config({ ...SMALL, outFeatures: ['stem', 'stage2'] });
    const backbone = await ConvNextV2Backbone.fromConfig(config);
    expect(backbone.stageNames).to.deep.equal(['stem', 'stage1', 'stage2', 'stage3']);
    expect([backbone.outFeatures, backbone.outIndices]).to.deep.equal([
      ['stem', 'stage2'],
      [0, 2],
    ]);
    expect([backbone.channels, backbone.numFeatures]).to.deep.equal([
      [4, 6],
      [4, 4, 6, 8],
    ]);
    expect(backbone.featureSpecs).to.deep.equal([
      { name: 'stem', channels: 4, stride: 4 },
      { name: 'stage2', channels: 6, stride: 8 },
    ]);
    // floors: 801 / 4 = 200, 200 / 2 = 100; 1335 / 4 = 333, 333 / 2 = 166
    expect(backbone.outputShape(801, 1335)).to.deep.equal({ stem: [200, 333], stage2: [100, 166] });
    expect((await failure(() => backbone.outputShape(7, 100))).code).to.equal('E_SHAPE');
    expect((await failure(() => backbone.outputShape(32.5, 100))).code).to.equal('E_SHAPE');
    backbone.dispose();
  });

  it('has no parameters of stages that nobody asked for', async () => {
    const build = async (init: object) => {
      const backbone = await ConvNextV2Backbone.fromConfig(new ConvNextV2Config({ ...SMALL, ...init }));
      const stages = new Set([...backbone.parameters.keys()].map((name) => backbone.stageOf(name)));
      backbone.dispose();
      return [...stages];
    };
    expect(await build({ outFeatures: ['stage2'] })).to.deep.equal([0, 1, 2, undefined]);
    expect(await build({ outFeatures: ['stem'] })).to.deep.equal([0, undefined]);
    expect(await build({ outFeatures: ['stem'], outputHiddenStates: true })).to.deep.equal([0, 1, 2, 3, undefined]);
    expect(await build({ outFeatures: [] })).to.deep.equal([0]);
  });

  it('gives maps without norms where its config says so, and writes that down', async () => {
    const config = new ConvNextV2Config({
      ...SMALL,
      outIndices: [0, 2],
      outputHiddenStates: true,
      outputNorms: 'none',
    });
    expect(config.toJSON().output_norms).to.equal('none');
    expect(config.with({ outputNorms: 'layer' }).toJSON()).to.not.have.property('output_norms');
    const bare = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
    expect([...bare.parameters.keys()].filter((name) => name.includes('norms'))).to.deep.equal([]);
    const before = tf.memory().numTensors;
    const x = pictures();
    const { featureMaps, hiddenStates } = bare.forwardWithHiddenStates(x);
    same(featureMaps.stem, hiddenStates[0]);
    same(featureMaps.stage2, hiddenStates[2]);
    tf.dispose([x, featureMaps, [...hiddenStates]]);
    expect(tf.memory().numTensors).to.equal(before);
    bare.dispose();
  });

  it('gives hidden states only where it has all stages', async () => {
    const config = new ConvNextV2Config({ ...SMALL, outFeatures: ['stage1'] });
    const pruned = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
    const whole = await ConvNextV2Backbone.fromConfig(config.with({ outputHiddenStates: true }), { seed: 1 });
    const x = pictures();
    const { code, message } = await failure(() => pruned.forwardWithHiddenStates(x));
    expect(code).to.equal('E_ARGUMENT');
    expect(message).to.contain('outputHiddenStates: true');
    // nor by chance, where the last stage is asked for
    const last = await ConvNextV2Backbone.fromConfig(new ConvNextV2Config(SMALL), { seed: 1 });
    const { wanted, got } = await failure(() => last.forwardWithHiddenStates(x));
    expect(`${wanted}, ${got}`).to.equal(
      'a backbone that was opened for hidden states, with all its stages, one that was not',
    );
    last.dispose();
    tf.tidy(() => {
      const { featureMaps, hiddenStates } = whole.forwardWithHiddenStates(x);
      expect(hiddenStates).to.have.length(4);
      same(featureMaps.stage1, pruned.forward(x).stage1);
    });
    x.dispose();
    for (const backbone of [pruned, whole]) backbone.dispose();
  });

  it('selects nothing where nothing is asked for', async () => {
    const backbone = await ConvNextV2Backbone.fromConfig(new ConvNextV2Config({ ...SMALL, outFeatures: [] }));
    const x = pictures();
    expect(backbone.forward(x)).to.deep.equal({});
    x.dispose();
    backbone.dispose();
  });

  it('draws nothing at random in frozen stages', async () => {
    const config = new ConvNextV2Config({ ...SMALL, dropPathRate: 0.9, outFeatures: ['stage2'] });
    const backbone = await ConvNextV2Backbone.fromConfig(config, { seed: 1 });
    tf.tidy(() => {
      const x = pictures(3);
      const run = (mode?: { training: boolean; seed: number }) => [...backbone.forward(x, mode).stage2.dataSync()];
      const wanted = run();
      expect(run({ training: true, seed: 8 })).not.to.deep.equal(wanted);
      backbone.freeze(3);
      expect(run({ training: true, seed: 8 })).to.deep.equal(wanted);
    });
    backbone.dispose();
  });
});

describe('ConvNextV2ForImageClassification', () => {
  before(() => useBackend('cpu'));

  it('gives loss, logits and hidden states, in the order of the reference', async () => {
    const config = new ConvNextV2Config({ ...SMALL, id2label: { 0: 'cat', 1: 'dog', 2: 'fish' } });
    const model = await ConvNextV2ForImageClassification.fromConfig(config, { seed: 1 });
    expect(model.config.id2label[1]).to.equal('dog');
    tf.tidy(() => {
      const x = pictures(2);
      expect(Object.keys(model.forward(x).toTuple())).to.have.length(1);
      const { loss, logits, toTuple } = model.forward(x, {
        labels: tf.tensor1d([0, 2], 'int32'),
        outputHiddenStates: true,
      });
      expect(logits.shape).to.deep.equal([2, 3]);
      expect(
        toTuple().map((field) => (Array.isArray(field) ? field.length : (field as tf.Tensor).shape)),
      ).to.deep.equal([[], [2, 3], 4]);
      // minus the mean log-softmax of the labels' classes
      const rows = logits
        .arraySync()
        .map((row) => row.map((value) => value - Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0))));
      expect(loss!.dataSync()[0]).to.be.closeTo(-(rows[0][0] + rows[1][2]) / 2, 1e-5);
    });
    model.dispose();
  });

  it('infers the kind of loss once, from the first labels', async () => {
    const model = await ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config({ ...SMALL, numLabels: 2 }));
    const x = pictures(2);
    tf.tidy(() => {
      model.forward(x, { labels: tf.tensor1d([0, 1], 'int32') });
    });
    const labels = tf.tensor2d([
      [0, 1],
      [1, 1],
    ]);
    const { code, message } = await failure(() => model.forward(x, { labels }));
    expect(code).to.equal('E_SHAPE');
    expect(message).to.contain('single_label_classification');
    tf.dispose([x, labels]);
    model.dispose();
  });

  it('infers nothing from labels that it refuses', async () => {
    const model = await ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config({ ...SMALL, numLabels: 3 }));
    const before = tf.memory().numTensors;
    const [x, labels] = [pictures(2), tf.tensor1d([0, 1], 'int32')];
    expect((await failure(() => model.forward(x, { labels: [0, 1] as never }))).code).to.equal('E_ARGUMENT');
    const output = model.forward(x, { labels });
    expect(output.loss!.shape).to.deep.equal([]);
    output.dispose();
    tf.dispose([x, labels]);
    expect(tf.memory().numTensors).to.equal(before);
    model.dispose();
  });

  it('takes labels that are null as none', async () => {
    const model = await ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config(SMALL));
    tf.tidy(() => {
      const output = model.forward(pictures(), { labels: null as never });
      expect(output.loss).to.equal(undefined);
      expect(output.toTuple()).to.deep.equal([output.logits]);
    });
    model.dispose();
  });

  it('gives the pooled features where there are no labels to tell', async () => {
    const config = new ConvNextV2Config({ ...SMALL, numLabels: 0 });
    const classifier = await ConvNextV2ForImageClassification.fromConfig(config, { seed: 1 });
    expect([...classifier.parameters.keys()].filter((name) => name.startsWith('classifier'))).to.deep.equal([]);
    tf.tidy(() => {
      expect(classifier.forward(pictures()).logits.shape).to.deep.equal([1, 8]);
    });
    classifier.dispose();
  });

  it('leaves no tensors, after errors either', async () => {
    const model = await ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config(SMALL));
    const [x, labels] = [pictures(2), tf.tensor1d([0, 7], 'int32')];
    const before = tf.memory().numTensors;
    expect((await failure(() => model.forward(x, { labels }))).code).to.equal('E_ARGUMENT');
    expect(tf.memory().numTensors).to.equal(before);
    const output = model.forward(x);
    expect(tf.memory().numTensors).to.equal(before + 1);
    output.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose([x, labels]);
    model.dispose();
  });
});
