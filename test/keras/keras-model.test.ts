import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextConfig,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
  TFConvNextForImageClassification,
  TFConvNextModel,
  TFConvNextV2ForImageClassification,
  TFConvNextV2Model,
} from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { failure, inFolder } from '../helpers.js';
import { pictures, small, toNCHW, values } from './helpers.js';

describe('the Keras forms', () => {
  before(() => useBackend('cpu'));

  it('give what the models give, whichever way they are called', async () => {
    const plain = await ConvNextV2ForImageClassification.fromConfig(small, { seed: 1 });
    const keras = await TFConvNextV2ForImageClassification.fromConfig(small, { seed: 1 });
    tf.tidy(() => {
      const x = pictures(2);
      const labels = tf.tensor1d([0, 2], 'int32');
      const wanted = plain.forward(x, { labels, outputHiddenStates: true });
      const alone = keras.call(x);
      expect(alone.toTuple()).to.deep.equal([alone.logits]);
      expect(values(alone.logits)).to.deep.equal(values(wanted.logits));
      for (const got of [
        keras.call(x, { labels, outputHiddenStates: true }),
        keras.call([x, labels], { outputHiddenStates: true }),
        keras.call({ pixelValues: x, labels, outputHiddenStates: true }),
        keras.call({ pixel_values: x }, { labels, outputHiddenStates: true }),
      ]) {
        expect(values(got.logits)).to.deep.equal(values(wanted.logits));
        expect(values(got.loss!)).to.deep.equal(values(wanted.loss!));
        expect(got.hiddenStates!.map(values)).to.deep.equal(wanted.hiddenStates!.map(values));
        expect(got.toTuple()).to.deep.equal([got.loss, got.logits, got.hiddenStates]);
      }
    });
    for (const model of [plain, keras]) model.dispose();
  });

  it('draw at random in training alone, by the seed', async () => {
    const keras = await TFConvNextV2Model.fromConfig(small.with({ dropPathRate: 0.9 }), { seed: 1 });
    tf.tidy(() => {
      const x = pictures(3);
      const run = (options: object) => values(keras.call(x, options).poolerOutput);
      expect(run({ training: true, seed: 8 })).to.deep.equal(
        values(keras.call({ pixelValues: x, training: true, seed: 8 }).poolerOutput),
      );
      expect(run({ training: true, seed: 8 })).not.to.deep.equal(run({ seed: 8 }));
    });
    keras.dispose();
  });

  it('open what the models open, and save what they save', () =>
    inFolder(async (folder) => {
      const keras = await TFConvNextV2Model.fromConfig(small, { seed: 3 });
      await keras.savePretrained(folder);
      expect(keras.parameters.size).to.equal(keras.report.initialized.length);
      const again = await TFConvNextV2Model.fromPretrained(folder, { layout: 'NCHW', strict: 'all' });
      const plain = await ConvNextV2Model.fromPretrained(folder, { strict: 'all' });
      expect(plain.config.toJSON().architectures).to.deep.equal(['ConvNextV2Model']);
      expect([again.layout, again.config.id2label[1]]).to.deep.equal(['NCHW', 'big_Dog']);
      expect(again.report.loaded).to.deep.equal([...keras.parameters.keys()]);
      tf.tidy(() => {
        const x = pictures(2);
        const wanted = values(toNCHW(plain.forward(x).lastHiddenState));
        expect(values(again.call(toNCHW(x)).lastHiddenState)).to.deep.equal(wanted);
      });
      for (const model of [keras, again, plain]) model.dispose();
    }));

  it('are there for V1, too', async () => {
    const config = new ConvNextConfig({ depths: [1, 1], hiddenSizes: [4, 6] });
    const model = await TFConvNextModel.fromConfig(config, { seed: 1 });
    const classifier = await TFConvNextForImageClassification.fromConfig(config, { seed: 1 });
    tf.tidy(() => {
      expect(model.call(pictures()).lastHiddenState.shape).to.deep.equal([1, 2, 4, 6]);
      expect(classifier.call([pictures()]).logits.shape).to.deep.equal([1, 2]);
    });
    for (const keras of [model, classifier]) keras.dispose();
  });

  it('leave no tensors, after errors and after dispose', async () => {
    const x = pictures();
    const before = tf.memory().numTensors;
    const keras = await TFConvNextV2ForImageClassification.fromConfig(small);
    expect(tf.memory().numTensors).to.equal(before + keras.parameters.size);
    keras.call(x).dispose();
    expect((await failure(() => keras.call([]))).code).to.equal('E_ARGUMENT');
    expect((await failure(() => keras.call({ pixelValues: 3 as never }))).code).to.equal('E_ARGUMENT');
    expect(tf.memory().numTensors).to.equal(before + keras.parameters.size);
    keras.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    expect((await failure(() => keras.call(x))).code).to.equal('E_DISPOSED');
    x.dispose();
  });
});
