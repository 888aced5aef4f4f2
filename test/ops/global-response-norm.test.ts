import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { globalResponseNorm } from '../../src/ops/global-response-norm.js';
import { expectClose, fakeKernel, maps, numbers, slopes, tensorsLeft, withKernel } from './helpers.js';

/** `pictures` maps of as many channels as gamma has, in float64. */
function inLoops(x: readonly number[], gamma: readonly number[], beta: readonly number[], pictures: number): number[] {
  const [c, size] = [gamma.length, x.length / pictures];
  return x.map((value, i) => {
    const picture = x.slice(i - (i % size), i - (i % size) + size);
    const norms = gamma.map((_, k) =>
      Math.sqrt(picture.reduce((sum, value, j) => sum + (j % c === k ? value ** 2 : 0), 0)),
    );
    const mean = norms.reduce((sum, norm) => sum + norm, 0) / c;
    return gamma[i % c] * value * (norms[i % c] / (mean + 1e-6)) + beta[i % c] + value;
  });
}

const run = (x: tf.Tensor4D, gamma: readonly number[], beta: readonly number[]) =>
  globalResponseNorm(x, tf.tensor1d([...gamma]), tf.tensor1d([...beta]));

const asFunctionOfX = (gamma: readonly number[], beta: readonly number[]) =>
  tf.grad((x: tf.Tensor) => run(x as tf.Tensor4D, gamma, beta));

describe('globalResponseNorm', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it("gives gamma * x * (a channel's norm / the norms' mean) + beta + x", () => {
    // norms: sqrt(9 + 16) = 5 and sqrt(0 + 1) = 1, their mean 3
    const x = maps([3, 0, 4, 1], [1, 1, 2, 2]);
    const wanted = [(3 * 3 * 5) / 3 + 1 + 3, 0 - 1 + 0, (3 * 4 * 5) / 3 + 1 + 4, (6 * 1 * 1) / 3 - 1 + 1];
    expect(wanted).to.deep.equal([19, -1, 25, 2]);
    expectClose(run(x, [3, 6], [1, -1]), wanted, 1e-6);
  });

  it('adds 1e-6 to the mean, which faint values show', () => {
    // the only channel's norm is 1e-6: 1e-6 / (1e-6 + 1e-6) = 1/2
    expectClose(run(maps([1e-6], [1, 1, 1, 1]), [2], [0]), 2 * 1e-6 * 0.5 + 1e-6, 1e-6);
  });

  const [gamma, beta, shape] = [numbers(7, 2), numbers(7, 3), [2, 3, 5, 7]] as const;

  it('takes each picture for itself', () => {
    const x = numbers(210);
    const y = run(maps(x, shape), gamma, beta);
    expect(y.shape).to.deep.equal(shape);
    expectClose(y, inLoops(x, gamma, beta, 2), 1e-6);
  });

  it('has the right gradients for x, gamma and beta', () => {
    const [x, dy] = [numbers(210), numbers(210, 1)];
    const f = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => globalResponseNorm(x as tf.Tensor4D, gamma, beta);
    const inputs = [maps(x, shape), tf.tensor1d(gamma), tf.tensor1d(beta)];
    const [dx, dGamma, dBeta] = tf.grads(f)(inputs, maps(dy, shape));
    expectClose(
      dx,
      slopes((x) => inLoops(x, gamma, beta, 2), x, dy),
      1e-5,
    );
    expectClose(
      dGamma,
      slopes((gamma) => inLoops(x, gamma, beta, 2), gamma, dy),
      1e-5,
    );
    expectClose(
      dBeta,
      slopes((beta) => inLoops(x, gamma, beta, 2), beta, dy),
      1e-5,
    );
  });

  it('has no gradient by way of the norm where a channel is all zeros', () => {
    // channel 1 is zero: its norm's slope is taken as 0, and y = gamma * x * 0 + beta + x has the slope 1
    const x = maps([3, 0, 4, 0], [1, 1, 2, 2]);
    const dx = asFunctionOfX([3, 6], [1, -1])(x, maps([0, 1, 0, 10], [1, 1, 2, 2]));
    expect([...dx.dataSync()]).to.deep.equal([0, 1, 0, 10]);
    // channel 0 alone has a norm, 5, and the mean is half of it, so Nx is 2 and does not change with x: 1 + 3 * 2
    expectClose(asFunctionOfX([3, 6], [1, -1])(x), [7, 1, 7, 1], 1e-6);
  });

  it('gives beta, and the slope 1, where all is zero', () => {
    const x = tf.zeros<tf.Rank.R4>([2, 1, 3, 2]);
    expect([...run(x, [3, 6], [1, -1]).dataSync()]).to.deep.equal([1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1]);
    expect([...asFunctionOfX([3, 6], [1, -1])(x).dataSync()]).to.deep.equal(Array(12).fill(1));
  });

  it('keeps NaN, within its picture', () => {
    const y = run(maps([Number.NaN, 1, 2, 3], [2, 1, 1, 2]), [3, 6], [1, -1]).dataSync();
    expect([...y].map(Number.isNaN)).to.deep.equal([true, true, false, false]);
  });

  it('takes kernels that are there, forward and back', () => {
    const inputs = { x: maps(numbers(6), [1, 1, 3, 2]), gamma: tf.ones([2]), beta: tf.zeros([2]) };
    const [forward, back] = [fakeKernel(9), fakeKernel(5)];
    const gradients: tf.KernelFunc = (call) => [back.kernelFunc(call) as tf.TensorInfo, inputs.gamma, inputs.beta];
    withKernel('ConvNextV2GlobalResponseNorm', forward.kernelFunc, () =>
      withKernel('ConvNextV2GlobalResponseNormGrad', gradients, () => {
        const run = (x: tf.Tensor) => globalResponseNorm(x as tf.Tensor4D, inputs.gamma, inputs.beta);
        expect([...run(inputs.x).dataSync()]).to.deep.equal(Array(6).fill(9));
        expect([...tf.grad(run)(inputs.x).dataSync()]).to.deep.equal(Array(6).fill(5));
      }),
    );
    expect(forward.calls.map(({ attrs }) => attrs)).to.deep.equal([{}, {}]);
    expect(Object.keys(forward.calls[0].inputs)).to.deep.equal(['x', 'gamma', 'beta']);
    expect(back.calls.map(({ attrs }) => attrs)).to.deep.equal([{}]);
    expect(Object.keys(back.calls[0].inputs)).to.deep.equal(['x', 'gamma', 'dy']);
  });

  it('leaves nothing behind', () => {
    const [x, gamma, beta] = [maps(numbers(210), shape), tf.ones([7]), tf.ones([7])];
    expect(tensorsLeft(() => globalResponseNorm(x, gamma, beta))).to.equal(0);
    const slope = tf.grad((x: tf.Tensor) => globalResponseNorm(x as tf.Tensor4D, gamma, beta));
    expect(tensorsLeft(() => slope(x))).to.equal(0);
  });
});
