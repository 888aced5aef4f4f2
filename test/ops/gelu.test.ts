import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { gelu, geluNew } from '../../src/ops/gelu.js';
import { expectClose, fakeKernel, numbers, slopes, tensorsLeft, withKernel } from './helpers.js';

/** The normal distribution's function: 1/2 + pdf(x) * (x + x^3 / 3 + x^5 / (3 * 5) + ...), within 1e-15 up to |x| = 8. */
function cdf(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

const exactGelu = (x: readonly number[]) => x.map((value) => value * cdf(value));

const LARGEST = 3.4028234663852886e38;

type Form = <T>(work: () => T) => T;
const composed: Form = (work) =>
  withKernel('ConvNextV2Gelu', undefined, () => withKernel('ConvNextV2GeluGrad', undefined, work));
const FORMS: readonly (readonly [string, Form])[] = [
  ['kernel', (work) => work()],
  ['composed', composed],
];

describe('gelu', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  for (const [name, form] of FORMS) {
    describe(name, () => {
      it('gives x times the share of the normal distribution below x', () => {
        // cdf(1) = 0.8413447460685429, cdf(-1) = 1 - cdf(1); cdf(2) = 0.9772498680518208
        const wanted = [0, 0.8413447460685429, -0.1586552539314571, 1.9544997361036416, -0.0455002638963584];
        const x = [0, 1, -1, 2, -2];
        expectClose(
          form(() => gelu(tf.tensor1d(x))),
          wanted,
          2e-7,
        );
        for (const [i, value] of exactGelu(x).entries()) expect(value).to.be.closeTo(wanted[i], 1e-15);
      });

      it('gives it over a range, whatever the shape', () => {
        const x = numbers(105).map((value) => Math.fround(3 * value));
        for (const shape of [[105], [3, 35], [3, 1, 5, 7]]) {
          const y = form(() => gelu(tf.tensor(x, shape)));
          expect(y.shape).to.deep.equal(shape);
          expectClose(y, exactGelu(x), 2e-7);
        }
        expectClose(
          form(() => gelu(tf.scalar(1))),
          0.8413447460685429,
          2e-7,
        );
      });

      it('has the derivative cdf(x) + x * pdf(x)', () => {
        // at 1: 0.8413447460685 + 0.2419707245191; at 0: 1/2
        expectClose(
          form(() => tf.grad(gelu)(tf.tensor1d([1, 0]))),
          [1.0833154705877, 0.5],
          1e-6,
        );
        const x = numbers(105).map((value) => Math.fround(3 * value));
        const dy = numbers(105, 1);
        const got = form(() => tf.grad(gelu)(tf.tensor1d(x), tf.tensor1d(dy)));
        expectClose(got, slopes(exactGelu, x, dy), 1e-5);
      });

      it('keeps NaN, and takes the limits at the largest numbers', () => {
        const x = tf.tensor1d([Number.NaN, Infinity, LARGEST, -LARGEST, 1]);
        const y = [...form(() => gelu(x)).dataSync()];
        expect(y.slice(0, 4).map((value) => value + 0)).to.deep.equal([Number.NaN, Infinity, LARGEST, 0]);
        expect(y[4]).to.be.closeTo(0.84134475, 2e-7);
        const slope = [...form(() => tf.grad(gelu)(tf.tensor1d([Number.NaN, LARGEST, -LARGEST]))).dataSync()];
        expect(slope.map((value) => value + 0)).to.deep.equal([Number.NaN, 1, 0]);
      });

      it('leaves nothing behind', () => {
        const x = tf.ones([2, 3]);
        expect(tensorsLeft(() => form(() => gelu(x)))).to.equal(0);
        expect(tensorsLeft(() => form(() => tf.grad(gelu)(x)))).to.equal(0);
        expect(form(() => gelu(tf.ones([0, 3]))).shape).to.deep.equal([0, 3]);
      });
    });
  }

  it('is the same by the kernels and composed', () => {
    const x = tf.mul(tf.tensor1d(numbers(1001)), 4);
    expectClose(gelu(x), [...composed(() => gelu(x)).dataSync()], 2e-7);
    expectClose(tf.grad(gelu)(x), [...composed(() => tf.grad(gelu)(x)).dataSync()], 1e-6);
  });

  it('runs both kernels under a gradient, too', () => {
    const x = tf.tensor1d([1, 2, 3]);
    const dy = tf.tensor1d([4, 5, 6]);
    const [forward, backward] = [fakeKernel(7), fakeKernel(8)];
    const { value, grad } = withKernel('ConvNextV2Gelu', forward.kernelFunc, () =>
      withKernel('ConvNextV2GeluGrad', backward.kernelFunc, () => tf.valueAndGrad(gelu)(x, dy)),
    );
    expect([...value.dataSync(), ...grad.dataSync()]).to.deep.equal([7, 7, 7, 8, 8, 8]);
    expect(forward.calls).to.have.length(1);
    expect(backward.calls).to.have.length(1);
    expect(Object.keys(backward.calls[0].inputs)).to.deep.equal(['x', 'dy']);
    expect(backward.calls[0].inputs.dy).to.equal(dy);
  });

  it('can be differentiated twice', () => {
    // pdf(x) * (2 - x^2): at 1, 0.2419707245191; at 2, -2 * 0.0539909665132
    const slope = (x: tf.Tensor) => tf.sum(tf.grad(gelu)(x));
    expectClose(tf.grad(slope)(tf.tensor1d([1, 2])), [0.2419707245191, -0.1079819330264], 1e-5);
  });
});

describe('geluNew', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  /** (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)) */
  const byLogistic = (x: readonly number[]) =>
    x.map((value) => value / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3))));

  it('gives the approximation by tanh', () => {
    // tanh(0.7978845608 * 1.044715) = 0.6823839812: (1 + that) / 2
    expectClose(geluNew(tf.tensor1d([1, -1, 0])), [0.8411919906, -0.1588080094, 0], 2e-7);
    const x = numbers(105).map((value) => Math.fround(3 * value));
    expectClose(geluNew(tf.tensor2d(x, [3, 35])), byLogistic(x), 2e-7);
  });

  it('has the right gradient', () => {
    const x = numbers(105).map((value) => Math.fround(2 * value));
    const dy = numbers(105, 1);
    expectClose(tf.grad(geluNew)(tf.tensor1d(x), tf.tensor1d(dy)), slopes(byLogistic, x, dy), 1e-5);
  });

  it('keeps NaN, and takes the limits where the cube overflows', () => {
    const y = [...geluNew(tf.tensor1d([Number.NaN, Infinity, 1e20, -1e20])).dataSync()];
    expect(y.map((value) => value + 0)).to.deep.equal([Number.NaN, Infinity, Math.fround(1e20), 0]);
  });

  it('leaves nothing behind', () => {
    const x = tf.ones([2, 3]);
    expect(tensorsLeft(() => geluNew(x))).to.equal(0);
    expect(tensorsLeft(() => tf.grad(geluNew)(x))).to.equal(0);
  });
});
