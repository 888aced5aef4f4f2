import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import type { TFConvNextV2ForImageClassification } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { asDataset } from '../../src/keras/dataset.js';
import { crossEntropy, pictures, small, values, withClassifier } from './helpers.js';

const CLASSES = [0, 2, 1, 0, 2];

/** Five pictures, and their classes in one-hot rows. */
const examples = () => ({ xs: pictures(5), ys: tf.oneHot(tf.tensor1d(CLASSES, 'int32'), 3, 1, 0, 'float32') });

/** The values of every parameter. */
const snapshot = (keras: TFConvNextV2ForImageClassification) =>
  new Map([...keras.parameters].map(([name, { variable }]) => [name, values(variable)]));

/** One pass over the examples in their order, in one batch; gives the loss before it. */
async function step(layers: LayersModel, { xs, ys }: ReturnType<typeof examples>): Promise<number> {
  const { history } = await layers.fit(xs, ys, { batchSize: 5, verbose: 0, shuffle: false });
  return history.loss[0] as number;
}

describe('a layers model in training', () => {
  before(() => useBackend('cpu'));

  it('has the loss of the model, and follows its gradient', () =>
    withClassifier(async (keras, layers) => {
      const data = examples();
      const labels = tf.tensor1d(CLASSES, 'int32');
      const { value, grads } = tf.variableGrads(() => tf.tidy(() => keras.call([data.xs, labels]).loss!));
      const before = snapshot(keras);
      layers.compile({ optimizer: tf.train.sgd(0.5), loss: crossEntropy });
      expect(await step(layers, data)).to.be.closeTo(value.dataSync()[0], 1e-6);
      for (const [name, { variable }] of keras.parameters) {
        const gradient = values(grads[variable.name]);
        expect(Math.max(...gradient.map(Math.abs)), name).to.be.above(1e-6);
        const wanted = before.get(name)!.map((p, i) => p - 0.5 * gradient[i]);
        for (const [i, p] of values(variable).entries()) expect(p, name).to.be.closeTo(wanted[i], 1e-5);
      }
      tf.dispose([data, labels, value, grads]);
    }));

  it('changes what is not frozen, and nothing else', () =>
    withClassifier(async (keras, layers) => {
      const data = examples();
      keras.parameters.get('classifier.bias')!.trainable = false;
      layers.getLayer('stem').trainable = false;
      layers.getLayer('stage2').trainable = false;
      const frozen = /^classifier\.bias$|embeddings|stages\.1\./;
      const before = snapshot(keras);
      layers.compile({ optimizer: 'sgd', loss: crossEntropy });
      await step(layers, data);
      const changed = [...snapshot(keras)].filter(([name, now]) => String(now) !== String(before.get(name)));
      const names = [...keras.parameters.keys()];
      expect(changed.map(([name]) => name)).to.deep.equal(names.filter((name) => !frozen.test(name)));
      expect(changed).to.have.length(names.length - 1 - 4 - 24); // stem: 4; stage2: 4 and 2 blocks of 10
      tf.dispose(data);
    }));

  for (const [name, optimizer] of [
    ['its name', () => 'adam' as const],
    ['itself', () => tf.train.adam(0.01)],
  ] as const) {
    it(`takes an optimizer by ${name}, and leaves no tensors but the optimizer's`, () =>
      withClassifier(async (keras, layers) => {
        const data = examples();
        layers.compile({ optimizer: optimizer(), loss: crossEntropy, metrics: ['accuracy'] });
        const first = await step(layers, data);
        const before = tf.memory().numTensors;
        let last = first;
        for (let i = 0; i < 3; i++) last = await step(layers, data);
        expect(last).to.be.below(first);
        const [loss, accuracy] = layers.evaluate(data.xs, data.ys, { batchSize: 5 }) as tf.Scalar[];
        expect(loss.dataSync()[0]).to.be.below(last);
        expect(accuracy.dataSync()[0] * 5).to.be.closeTo(Math.round(accuracy.dataSync()[0] * 5), 1e-6);
        tf.dispose([loss, accuracy]);
        expect(tf.memory().numTensors).to.equal(before);
        layers.optimizer.dispose();
        // two moments of each parameter, and the powers of the two betas
        expect(tf.memory().numTensors).to.equal(before - 2 * keras.parameters.size - 2);
        tf.dispose(data);
      }));
  }

  it('drops paths in fit alone, others each time, and none of what is frozen', () =>
    withClassifier(
      async (_, layers) => {
        const data = examples();
        const lossOf = async () => {
          layers.compile({ optimizer: tf.train.sgd(0), loss: crossEntropy });
          const loss = layers.evaluate(data.xs, data.ys, { batchSize: 5 }) as tf.Scalar;
          const evaluated = loss.dataSync()[0];
          loss.dispose();
          return { evaluated, fitted: [await step(layers, data), await step(layers, data), await step(layers, data)] };
        };
        const random = await lossOf();
        expect(new Set(random.fitted).size).to.be.above(1);
        expect((await lossOf()).evaluated).to.equal(random.evaluated);
        for (const name of ['stage1', 'stage2', 'stage3']) layers.getLayer(name).trainable = false;
        const { evaluated, fitted } = await lossOf();
        for (const loss of fitted) expect(loss).to.be.closeTo(evaluated, 1e-6);
        tf.dispose(data);
      },
      small.with({ dropPathRate: 0.5 }),
    ));

  it('takes batches from a generator, in fitDataset and evaluateDataset', () =>
    withClassifier(async (_, layers) => {
      const data = examples();
      const weights = layers.getWeights().map((weight) => tf.clone(weight));
      const batch = (from: number, count: number) => ({
        xs: tf.slice(data.xs, from, count),
        ys: tf.slice(data.ys, from, count),
      });
      let epochs = 0;
      const later = asDataset(async function* () {
        epochs++;
        yield batch(0, 3);
        yield batch(3, 2);
      });
      const atOnce = asDataset(() => [batch(0, 3), batch(3, 2)]);
      layers.compile({ optimizer: tf.train.sgd(0.1), loss: crossEntropy });
      const plain = await layers.fit(data.xs, data.ys, { batchSize: 3, epochs: 2, shuffle: false, verbose: 0 });
      layers.setWeights(weights);
      const before = tf.memory().numTensors;
      const generated = await layers.fitDataset(later, { epochs: 2, verbose: 0, validationData: atOnce });
      expect(tf.memory().numTensors).to.equal(before);
      expect(epochs).to.equal(2);
      expect(generated.history.loss).to.deep.equal(plain.history.loss);
      const mean = (await layers.evaluateDataset(later, {})) as tf.Scalar;
      const wanted = layers.evaluate(data.xs, data.ys, { batchSize: 3 }) as tf.Scalar;
      expect(mean.dataSync()[0]).to.be.closeTo(wanted.dataSync()[0], 1e-6);
      expect(generated.history.val_loss[1]).to.be.closeTo(wanted.dataSync()[0], 1e-6);
      tf.dispose([data, weights, mean, wanted]);
    }));
});
