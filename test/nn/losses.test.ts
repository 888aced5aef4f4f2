import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { classificationLoss, inferProblemType, type ProblemType } from '../../src/nn/losses.js';
import { failure } from '../helpers.js';
import { expectClose, numbers, slopes, tensorsLeft } from '../ops/helpers.js';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The losses of logits in rows of k, in float64. */
const IN_LOOPS: Readonly<
  Record<ProblemType, (logits: readonly number[], labels: readonly number[], k: number) => number>
> = {
  regression: (logits, labels) => mean(logits.map((value, i) => (value - labels[i]) ** 2)),
  single_label_classification(logits, labels, k) {
    const losses = labels.flatMap((label, i) => {
      if (label === -100) return [];
      const row = logits.slice(i * k, (i + 1) * k);
      const largest = Math.max(...row);
      return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0)) - row[label];
    });
    return mean(losses);
  },
  multi_label_classification(logits, labels) {
    const loss = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(0, -x); // -log(sigmoid(x))
    return mean(logits.map((value, i) => labels[i] * loss(value) + (1 - labels[i]) * loss(-value)));
  },
};

describe('classificationLoss', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('is the mean squared error in a regression', () => {
    // (0.5^2 + 2^2 + 1^2) / 3
    const logits = tf.tensor2d([1.5, 3, -1], [3, 1]);
    for (const labels of [tf.tensor1d([1, 1, 0]), tf.tensor2d([1, 1, 0], [3, 1]), tf.tensor1d([1, 1, 0], 'int32')]) {
      const loss = classificationLoss(logits, labels, 'regression');
      expect(loss.shape).to.deep.equal([]);
      expectClose(loss, 5.25 / 3, 1e-7);
    }
  });

  it('is the mean cross-entropy for single labels', () => {
    // softmax of [0, log 3] is [1/4, 3/4]: (log 4 + log 4/3) / 2; the third label is ignored
    const logits = tf.tensor2d([0, Math.log(3), 0, Math.log(3), 50, -50], [3, 2]);
    const loss = classificationLoss(logits, tf.tensor1d([0, 1, -100], 'int32'), 'single_label_classification');
    expect(loss.shape).to.deep.equal([]);
    expectClose(loss, (Math.log(4) + Math.log(4 / 3)) / 2, 1e-6);
  });

  it('is the mean binary cross-entropy for multiple labels', () => {
    // sigmoid(log 3) = 3/4: -log 3/4 where the label is there, -log 1/4 where it is not, log 2 at 0
    const logits = tf.tensor2d([Math.log(3), Math.log(3), 0, 0], [2, 2]);
    const loss = classificationLoss(logits, tf.tensor2d([1, 0, 1, 0], [2, 2]), 'multi_label_classification');
    expect(loss.shape).to.deep.equal([]);
    expectClose(loss, (Math.log(4 / 3) + Math.log(4) + 2 * Math.log(2)) / 4, 1e-6);
  });

  const CASES = [
    { type: 'regression', k: 1, labels: numbers(5, 1), shape: [5] },
    { type: 'regression', k: 3, labels: numbers(15, 1), shape: [5, 3] },
    { type: 'single_label_classification', k: 3, labels: [2, 0, -100, 1, 2], shape: [5] },
    { type: 'single_label_classification', k: 3, labels: [2, 0, -100, 1, 2], shape: [5, 1] },
    { type: 'multi_label_classification', k: 3, labels: numbers(15, 1).map((y) => (y > 0 ? 1 : 0)), shape: [5, 3] },
    { type: 'multi_label_classification', k: 3, labels: numbers(15, 1).map((y) => (y + 2) / 4), shape: [5, 3] },
    { type: 'multi_label_classification', k: 1, labels: [1, 0, 0, 1, 0.5], shape: [5] },
  ] as const;

  for (const { type, k, labels, shape } of CASES) {
    it(`is right, and its gradient, for ${type} of ${k} with labels [${shape.join(', ')}]`, () => {
      const logits = numbers(5 * k);
      const target = tf.tensor([...labels], [...shape], type === 'single_label_classification' ? 'int32' : 'float32');
      const f = (x: tf.Tensor) => classificationLoss(x as tf.Tensor2D, target, type);
      expectClose(f(tf.tensor2d(logits, [5, k])), IN_LOOPS[type](logits, labels, k), 1e-6);
      const wanted = slopes((x) => [IN_LOOPS[type](x, labels, k)], logits, [1]);
      expectClose(tf.grad(f)(tf.tensor2d(logits, [5, k])), wanted, 1e-5);
    });
  }

  it('takes classes as whole float32 numbers', () => {
    const logits = tf.tensor2d(numbers(6), [2, 3]);
    const loss = (dtype: 'float32' | 'int32') =>
      classificationLoss(logits, tf.tensor1d([2, 0], dtype), 'single_label_classification').dataSync()[0];
    expect(loss('float32')).to.equal(loss('int32'));
  });

  it('stays finite, and its gradient, at logits of +-200 and at 0', () => {
    const logits = [200, -200, 0, -200, 200, 0];
    const labels = { classes: tf.tensor1d([1, 1], 'int32'), several: tf.tensor2d([0, 1, 1, 0, 1, 0], [2, 3]) };
    const single = (x: tf.Tensor) =>
      classificationLoss(x as tf.Tensor2D, labels.classes, 'single_label_classification');
    const several = (x: tf.Tensor) =>
      classificationLoss(x as tf.Tensor2D, labels.several, 'multi_label_classification');
    const x = tf.tensor2d(logits, [2, 3]);
    // (400 + 0) / 2; the gradient is (softmax - one-hot) / 2
    expectClose(single(x), 200, 1e-6);
    expectClose(tf.grad(single)(x), [0.5, -0.5, 0, 0, 0, 0], 1e-6);
    // (200 + 200 + log 2 + 0 + 0 + log 2) / 6; the gradient is (sigmoid - label) / 6
    expectClose(several(x), (400 + 2 * Math.log(2)) / 6, 1e-6);
    expectClose(tf.grad(several)(x), [1 / 6, -1 / 6, -0.5 / 6, 0, 0, 0.5 / 6], 1e-6);
  });

  it('is exact where it is small', () => {
    // log(1 + exp(-16)) = 1.1253516e-7, not the rounding of 16
    const loss = (logit: number, label: number) =>
      classificationLoss(tf.tensor2d([[logit]]), tf.tensor2d([[label]]), 'multi_label_classification');
    expectClose(loss(16, 1), Math.log1p(Math.exp(-16)), 1e-6);
    expectClose(loss(-16, 0), Math.log1p(Math.exp(-16)), 1e-6);
  });

  it('leaves nothing behind', async () => {
    const logits = tf.tensor2d(numbers(6), [2, 3]);
    const classes = tf.tensor1d([1, 2], 'int32');
    const several = tf.ones([2, 3]);
    expect(tensorsLeft(() => classificationLoss(logits, classes, 'single_label_classification'))).to.equal(0);
    expect(tensorsLeft(() => classificationLoss(logits, several, 'multi_label_classification'))).to.equal(0);
    expect(tensorsLeft(() => classificationLoss(logits, several, 'regression'))).to.equal(0);
    const wrong = tf.tensor1d([1, 3], 'int32');
    const before = tf.memory().numTensors;
    await failure(() => classificationLoss(logits, wrong, 'single_label_classification'));
    await failure(() => classificationLoss(logits, wrong, 'regression'));
    expect(tf.memory().numTensors).to.equal(before);
  });

  const fail = (labels: unknown, type: ProblemType, logits = tf.zeros<tf.Rank.R2>([2, 3])) =>
    failure(() => classificationLoss(logits, labels as tf.Tensor, type));

  it('refuses labels of another shape', async () => {
    const wanted = { code: 'E_SHAPE', path: 'labels' };
    expect(await fail(tf.zeros([3]), 'single_label_classification')).to.include({
      ...wanted,
      wanted: '[2] for single_label_classification',
      got: '[3]',
    });
    for (const shape of [[2, 3], [3, 1], []]) {
      expect(await fail(tf.zeros(shape, 'int32'), 'single_label_classification')).to.include(wanted);
    }
    expect(await fail(tf.zeros([2]), 'multi_label_classification')).to.include({
      ...wanted,
      wanted: '[2, 3] for multi_label_classification',
      got: '[2]',
    });
    for (const shape of [[3, 2], [6], [2, 3, 1], [2, 1]]) {
      expect(await fail(tf.zeros(shape), 'multi_label_classification')).to.include(wanted);
      expect(await fail(tf.zeros(shape), 'regression')).to.include(wanted);
    }
    expect(await fail(tf.zeros([3]), 'regression', tf.zeros([2, 1]))).to.include({ ...wanted, got: '[3]' });
  });

  it('refuses a class out of range, a fraction, and NaN', async () => {
    const wanted = { code: 'E_ARGUMENT', path: 'labels', wanted: 'classes from 0 to 2, or -100' };
    for (const label of [3, -1, -99, -101]) {
      const error = await fail(tf.tensor1d([0, label], 'int32'), 'single_label_classification');
      expect(error).to.include({ ...wanted, got: `${label} at 1` });
    }
    for (const label of [0.5, Number.NaN, Infinity]) {
      const error = await fail(tf.tensor1d([label, 1]), 'single_label_classification');
      expect(error).to.include({ ...wanted, got: `${label} at 0` });
    }
  });

  it('refuses a batch without any class', async () => {
    const error = await fail(tf.tensor1d([-100, -100], 'int32'), 'single_label_classification');
    expect(error).to.include({ code: 'E_ARGUMENT', path: 'labels', wanted: 'a label that is not -100' });
  });

  it('refuses labels that are no tensor', async () => {
    const error = await fail([1, 2], 'multi_label_classification');
    expect(error).to.include({ code: 'E_ARGUMENT', path: 'labels', wanted: 'a tensor', got: '[1,2]' });
  });

  it('refuses labels that are gone, and those that are no numbers', async () => {
    const gone = tf.tensor1d([0, 1], 'int32');
    gone.dispose();
    expect(await fail(gone, 'single_label_classification')).to.include({ code: 'E_DISPOSED', path: 'labels' });
    const texts = tf.tensor(['0', '1']);
    expect(await fail(texts, 'regression', tf.zeros([2, 1]))).to.include({ code: 'E_ARGUMENT', got: 'dtype string' });
  });
});

describe('inferProblemType', () => {
  before(() => useBackend('cpu'));

  it("is the reference's rule", () => {
    tf.tidy(() => {
      const [whole, float] = [tf.tensor1d([1], 'int32'), tf.tensor1d([1])];
      expect(inferProblemType(1, whole)).to.equal('regression');
      expect(inferProblemType(1, float)).to.equal('regression');
      expect(inferProblemType(2, whole)).to.equal('single_label_classification');
      expect(inferProblemType(2, float)).to.equal('multi_label_classification');
    });
  });
});
