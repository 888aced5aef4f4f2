import * as tf from '@tensorflow/tfjs-core';
import { LayersModel, layers as tfLayers, model as tfModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import {
  ConvNextConfig,
  TFConvNextForImageClassification,
  TFConvNextV2ForImageClassification,
  TFConvNextV2Model,
} from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { countParameters } from '../../src/nn/scope.js';
import { failure } from '../helpers.js';
import { pictures, predict, small, toNCHW, values, withClassifier } from './helpers.js';

/** The lines of a model's summary, words only. */
function summary(model: LayersModel): string[] {
  const lines: string[] = [];
  model.summary(200, undefined, (line) => lines.push(line.trim().replace(/ +/g, ' ')));
  return lines.filter((line) => /\w/.test(line) && !/^_+$/.test(line));
}

describe('asLayersModel', () => {
  before(() => useBackend('cpu'));

  it('gives a model that predicts what the classifier gives, for pictures of any size and batches', () =>
    withClassifier((keras, layers) => {
      expect(layers).to.be.instanceOf(LayersModel);
      for (const [n, height, width] of [
        [1, 16, 16],
        [2, 21, 34],
        [3, 51, 17],
        [35, 16, 16], // tfjs runs 32 at once
      ]) {
        tf.tidy(() => {
          const x = pictures(n, height, width);
          expect(predict(layers, x)).to.deep.equal([values(keras.call(x).logits)]);
        });
      }
    }));

  it('gives the last map and the pooled one, and hidden states by the layers', async () => {
    const keras = await TFConvNextV2Model.fromConfig(small, { seed: 1 });
    const layers = await keras.asLayersModel({ inputShape: [null, null, 3] });
    const names = ['stem', 'stage1', 'stage2', 'stage3'];
    const states = tfModel({
      inputs: layers.inputs,
      outputs: names.map((name) => layers.getLayer(name).output as never),
    });
    tf.tidy(() => {
      const x = pictures(2);
      const { lastHiddenState, poolerOutput, hiddenStates } = keras.call(x, { outputHiddenStates: true });
      expect(layers.outputNames).to.deep.equal(['stage3', 'pooler']);
      expect(predict(layers, x)).to.deep.equal([lastHiddenState, poolerOutput].map(values));
      expect(predict(states, x)).to.deep.equal(hiddenStates!.map(values));
    });
    keras.dispose();
  });

  it('takes and gives NCHW where the model does', async () => {
    const nhwc = await TFConvNextV2Model.fromConfig(small, { seed: 1 });
    const nchw = await TFConvNextV2Model.fromConfig(small, { seed: 1, layout: 'NCHW' });
    const layers = await nchw.asLayersModel({ inputShape: [3, null, 34] });
    expect((await nchw.asLayersModel()).inputs[0].shape).to.deep.equal([null, 3, null, null]);
    expect((await nhwc.asLayersModel()).inputs[0].shape).to.deep.equal([null, null, null, 3]);
    expect(layers.outputs.map(({ shape }) => shape)).to.deep.equal([
      [null, 8, null, 2], // 34 -> 8 -> 4 -> 2
      [null, 8],
    ]);
    tf.tidy(() => {
      const x = pictures(2);
      const { lastHiddenState, poolerOutput } = nhwc.call(x);
      expect(predict(layers, toNCHW(x))).to.deep.equal([toNCHW(lastHiddenState), poolerOutput].map(values));
    });
    for (const model of [nhwc, nchw]) model.dispose();
  });

  it('does the same for V1, and for a classifier without labels', async () => {
    const config = new ConvNextConfig({ depths: [1, 1], hiddenSizes: [4, 6], numLabels: 0, layerScaleInitValue: 0.5 });
    const keras = await TFConvNextForImageClassification.fromConfig(config, { seed: 1 });
    const layers = await keras.asLayersModel({ inputShape: [9, 12, 3] });
    expect(layers.outputNames).to.deep.equal(['pooler']);
    tf.tidy(() => {
      const x = pictures(2, 9, 12);
      expect(predict(layers, x)).to.deep.equal([values(keras.call(x).logits)]);
    });
    keras.dispose();
  });

  it('sums up what it is made of', () =>
    withClassifier((keras, layers) => {
      const total = 204 + 388 + 1466 + 1244 + 16 + 27;
      expect(countParameters(keras.parameters)).to.equal(total);
      expect(summary(layers)).to.deep.equal([
        'Layer (type) Input Shape Output shape Param #',
        'pixel_values (InputLayer) [[null,null,null,3]] [null,null,null,3] 0',
        'stem (ConvNextV2ForImageClassification) [[null,null,null,3]] [null,null,null,4] 204',
        'stage1 (ConvNextV2ForImageClassification) [[null,null,null,4]] [null,null,null,4] 388',
        'stage2 (ConvNextV2ForImageClassification) [[null,null,null,4]] [null,null,null,6] 1466',
        'stage3 (ConvNextV2ForImageClassification) [[null,null,null,6]] [null,null,null,8] 1244',
        'pooler (ConvNextV2ForImageClassification) [[null,null,null,8]] [null,8] 16',
        'classifier (ConvNextV2ForImageClassification) [[null,8]] [null,3] 27',
        `Total params: ${total}`,
        `Trainable params: ${total}`,
        'Non-trainable params: 0',
      ]);
    }));

  it('shares what is frozen with the model, both ways', () =>
    withClassifier((keras, layers) => {
      const bias = keras.parameters.get('classifier.bias')!;
      bias.trainable = false;
      expect(summary(layers).slice(-2)).to.deep.equal(['Trainable params: 3342', 'Non-trainable params: 3']);
      layers.getLayer('stage1').trainable = false;
      const frozen = [...keras.parameters].filter(([, { trainable }]) => !trainable).map(([name]) => name);
      expect(frozen).to.have.length(11); // a block has a weight and a bias in each of five layers
      expect(frozen.filter((name) => name.startsWith('convnextv2.encoder.stages.0.'))).to.have.length(10);
      layers.getLayer('classifier').trainable = true;
      expect(bias.trainable).to.equal(true);
      expect(layers.nonTrainableWeights.map(({ name }) => name)).to.deep.equal(
        frozen.filter((name) => name !== bias.name),
      );
    }));

  it('refuses pictures of another shape, when it is made and when it runs', () =>
    withClassifier(async (keras, layers) => {
      const smallest = await keras.asLayersModel({ inputShape: [16, 16, 3] });
      expect(smallest.inputs[0].shape).to.deep.equal([null, 16, 16, 3]);
      for (const inputShape of [
        [null, null, 1],
        [15, 16, 3],
        [16, 15.5, 3],
        [16, 16],
        [3, 16, 16],
        [1, 16, 16, 3],
        'any',
        7,
      ]) {
        const { code, message } = await failure(() => keras.asLayersModel({ inputShape: inputShape as never }));
        expect(code).to.equal('E_SHAPE');
        expect(message).to.contain('inputShape: wanted [height, width, 3], sides of at least 16 pixels or null, got');
      }
      const x = pictures(1, 15, 40);
      const before = tf.memory().numTensors;
      const { code, got } = await failure(() => layers.predict(x));
      expect([code, got]).to.deep.equal(['E_SHAPE', '15 x 40']);
      expect(tf.memory().numTensors).to.equal(before);
      x.dispose();
    }));

  it('leaves the weights to the model', async () => {
    const x = pictures();
    const before = tf.memory().numTensors;
    const keras = await TFConvNextV2ForImageClassification.fromConfig(small);
    const weights = tf.memory().numTensors;
    const layers = await keras.asLayersModel({ inputShape: [null, null, 3] });
    tf.dispose(layers.predict(x));
    expect(tf.memory().numTensors).to.equal(weights);
    expect(layers.dispose().numDisposedVariables).to.equal(0);
    keras.call(x).dispose();
    const again = await keras.asLayersModel({ inputShape: [21, 34, 3] });
    keras.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    expect((await failure(() => again.predict(x))).code).to.equal('E_DISPOSED');
    x.dispose();
    expect(tf.memory().numTensors).to.equal(before - 1);
  });

  it('takes weights, and refuses others', () =>
    withClassifier(async (keras, layers) => {
      const classifier = layers.getLayer('classifier');
      const [weight, bias] = [tf.ones([8, 3]), tf.tensor1d([1, 2, 3])];
      classifier.setWeights([weight, bias]);
      expect(values(keras.parameters.get('classifier.bias')!.variable)).to.deep.equal([1, 2, 3]);
      const whole = tf.zeros([3], 'int32');
      const { code, message } = await failure(() => classifier.setWeights([weight, whole]));
      expect(code).to.equal('E_WEIGHTS');
      expect(message).to.contain('classifier.bias: wanted float32 [3], got int32 [3]');
      tf.dispose([weight, bias, whole]);
    }));

  it('can be built upon with other layers', () =>
    withClassifier((keras, layers) => {
      const softmax = tfLayers.softmax().apply(layers.outputs[0]) as never;
      const whole = tfModel({ inputs: layers.inputs, outputs: softmax });
      tf.tidy(() => {
        const x = pictures(2);
        expect(predict(whole, x)).to.deep.equal([values(tf.softmax(keras.call(x).logits))]);
      });
    }));
});
