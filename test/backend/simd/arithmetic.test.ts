import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/backend/use-backend.js';
import { compare, kernels, tensor } from './helpers.js';

/** Values that functions stumble over, behind ordinary ones that reach past a vector of every instruction set. */
const STRANGE = [0, -0, Infinity, -Infinity, NaN, 1e-40, 88.8, -104, 3e38];
const strange = () => tf.tensor1d([...Array.from({ length: 21 }, (_, i) => (i - 10) / 2), ...STRANGE]);

describe('arithmetic on backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  it('is that of cpu, of infinities and NaN too', async () => {
    const functions = { abs: tf.abs, exp: tf.exp, log: tf.log, sigmoid: tf.sigmoid, tanh: tf.tanh };
    const all = { ...functions, square: tf.square, sqrt: tf.sqrt, neg: tf.neg, relu: tf.relu };
    for (const [name, f] of Object.entries(all)) {
      expect(await valuesOf(() => f(strange())), name).to.deep.equal(await valuesOf(() => f(strange()), 'cpu'));
      expect(await compare(name, () => f(tf.add(tensor([3, 5, 7], 1), 1.5)), 1e-7), name).to.include({ unary: 1 });
    }
    for (const x of [() => tf.relu6(strange()), () => tf.clipByValue(strange(), -1.5, 2)]) {
      expect(await valuesOf(x)).to.deep.equal(await valuesOf(x, 'cpu'));
    }
    expect(await compare('relu6', () => tf.relu6(tf.mul(tensor([50, 31], 1), 9)), 0)).to.include({ clip: 1 });
    const difference = () => tf.squaredDifference(tensor([3, 1, 19], 1), tensor([5, 1], 2));
    expect(await compare('squared difference', difference, 1e-7)).to.deep.equal({ binary: 1 });
  });

  it('takes the softmax of rows, whatever their size', async () => {
    for (const shape of [[5], [3, 1], [2, 3, 91], [400, 201]]) {
      const run = () => tf.softmax(tf.mul(tensor(shape, 1), 30));
      expect(await compare(`${shape}`, run, 1e-7)).to.include({ softmax: 1 });
    }
    const far = await valuesOf(() => tf.softmax(tf.tensor2d([1000, 999, -1000, 0, -Infinity, 0], [2, 3])));
    // 1 / (1 + e^-1) and the rest; two equal ones beside one that cannot be
    expect(far).to.deep.equal([...Float32Array.of(0.7310585786, 0.2689414214, 0, 0.5, 0, 0.5)]);
    expect(await valuesOf(() => tf.softmax(tf.tensor1d([1, NaN, 2])))).to.deep.equal([NaN, NaN, NaN]);
  });

  it('takes means over neighbouring axes', async () => {
    for (const [shape, axis] of [
      [[7], 0],
      [[2, 3, 5], 1],
      [
        [2, 3, 5, 4],
        [1, 2],
      ],
      [
        [70, 81],
        [0, 1],
      ],
    ] as const) {
      for (const keep of [false, true]) {
        const run = () => tf.mean(tensor(shape, 1), axis as number, keep);
        expect(await compare(`${shape} ${axis}`, run), `${shape}`).to.include({ sum: 1 });
      }
    }
  });
});

async function valuesOf(run: () => tf.Tensor, backend = 'simd'): Promise<number[]> {
  await tf.setBackend(backend);
  // -0 is 0 to all who ask
  return Array.from(tf.tidy(run).dataSync(), (value) => value + 0);
}
