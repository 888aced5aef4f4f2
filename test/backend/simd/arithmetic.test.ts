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
    const others = { elu: tf.elu, selu: tf.selu, softplus: tf.softplus, log1p: tf.log1p, expm1: tf.expm1, erf: tf.erf };
    const simple = { square: tf.square, sqrt: tf.sqrt, neg: tf.neg, relu: tf.relu, floor: tf.floor, sign: tf.sign };
    const all = { ...functions, ...others, ...simple, reciprocal: tf.reciprocal };
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

  it('combines two tensors as cpu does, infinities and NaN too', async () => {
    const pairs = () => {
      const all = strange();
      return [tf.reshape(all, [-1, 1]), tf.reshape(all, [1, -1])] as const;
    };
    const functions = {
      pow: tf.pow,
      prelu: tf.prelu,
      equal: tf.equal,
      notEqual: tf.notEqual,
      less: tf.less,
      lessEqual: tf.lessEqual,
      greater: tf.greater,
      greaterEqual: tf.greaterEqual,
      eluGrad: (y: tf.Tensor, dy: tf.Tensor) =>
        tf
          .engine()
          .runKernel('EluGrad', { dy: tf.add(dy, tf.zerosLike(y)), y: tf.add(y, tf.zerosLike(dy)) }) as tf.Tensor,
      where: (a: tf.Tensor, b: tf.Tensor) =>
        tf.where(tf.greater(a, b), tf.add(a, tf.zerosLike(b)), tf.add(b, tf.zerosLike(a))),
    };
    for (const [name, f] of Object.entries(functions)) {
      const run = () => f(...pairs());
      expect(await valuesOf(run), name).to.deep.equal(await valuesOf(run, 'cpu'));
      const calls = await compare(name, () => f(tf.abs(tensor([3, 1, 19], 1)), tensor([5, 1], 2)), 1e-7);
      expect(calls, name).to.include.any.keys('binary', 'compare');
    }
    for (const f of [
      (x: tf.Tensor) => tf.leakyRelu(x, 0.25),
      (x: tf.Tensor) => tf.step(x),
      (x: tf.Tensor) => tf.step(x, -2),
    ]) {
      expect(await valuesOf(() => f(strange()))).to.deep.equal(await valuesOf(() => f(strange()), 'cpu'));
      expect(await compare('with a number', () => f(tensor([50, 31], 1)), 1e-7)).to.deep.equal({ binary: 1 });
    }
    const sum = () => tf.addN([tensor([40, 3], 1), tensor([40, 3], 2), tensor([40, 3], 3)]);
    expect(await compare('addN', sum, 1e-7)).to.deep.equal({ binary: 2 });
    // a power that tfjs is often asked for is computed without one: 1.5^2 and 1.5^1
    expect(await valuesOf(() => tf.pow(tf.scalar(1.5), tf.tensor1d([2, 1])))).to.deep.equal([2.25, 1.5]);
  });

  it('broadcasts along as many as six axes, and leaves more to cpu', async () => {
    const apart = () => tf.mul(tensor([2, 1, 3, 1, 4, 1], 1), tensor([1, 5, 1, 2, 1, 3], 2));
    expect(await compare('six axes', apart, 1e-7)).to.deep.equal({ binary: 1 });
    const group = () => tf.sub(tensor([2, 30, 4, 8], 1), tensor([2, 1, 4, 1], 2));
    expect(await compare('group', group, 1e-7)).to.deep.equal({ binary: 1 });
    const inner = tf.broadcastTo as (x: tf.Tensor, shape: number[]) => tf.Tensor;
    await compare('broadcastTo', () => inner(tensor([2, 1, 3], 1), [2, 5, 3]), 0);
  });

  it('normalises a batch as cpu does', async () => {
    const vectors = () => [1, 2, 3, 4].map((seed) => tensor([19], seed));
    const run = (scaled: boolean, offset: boolean) => () => {
      const [mean, variance, scale, beta] = vectors();
      return tf.batchNorm(
        tensor([2, 3, 5, 19], 5),
        mean,
        tf.square(variance),
        offset ? beta : undefined,
        scaled ? scale : undefined,
        0.01,
      );
    };
    for (const scaled of [true, false]) {
      for (const offset of [true, false]) {
        expect(await compare(`${scaled} ${offset}`, run(scaled, offset))).to.include({
          binary: 2 + Number(scaled) + Number(offset),
        });
      }
    }
    const whole = () => tf.batchNorm(tensor([3, 4], 1), tensor([3, 4], 2), tf.square(tensor([3, 4], 3)));
    expect(await compare('statistics of every place', whole)).to.include({ binary: 2 });
  });

  it('takes the greatest and the least over any axes', async () => {
    for (const [shape, axis] of [
      [[7], 0],
      [[2, 3, 5], 1],
      [
        [2, 30, 4, 8],
        [1, 3],
      ],
      [[5, 81], 1],
      [[3, 4], undefined],
    ] as const) {
      for (const f of [tf.max, tf.min]) {
        for (const keep of [false, true]) {
          const run = () => f(tensor(shape, 1), axis as number, keep);
          expect(Object.keys(await compare(`${shape} ${axis}`, run, 0))).to.deep.equal(['extreme']);
        }
      }
    }
    for (const f of [tf.max, tf.min]) {
      const run = () => f(tf.tensor2d([1, NaN, 2, 3, 4, -Infinity, Infinity, 5, 6], [3, 3]), 1);
      expect(await valuesOf(run)).to.deep.equal(await valuesOf(run, 'cpu'));
    }
  });

  it('adds up segments, by which gather goes back', async () => {
    const ids = () => tf.tensor1d([2, 0, 2, 5, -1, 2], 'int32');
    for (const inner of [[], [1], [3, 7], [300]]) {
      const run = () => tf.unsortedSegmentSum(tensor([6, ...inner], 1), ids(), 4);
      expect(await compare(`${inner}`, run, 1e-7)).to.deep.equal({ segmentSum: 1 });
    }
    const table = () =>
      tf.grad((x: tf.Tensor) => tf.square(tf.gather(x, tf.tensor1d([3, 1, 3, 0], 'int32'))))(tensor([5, 9], 1));
    expect(await compare('gather', table, 1e-6)).to.include({ segmentSum: 1 });
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

  it('takes sums and means over any axes', async () => {
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
      [
        [2, 30, 4, 8],
        [1, 3],
      ],
      [
        [2, 3, 4, 5, 6],
        [0, 2, 4],
      ],
      [[4000, 3], 1],
      [[3, 40_000], 1],
      [[3, 40_000, 2], 1],
    ] as const) {
      for (const keep of [false, true]) {
        const run = () => tf.mean(tf.abs(tensor(shape, 1)), axis as number, keep);
        expect(Object.keys(await compare(`${shape} ${axis}`, run)), `${shape}`).to.deep.equal(['unary', 'sum']);
        await compare(`${shape} ${axis}`, () => tf.sum(tf.abs(tensor(shape, 1)), axis as number, keep));
      }
    }
  });
});

async function valuesOf(run: () => tf.Tensor, backend = 'simd'): Promise<number[]> {
  await tf.setBackend(backend);
  // -0 is 0 to all who ask
  return Array.from(tf.tidy(run).dataSync(), (value) => value + 0);
}
