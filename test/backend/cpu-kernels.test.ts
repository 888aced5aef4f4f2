import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { registerCpuKernels } from '../../src/backend/cpu-kernels.js';
import { useBackend } from '../../src/backend/use-backend.js';

/** x, GELU, its derivative: x * erfc(-x / sqrt 2) / 2 and its derivative, computed with 40 digits by mpmath. */
const EXACT: readonly (readonly [number, number, number])[] = [
  [0, 0, 0.5],
  [0.0009765625, 0.0004886617109461, 0.5007791838937],
  [-0.0009765625, -0.0004879007890539, 0.4992208161063],
  [0.125, 0.06871727810376, 0.5992179356982],
  [-0.125, -0.05628272189624, 0.4007820643018],
  [0.5, 0.345731230637, 0.8674951246562],
  [-0.5, -0.154268769363, 0.1325048753438],
  [0.75, 0.5800294857173, 0.9992257217392],
  [-0.75, -0.1699705142827, 0.0007742782607649],
  [1, 0.8413447460685, 1.083315470588],
  [-1, -0.1586552539315, -0.08331547058769],
  [1.5, 1.399789198097, 1.12746919223],
  [-1.5, -0.1002108019033, -0.12746919223],
  [2, 1.954499736104, 1.085231801078],
  [-2, -0.04550026389636, -0.0852318010782],
  [3, 2.995950305905, 1.011945647204],
  [-3, -0.00404969409489, -0.01194564720418],
  [4, 3.999873315033, 1.000503649661],
  [-4, -0.0001266849673325, -0.0005036496612264],
  [5, 4.999998566742, 1.000007146946],
  [-5, -1.433257859396e-6, -7.146946001792e-6],
  [6, 5.99999999408, 1.000000035469],
  [-6, -5.919525870226e-9, -3.54687094539e-8],
  [8, 8, 1],
  [-8, -4.976768459417e-15, -3.979607261087e-14],
  [10, 10, 1],
  [-10, -7.619853024161e-23, -7.618400096465e-22],
  [13, 13, 1],
  [-13, -7.952313719415e-38, -1.033730444011e-36],
];

const X = EXACT.map(([x]) => x);

function run(kernelName: string, inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor {
  return tf.engine().runKernel(kernelName, inputs);
}

/** Within the rounding to float32 (2^-24 = 6.0e-8 of the value), a little more, and where a difference cancels, `slack`. */
function expectExact(got: ArrayLike<number>, wanted: readonly number[], slack = 0): void {
  for (const [i, want] of wanted.entries()) {
    expect(got[i], `at x = ${X[i]}`).to.be.closeTo(want, 6.2e-8 * Math.abs(want) + slack);
  }
}

describe('kernels of backend cpu', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('compute the exact GELU', () => {
    const y = run('ConvNextV2Gelu', { x: tf.tensor1d(X) });
    expect(y.dtype).to.equal('float32');
    expectExact(
      y.dataSync(),
      EXACT.map(([, gelu]) => gelu),
    );
  });

  it('compute its derivative times dy', () => {
    const derivative = EXACT.map(([, , slope]) => slope);
    const x = tf.tensor1d(X);
    expectExact(run('ConvNextV2GeluGrad', { x, dy: tf.onesLike(x) }).dataSync(), derivative, 4e-10);
    const fourfold = derivative.map((slope) => -4 * slope);
    expectExact(run('ConvNextV2GeluGrad', { x, dy: tf.fill(x.shape, -4) }).dataSync(), fourfold, 16e-10);
  });

  it('keep NaN and take the limits at infinity and at the largest floats', () => {
    const x = tf.tensor1d([Number.NaN, Infinity, -Infinity, 3.4e38, -3.4e38]);
    const largest = Math.fround(3.4e38);
    expect([...run('ConvNextV2Gelu', { x }).dataSync()]).to.deep.equal([Number.NaN, Infinity, 0, largest, 0]);
    const dx = run('ConvNextV2GeluGrad', { x, dy: tf.onesLike(x) });
    expect([...dx.dataSync()].map((value) => value + 0)).to.deep.equal([Number.NaN, 1, 0, 1, 0]);
    const dy = tf.tensor1d([Number.NaN]);
    expect([...run('ConvNextV2GeluGrad', { x: tf.tensor1d([1]), dy }).dataSync()]).to.deep.equal([Number.NaN]);
  });

  it('keep the shape and the input, and make one tensor', () => {
    for (const shape of [[], [0, 3], [1, 3, 5, 2]]) {
      const x = tf.ones(shape);
      const before = tf.memory().numTensors;
      expect(run('ConvNextV2Gelu', { x }).shape).to.deep.equal(shape);
      expect(run('ConvNextV2GeluGrad', { x, dy: x }).shape).to.deep.equal(shape);
      expect(tf.memory().numTensors).to.equal(before + 2);
      expect([...x.dataSync()].every((value) => value === 1)).to.equal(true);
    }
  });

  it('take integers and give float32', () => {
    const y = run('ConvNextV2Gelu', { x: tf.tensor1d([-1, 1, 2], 'int32') });
    expect(y.dtype).to.equal('float32');
    expect(y.dataSync()[0]).to.be.closeTo(-0.1586552539315, 1e-8);
  });

  it('are registered once', () => {
    const kernels = () => ['ConvNextV2Gelu', 'ConvNextV2GeluGrad'].map((name) => tf.getKernel(name, 'cpu'));
    const before = kernels();
    registerCpuKernels();
    expect(kernels().every((kernel, i) => kernel === before[i])).to.equal(true);
  });
});
