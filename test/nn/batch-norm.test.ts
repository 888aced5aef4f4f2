import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { convModule } from '../../src/nn/batch-norm.js';
import { createScope, initializeParameters } from '../../src/nn/scope.js';
import { AdamW } from '../../src/train/adamw.js';
import { failure } from '../helpers.js';

/** A 1x1 convolution that doubles one channel, and its norm. */
function doubling() {
  const scope = createScope();
  const module = convModule(scope, { from: 1, to: 1, kernel: 1, deviation: 0.1 });
  initializeParameters(scope.parameters, 1);
  const set = (name: string, value: number) => scope.parameters.get(name)!.fill(Float32Array.of(value));
  const get = (name: string) => scope.parameters.get(name)!.variable.dataSync()[0];
  set('conv.weight', 2);
  const dispose = () => {
    for (const parameter of scope.parameters.values()) parameter.dispose();
  };
  return { module, set, get, dispose, parameters: scope.parameters };
}

const values = (x: tf.Tensor) => {
  const list = [...x.dataSync()];
  x.dispose();
  return list;
};

describe('a convolution with a batch norm', () => {
  before(() => useBackend('cpu'));

  it('normalises by the running statistics in inference, and leaves them', () => {
    const { module, set, get, dispose } = doubling();
    set('batch_norm.running_mean', 4);
    set('batch_norm.running_var', 4 - 1e-5); // the deviation is 2
    set('batch_norm.bias', 1);
    const x = tf.tensor4d([1, 2, 4], [1, 1, 3, 1]);
    // 2, 4, 8 less 4, by 2, and 1 more: 0, 1, 3
    values(module(x)).forEach((value, i) => void expect(value).to.be.closeTo([0, 1, 3][i], 1e-6));
    values(module(x, { training: true, statistics: 'running' })).forEach(
      (value, i) => void expect(value).to.be.closeTo([0, 1, 3][i], 1e-6),
    );
    expect(get('batch_norm.running_mean')).to.equal(4);
    x.dispose();
    dispose();
  });

  it('normalises by the batch in training, and moves the running statistics by a tenth', () => {
    const { module, get, dispose } = doubling();
    const before = tf.memory().numTensors;
    const x = tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1]);
    const y = module(x, { training: true });
    expect(tf.memory().numTensors - before).to.equal(2);
    // 2, 4, 6, 8: mean 5, biased variance 5, unbiased 20 / 3
    values(y).forEach((value, i) => void expect(value).to.be.closeTo(Math.max(0, (2 * i - 3) / Math.sqrt(5)), 1e-5));
    expect(get('batch_norm.running_mean')).to.be.closeTo(0.5, 1e-6);
    expect(get('batch_norm.running_var')).to.be.closeTo(0.9 + 2 / 3, 1e-6);
    x.dispose();
    dispose();
  });

  it('never trains the running statistics', () => {
    const { module, get, dispose, parameters } = doubling();
    for (const parameter of parameters.values()) parameter.trainable = true;
    expect([...parameters.values()].filter(({ trainable }) => !trainable).map(({ name }) => name)).to.deep.equal([
      'batch_norm.running_mean',
      'batch_norm.running_var',
    ]);
    const optimizer = new AdamW([{ parameters: parameters.values() }], { learningRate: 0.1, weightDecay: 0.5 });
    const x = tf.tensor4d([1, 2], [1, 1, 2, 1]);
    optimizer.step(() => tf.sum(module(x)));
    expect(get('batch_norm.running_var')).to.equal(1);
    expect(get('conv.weight')).to.be.below(2);
    tf.dispose(x);
    optimizer.dispose();
    dispose();
  });

  it('refuses to take the variance of a single value', async () => {
    const { module, dispose } = doubling();
    const x = tf.tensor4d([1], [1, 1, 1, 1]);
    const { code, message } = await failure(() => module(x, { training: true }));
    expect(code).to.equal('E_SHAPE');
    expect(message).to.match(/batch_norm.weight: wanted more than one value .* two pictures at once/);
    values(module(x));
    x.dispose();
    dispose();
  });
});
