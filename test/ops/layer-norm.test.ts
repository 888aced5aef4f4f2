import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { layerNorm } from '../../src/ops/layer-norm.js';
import { expectClose, fakeKernel, numbers, slopes, tensorsLeft, withKernel } from './helpers.js';

/** Rows of as many values as gamma has, one after another, in float64. */
function inLoops(x: readonly number[], gamma: readonly number[], beta: readonly number[], epsilon: number): number[] {
  const c = gamma.length;
  return x.map((value, i) => {
    const row = x.slice(i - (i % c), i - (i % c) + c);
    const mean = row.reduce((sum, value) => sum + value, 0) / c;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / c;
    return ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[i % c] + beta[i % c];
  });
}

describe('layerNorm', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('gives (x - mean) / sqrt(variance + epsilon) * gamma + beta', () => {
    // mean 3, differences -2 -1 0 3, variance (4 + 1 + 0 + 9) / 4 = 3.5, and sqrt(3.5 + 0.5) = 2
    const [gamma, beta] = [tf.tensor1d([1, 2, 3, 4]), tf.tensor1d([10, 20, 30, 40])];
    const wanted = [-1 + 10, -0.5 * 2 + 20, 0 * 3 + 30, 1.5 * 4 + 40];
    expectClose(layerNorm(tf.tensor1d([1, 2, 3, 6]), gamma, beta, 0.5), wanted, 1e-7);
    // a row for itself each: the second is ten times the first, less the epsilon's part
    const two = layerNorm(tf.tensor2d([1, 2, 3, 6, 10, 20, 30, 60], [2, 4]), gamma, beta, 0.5);
    const root = Math.sqrt(350.5);
    expectClose(two, [...wanted, -20 / root + 10, -20 / root + 20, 30, 120 / root + 40], 1e-7);
  });

  const [gamma, beta] = [numbers(7, 2), numbers(7, 3)];
  const run = (x: tf.Tensor, epsilon: number) => layerNorm(x, tf.tensor1d(gamma), tf.tensor1d(beta), epsilon);

  it('normalises the last axis of any shape', () => {
    const x = numbers(2 * 3 * 5 * 7);
    for (const shape of [
      [30, 7],
      [2, 3, 5, 7],
    ]) {
      const y = run(tf.tensor(x, shape), 1e-6);
      expect(y.shape).to.deep.equal(shape);
      expectClose(y, inLoops(x, gamma, beta, 1e-6), 1e-6);
    }
  });

  it('shows its epsilon where the values are faint, and its mean where they are far from 0', () => {
    const faint = numbers(14).map((value) => Math.fround(value * 1e-3));
    expectClose(run(tf.tensor2d(faint, [2, 7]), 1e-6), inLoops(faint, gamma, beta, 1e-6), 1e-6);
    expectClose(run(tf.tensor2d(faint, [2, 7]), 1e-12), inLoops(faint, gamma, beta, 1e-12), 1e-6);
    const far = numbers(14).map((value) => Math.fround(value + 1000));
    expectClose(run(tf.tensor2d(far, [2, 7]), 1e-6), inLoops(far, gamma, beta, 1e-6), 1e-4);
  });

  it('gives beta where a row is constant, and there the slope of the differences over sqrt(epsilon)', () => {
    const x = tf.fill([2, 7], 5);
    expectClose(run(x, 1e-12), [...beta, ...beta], 1e-6);
    const mean = gamma.reduce((sum, value) => sum + value, 0) / 7;
    const row = gamma.map((value) => 1e6 * (value - mean));
    expectClose(tf.grad((x: tf.Tensor) => run(x, 1e-12))(x, tf.ones([2, 7])), [...row, ...row], 1e-6);
    // of a single channel there is no difference at all
    const one = (x: tf.Tensor) => layerNorm(x, tf.tensor1d([2]), tf.tensor1d([3]), 1e-6);
    expect([...one(tf.tensor2d([[5], [-7]])).dataSync()]).to.deep.equal([3, 3]);
    expect([
      ...tf
        .grad(one)(tf.tensor2d([[5], [-7]]))
        .dataSync(),
    ]).to.deep.equal([0, 0]);
  });

  it('has the right gradients for x, gamma and beta', () => {
    const shape = [2, 3, 1, 7];
    const [x, dy] = [numbers(42), numbers(42, 1)];
    const f = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => layerNorm(x, gamma, beta, 1e-6);
    const inputs = [tf.tensor(x, shape), tf.tensor1d(gamma), tf.tensor1d(beta)];
    const [dx, dGamma, dBeta] = tf.grads(f)(inputs, tf.tensor(dy, shape));
    expectClose(
      dx,
      slopes((x) => inLoops(x, gamma, beta, 1e-6), x, dy),
      1e-5,
    );
    expectClose(
      dGamma,
      slopes((gamma) => inLoops(x, gamma, beta, 1e-6), gamma, dy),
      1e-5,
    );
    expectClose(
      dBeta,
      slopes((beta) => inLoops(x, gamma, beta, 1e-6), beta, dy),
      1e-5,
    );
  });

  it('keeps a NaN within its row', () => {
    const y = run(tf.tensor2d([Number.NaN, ...numbers(13)], [2, 7]), 1e-6).dataSync();
    expect([...y].map(Number.isNaN)).to.deep.equal([...Array(7).fill(true), ...Array(7).fill(false)]);
  });

  it('takes kernels that are there, forward and back', () => {
    const inputs = { x: tf.ones([2, 7]), gamma: tf.ones([7]), beta: tf.ones([7]) };
    const [forward, back] = [fakeKernel(9), fakeKernel(5)];
    const gradients: tf.KernelFunc = (call) => [back.kernelFunc(call) as tf.TensorInfo, inputs.gamma, inputs.beta];
    withKernel('ConvNextV2LayerNorm', forward.kernelFunc, () =>
      withKernel('ConvNextV2LayerNormGrad', gradients, () => {
        const run = (x: tf.Tensor) => layerNorm(x, inputs.gamma, inputs.beta, 0.25);
        expect([...run(inputs.x).dataSync()]).to.deep.equal(Array(14).fill(9));
        expect([...tf.grad(run)(inputs.x).dataSync()]).to.deep.equal(Array(14).fill(5));
      }),
    );
    expect(forward.calls.map(({ attrs }) => attrs)).to.deep.equal([{ epsilon: 0.25 }, { epsilon: 0.25 }]);
    expect(Object.keys(forward.calls[0].inputs)).to.deep.equal(['x', 'gamma', 'beta']);
    expect(back.calls.map(({ attrs }) => attrs)).to.deep.equal([{ epsilon: 0.25 }]);
    expect(Object.keys(back.calls[0].inputs)).to.deep.equal(['x', 'gamma', 'dy']);
  });

  it('leaves nothing behind', () => {
    const [x, gamma, beta] = [tf.ones([2, 3, 5, 7]), tf.ones([7]), tf.ones([7])];
    expect(tensorsLeft(() => layerNorm(x, gamma, beta, 1e-6))).to.equal(0);
    expect(tensorsLeft(() => tf.grad((x: tf.Tensor) => layerNorm(x, gamma, beta, 1e-6))(x))).to.equal(0);
  });
});
