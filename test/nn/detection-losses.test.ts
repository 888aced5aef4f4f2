import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import {
  binaryCrossEntropy,
  crossEntropy,
  generalizedIouLoss,
  sigmoidFocalLoss,
  smoothL1,
  sumOver,
} from '../../src/nn/detection-losses.js';

const values = (make: () => tf.Tensor) => tf.tidy(() => [...make().dataSync()]);
const close = (got: readonly number[], wanted: readonly number[]) => {
  expect(got.length).to.equal(wanted.length);
  for (const [i, value] of got.entries()) expect(value).to.be.closeTo(wanted[i], 1e-6);
};

describe('losses of detection', () => {
  before(() => useBackend('cpu'));

  it('are a mean, and 0 of nothing', () => {
    expect(values(() => sumOver(tf.tensor1d([1, 2, 3]), 2))).to.deep.equal([3]);
    expect(values(() => sumOver(tf.tensor1d([]), 0))).to.deep.equal([0]);
  });

  it('cross-entropy of a logit, however large', () => {
    const [half, sure, wrong] = values(() => binaryCrossEntropy(tf.tensor1d([0, 200, -200]), tf.tensor1d([0.5, 1, 1])));
    close([half, sure, wrong], [Math.log(2), 0, 200]);
  });

  it('focal: a quarter of the positives, three of the negatives, less where it is sure', () => {
    // p is a half, so each misses by a half: weight * 0.25 * log 2
    const got = values(() => sigmoidFocalLoss(tf.tensor1d([0, 0]), tf.tensor1d([1, 0])));
    close(got, [0.25 * 0.25 * Math.log(2), 0.75 * 0.25 * Math.log(2)]);
    // p = 0.75 for a logit of log 3: (1 - p)^2 and -log p
    close(
      values(() => sigmoidFocalLoss(tf.tensor1d([Math.log(3)]), tf.tensor1d([1]))),
      [(0.25 / 16) * -Math.log(0.75)],
    );
  });

  it('smooth L1: squares below beta, lines above, and lines alone', () => {
    const differences = (beta: number) => values(() => smoothL1(tf.tensor1d([0, 0.25, -0.5, 3]), tf.zeros([4]), beta));
    close(differences(0.5), [0, 0.0625, 0.25, 2.75]); // d^2 / (2 * 0.5), and d - 0.25
    close(differences(0), [0, 0.25, 0.5, 3]);
  });

  it('cross-entropy of a row', () => {
    const logits = () => tf.tensor2d([0, Math.log(3), 0, 0], [2, 2]);
    close(
      values(() => crossEntropy(logits(), Int32Array.of(1, 0))),
      [-Math.log(0.75), Math.log(2)],
    );
    expect(values(() => crossEntropy(tf.zeros([0, 3]), new Int32Array()))).to.deep.equal([]);
  });

  it('generalised IoU: 0 for the same box, more for those apart, a number for those without area', () => {
    const rows = (...boxes: number[][]) => tf.tensor2d(boxes, [boxes.length, 4]);
    const got = values(() =>
      generalizedIouLoss(
        rows([0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 1], [3, 3, 3, 3]),
        rows([0, 0, 2, 2], [3, 0, 4, 1], [1, 0, 3, 1], [3, 3, 3, 3]),
      ),
    );
    // apart: 1 - (0 - 2 / 4); over a third: 1 - 1 / 3; nothing: 1
    close(got, [0, 1.5, 1 - 1 / 3, 1]);
  });
});
