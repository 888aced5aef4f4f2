import * as tf from '@tensorflow/tfjs-core';
import { layers as tfLayers, model as tfModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { TFConvNextV2ForImageClassification } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import type { Parameter } from '../../src/contracts.js';
import { AdamWOptimizer } from '../../src/keras/adamw-optimizer.js';
import { AdamW } from '../../src/train/adamw.js';
import { failure } from '../helpers.js';
import { crossEntropy, pictures, small, values, withClassifier } from './helpers.js';

const OPTIONS = { learningRate: 0.01, weightDecay: 0.1 };

/** Matrices decay, other parameters do not. */
function groupsOf(parameters: ReadonlyMap<string, Parameter>) {
  const all = [...parameters.values()];
  const decays = ({ shape }: Parameter) => shape.length > 1;
  return [
    { parameters: all.filter(decays) },
    { parameters: all.filter((parameter) => !decays(parameter)), weightDecay: 0 },
  ];
}

describe('AdamWOptimizer', () => {
  let xs: tf.Tensor4D;
  let ys: tf.Tensor;

  before(async () => {
    await useBackend('cpu');
    xs = pictures(3);
    ys = tf.tensor2d([1, 0, 0, 0, 0, 1, 0, 1, 0], [3, 3]);
  });
  after(() => tf.dispose([xs, ys]));

  it('takes the steps of AdamW in fit, and leaves no tensors', () =>
    withClassifier(async (keras, layers) => {
      const plain = await TFConvNextV2ForImageClassification.fromConfig(small, { seed: 1 });
      const adamW = new AdamW(groupsOf(plain.parameters), OPTIONS);
      const before = tf.memory().numTensors;
      const optimizer = new AdamWOptimizer(groupsOf(keras.parameters), OPTIONS);
      layers.getLayer('stage2').trainable = false;
      for (const [name, { trainable }] of keras.parameters) plain.parameters.get(name)!.trainable = trainable;
      layers.compile({ optimizer, loss: crossEntropy });
      for (const learningRate of [0.01, 0.01, 0.002]) {
        adamW.learningRate = learningRate;
        optimizer.learningRate = learningRate;
        const loss = adamW.step(() => tf.tidy(() => crossEntropy(ys, plain.call(xs).logits) as tf.Scalar));
        const { history } = await layers.fit(xs, ys, { verbose: 0, shuffle: false });
        expect(history.loss[0]).to.be.closeTo(loss, 1e-6);
      }
      expect([optimizer.learningRate, optimizer.iterations]).to.deep.equal([0.002, 3]);
      for (const [name, { variable }] of keras.parameters) {
        expect(values(variable), name).to.deep.equal(values(plain.parameters.get(name)!.variable));
      }
      for (const made of [optimizer, adamW]) made.dispose();
      expect(tf.memory().numTensors).to.equal(before);
      plain.dispose();
    }));

  it('refuses a variable that it does not know', () =>
    withClassifier(async (keras, layers) => {
      const dense = tfLayers.dense({ units: 3 });
      const model = tfModel({ inputs: layers.inputs, outputs: dense.apply(layers.outputs[0]) as never });
      model.compile({ optimizer: new AdamWOptimizer(groupsOf(keras.parameters), OPTIONS), loss: crossEntropy });
      const { code, message } = await failure(() => model.fit(xs, ys, { verbose: 0 }));
      expect(code).to.equal('E_ARGUMENT');
      expect(message).to.contain('wanted to train parameters of its groups alone, got dense');
      dense.dispose();
    }));

  it('refuses what AdamW refuses', async () => {
    expect((await failure(() => new AdamWOptimizer([], { learningRate: -1 }))).path).to.equal('learningRate');
    const optimizer = new AdamWOptimizer([]);
    expect(optimizer.learningRate).to.equal(0.001);
    expect((await failure(() => optimizer.applyGradients({}))).path).to.equal('step');
  });
});
