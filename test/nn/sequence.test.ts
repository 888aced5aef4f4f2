import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { identity, type Layer, sequence } from '../../src/nn/layers.js';

const double: Layer = (x) => tf.mul(x, 2);
const input = () => tf.tensor4d([1, 2], [1, 1, 2, 1]);

describe('sequence', () => {
  before(async () => {
    await useBackend('cpu');
    await import('../../src/backend/gradients.js');
  });

  it('runs layers one after the other, with their mode', () => {
    tf.tidy(() => {
      const training: Layer = (x, mode) => (mode?.training ? tf.add(x, 1) : x);
      expect([...sequence([double, training])(input(), { training: true }).dataSync()]).to.deep.equal([3, 5]);
      expect([...sequence([double, training])(input()).dataSync()]).to.deep.equal([2, 4]);
    });
  });

  it('frees what lies between, and neither the input nor what a layer passes on', () => {
    const x = input();
    const before = tf.memory().numTensors;
    let most = 0;
    const watch: Layer = (y) => {
      most = Math.max(most, tf.memory().numTensors - before);
      return tf.add(y, 1);
    };
    const y = sequence([identity, watch, watch, watch, watch, identity])(x);
    expect(most).to.equal(1);
    expect(tf.memory().numTensors).to.equal(before + 1);
    expect([...y.dataSync()]).to.deep.equal([5, 6]);
    expect(sequence([identity, identity])(x)).to.equal(x);
    expect([...x.dataSync()]).to.deep.equal([1, 2]);
    tf.dispose([x, y]);
  });

  it('has a gradient', () => {
    tf.tidy(() => {
      const square: Layer = (x) => tf.square(x);
      const gradient = tf.grad((x) => tf.sum(sequence([square, square, double])(x as tf.Tensor4D)));
      // the derivative of 2 x^4
      expect([...gradient(input()).dataSync()]).to.deep.equal([8, 64]);
    });
  });
});
