import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { takeRows } from '../../src/ops/take-rows.js';

describe('takeRows', () => {
  before(() => useBackend('cpu'));

  it('takes rows in order, some twice, and gives each back its gradients', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      expect(takeRows(x, [2, 0, 2]).arraySync()).to.deep.equal([
        [5, 6],
        [1, 2],
        [5, 6],
      ]);
      const weights = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      const dx = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(takeRows(x, [2, 0, 2]), weights)))(x);
      // row 0: the second's weights; row 1: none; row 2: the sum of the first's and the third's
      expect(dx.arraySync()).to.deep.equal([
        [3, 4],
        [0, 0],
        [6, 8],
      ]);
      expect(takeRows(x, []).shape).to.deep.equal([0, 2]);
    });
  });
});
