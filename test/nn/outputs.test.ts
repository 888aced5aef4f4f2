import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { modelOutput, tidyOutput } from '../../src/nn/outputs.js';

describe('modelOutput', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('gives the fields by name, and those that are there as a tuple in their order', () => {
    const [loss, logits, state] = [tf.scalar(1), tf.scalar(2), tf.scalar(3)];
    const output = modelOutput({ loss, logits, hiddenStates: [state] });
    expect(output.loss).to.equal(loss);
    expect(output.toTuple()).to.deep.equal([loss, logits, [state]]);
    expect(Object.keys(output)).to.deep.equal(['loss', 'logits', 'hiddenStates']);
    output.dispose();
    expect([loss, logits, state].map(({ isDisposed }) => isDisposed)).to.deep.equal([true, true, true]);
    expect(modelOutput({ loss: undefined, logits, hiddenStates: undefined }).toTuple()).to.deep.equal([logits]);
    expect(modelOutput({}).toTuple()).to.deep.equal([]);
  });
});

describe('tidyOutput', () => {
  before(() => useBackend('cpu'));

  it('keeps what the output holds, nested and absent fields too, and frees the rest', () => {
    const before = tf.memory().numTensors;
    const output = tidyOutput(() => {
      const [a, b, c] = [tf.scalar(1), tf.scalar(2), tf.scalar(3)];
      return modelOutput({
        loss: undefined,
        logits: tf.add(a, b),
        maps: { stage1: a },
        hiddenStates: [tf.add(b, c), b],
      });
    });
    // of a, b, c and two sums, c is gone
    expect(tf.memory().numTensors - before).to.equal(4);
    expect(output.toTuple()).to.deep.equal([output.logits, output.maps, output.hiddenStates]);
    expect(output.logits.dataSync()[0]).to.equal(3);
    expect(output.hiddenStates.map((state) => state.dataSync()[0])).to.deep.equal([5, 2]);
    output.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('frees all when its work throws', () => {
    const before = tf.memory().numTensors;
    const work = () => {
      tf.scalar(1);
      throw new Error('a fault');
    };
    expect(() => tidyOutput(work)).to.throw('a fault');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
