import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { groupNorm } from '../../src/ops/group-norm.js';
import { expectClose, fakeKernel, maps, numbers, slopes, tensorsLeft, withKernel } from './helpers.js';

const EPSILON = 1e-3;

/** In float64, for `pictures` maps whose channels are as many as gamma's. */
function inLoops(
  x: readonly number[],
  gamma: readonly number[],
  beta: readonly number[],
  [pictures, groups]: readonly [pictures: number, groups: number],
): number[] {
  const [c, size] = [gamma.length, x.length / pictures];
  const groupOf = (i: number) => Math.floor(i / size) * groups + Math.floor(((i % c) * groups) / c);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const statistics = Array.from({ length: pictures * groups }, (_, group) => {
    const values = x.filter((_, i) => groupOf(i) === group);
    return { mean: mean(values), variance: mean(values.map((value) => (value - mean(values)) ** 2)) };
  });
  return x.map((value, i) => {
    const of = statistics[groupOf(i)];
    return ((value - of.mean) / Math.sqrt(of.variance + EPSILON)) * gamma[i % c] + beta[i % c];
  });
}

const norm = (groups: number) => (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) =>
  groupNorm(x as tf.Tensor4D, gamma, beta, { groups, epsilon: EPSILON });

describe('groupNorm', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('normalises the channels of a group together', () => {
    // two places of four channels in two groups: 1, 2, 3, 4 with mean 2.5 and variance 1.25, and four fives with variance 0
    const x = maps([1, 2, 5, 5, 3, 4, 5, 5], [1, 1, 2, 4]);
    const [gamma, beta] = [tf.tensor1d([1, 2, 3, 4]), tf.tensor1d([10, 20, 30, 40])];
    const scale = 1 / Math.sqrt(1.25 + EPSILON);
    const first = [-1.5 * scale + 10, -0.5 * scale * 2 + 20, 30, 40];
    const second = [0.5 * scale + 10, 1.5 * scale * 2 + 20, 30, 40];
    expectClose(norm(2)(x, gamma, beta), [...first, ...second], 1e-6);
  });

  for (const groups of [1, 2, 3, 6]) {
    it(`gives ${groups} groups of six channels, with their gradients`, () => {
      const [gamma, beta, shape] = [numbers(6, 2), numbers(6, 3), [2, 3, 5, 6]] as const;
      const [x, dy] = [numbers(180), numbers(180, 1)];
      const sizes = [2, groups] as const;
      const inputs = [maps(x, shape), tf.tensor1d(gamma), tf.tensor1d(beta)] as const;
      expectClose(norm(groups)(...inputs), inLoops(x, gamma, beta, sizes), 1e-6);
      const [dx, dGamma, dBeta] = tf.grads(norm(groups))([...inputs], maps(dy, shape));
      const of = {
        x: slopes((x) => inLoops(x, gamma, beta, sizes), x, dy),
        gamma: slopes((gamma) => inLoops(x, gamma, beta, sizes), gamma, dy),
        beta: slopes((beta) => inLoops(x, gamma, beta, sizes), beta, dy),
      };
      expectClose(dx, of.x, 1e-5);
      expectClose(dGamma, of.gamma, 1e-5);
      expectClose(dBeta, of.beta, 1e-5);
    });
  }

  it('leaves nothing behind', () => {
    const inputs = [maps(numbers(24), [1, 2, 3, 4]), tf.ones([4]), tf.zeros([4])] as const;
    expect(tensorsLeft(() => norm(2)(...inputs))).to.equal(0);
    expect(tensorsLeft(() => tf.grads(norm(2))([...inputs]))).to.equal(0);
  });

  it('takes kernels that are there', () => {
    const inputs = [maps(numbers(24), [1, 2, 3, 4]), tf.ones([4]), tf.zeros([4])] as const;
    const [forward, back] = [fakeKernel(9), fakeKernel(5)];
    const backs: tf.KernelFunc = (call) => {
      const dx = back.kernelFunc(call) as tf.TensorInfo;
      return [dx, tf.ones([4]), tf.zeros([4])];
    };
    withKernel('ConvNextV2GroupNorm', forward.kernelFunc, () =>
      withKernel('ConvNextV2GroupNormGrad', backs, () => {
        expect([...norm(2)(...inputs).dataSync()]).to.deep.equal(Array(24).fill(9));
        const [dx] = tf.grads(norm(2))([...inputs]);
        expect([...dx.dataSync()]).to.deep.equal(Array(24).fill(5));
      }),
    );
    for (const { attrs } of [...forward.calls, ...back.calls]) {
      expect(attrs).to.deep.equal({ groups: 2, epsilon: EPSILON });
    }
  });
});
