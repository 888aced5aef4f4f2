import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { registerSimd } from '../../../src/backend/simd/backend.js';
import { broadcastAxes, reductions } from '../../../src/backend/simd/broadcast.js';
import { Buffers } from '../../../src/backend/simd/buffers.js';
import { allNative } from '../../../src/backend/simd/native.js';
import { useBackend } from '../../../src/backend/use-backend.js';
import { depthwiseConv } from '../../../src/ops/depthwise-conv.js';
import { gelu } from '../../../src/ops/gelu.js';
import { globalResponseNorm } from '../../../src/ops/global-response-norm.js';
import { layerNorm } from '../../../src/ops/layer-norm.js';

const isBuilt = () => {
  try {
    return allNative().length > 0;
  } catch {
    return false; // no compiler on this machine
  }
};

/** The same computation on both backends, from the same numbers. */
async function onBoth(compute: () => tf.Tensor[]): Promise<readonly [simd: Float32Array[], cpu: Float32Array[]]> {
  const results: Float32Array[][] = [];
  for (const name of ['simd', 'cpu']) {
    await useBackend(name);
    const outputs = tf.tidy(compute);
    results.push(outputs.map((output) => output.dataSync() as Float32Array));
    tf.dispose(outputs);
  }
  await useBackend('simd');
  return [results[0], results[1]];
}

function expectClose(got: Float32Array, want: Float32Array, tolerance: number, what: string): void {
  expect(got.length, what).to.equal(want.length);
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const at = got.findIndex((value, i) => !(Math.abs(value - want[i]) <= tolerance * largest));
  if (at >= 0) expect.fail(`${what}: ${got[at]}, wanted ${want[at]} at ${at}`);
}

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

describe('backend simd', () => {
  before(async function () {
    if (!isBuilt()) this.skip();
    await useBackend('simd');
    await import('../../../src/backend/gradients.js');
  });
  after(() => useBackend('cpu'));

  it('is registered once', async () => {
    const backend = tf.backend();
    await registerSimd();
    expect(tf.findBackend('simd')).to.equal(backend);
  });

  it('leaves alone what the program holds, and recycles the rest', () => {
    const length = 5000;
    const [a, b] = [tf.fill([length], 1), tf.fill([length], 2)];
    const sum = tf.add(a, b);
    const held = sum.dataSync();
    sum.dispose();
    const unheld = tf.mul(a, b);
    unheld.dispose();
    for (let i = 0; i < 5; i++) tf.dispose([tf.sub(a, b), tf.mul(b, b)]);
    expect(held.every((value) => value === 3)).to.equal(true);
    tf.dispose([a, b]);
  });

  it('leaves alone the array of a view, and the one that a tensor was made from', () => {
    const values = new Float32Array(6000).fill(1);
    const from = tf.tensor1d(values);
    const doubled = tf.add(from, from);
    const view = tf.slice(doubled, [1000], [5000]); // shares its array on `cpu`
    tf.dispose([from, doubled]);
    for (let i = 0; i < 5; i++) tf.dispose([tf.square(view), tf.neg(tf.square(tf.fill([6000], 7)))]);
    expect(view.dataSync().every((value) => value === 2)).to.equal(true);
    expect(values.every((value) => value === 1)).to.equal(true);
    view.dispose();
  });

  it('keeps what a clone or a reshaped tensor still needs', () => {
    const x = tf.square(tf.fill([5000], 3));
    const [clone, turned] = [tf.clone(x), tf.reshape(x, [50, 100])];
    x.dispose();
    tf.dispose(tf.square(tf.fill([5000], 5)));
    expect(clone.dataSync().every((value) => value === 9)).to.equal(true);
    clone.dispose();
    tf.dispose(tf.square(tf.fill([5000], 5)));
    expect(turned.dataSync().every((value) => value === 9)).to.equal(true);
    turned.dispose();
  });

  it('packs weights anew when a variable changes', () => {
    tf.tidy(() => {
      const weight = tf.variable(tf.ones<tf.Rank.R2>([4, 3]));
      const x = tf.ones<tf.Rank.R2>([2, 4]);
      expect([...tf.matMul(x, weight).dataSync()]).to.deep.equal(new Array(6).fill(4));
      weight.assign(tf.fill([4, 3], 2));
      expect([...tf.matMul(x, weight).dataSync()]).to.deep.equal(new Array(6).fill(8));
      weight.dispose();
    });
  });

  it('broadcasts as tfjs does', async () => {
    const shapes = [
      [[7], [7]],
      [[2, 3, 4], [4]],
      [[4], [2, 3, 4]],
      [[2, 3, 4], []],
      [[], [5]],
      [
        [2, 3, 1],
        [1, 3, 4],
      ],
      [
        [2, 1, 4],
        [2, 3, 4],
      ],
      [
        [3, 1],
        [1, 5],
      ],
      [
        [2, 5, 7, 6],
        [2, 1, 1, 6],
      ],
      [[2, 5, 7, 1], [6]],
      [
        [1, 1, 4],
        [2, 3, 4],
      ],
      [
        [2, 1, 3, 1, 5],
        [1, 4, 1, 2, 5],
      ],
      [[40000], [40000]],
      [[300, 200], [200]],
      [
        [300, 200],
        [300, 1],
      ],
    ];
    for (const [a, b] of shapes) {
      for (const [name, op] of Object.entries({
        add: tf.add,
        sub: tf.sub,
        mul: tf.mul,
        div: tf.div,
        maximum: tf.maximum,
        minimum: tf.minimum,
      })) {
        const [simd, cpu] = await onBoth(() => [op(random(a, 1), random(b, 2))]);
        expectClose(simd[0], cpu[0], 1e-7, `${name} of [${a}] and [${b}]`);
      }
    }
  });

  it('sums any axes', async () => {
    for (const [shape, axes] of [
      [[7], [0]],
      [[2, 3, 4], [2]],
      [
        [2, 3, 4],
        [0, 1],
      ],
      [[2, 3, 4], [1]],
      [
        [2, 3, 4],
        [0, 2],
      ],
      [
        [5, 20, 30, 6],
        [0, 1, 2],
      ],
      [[2, 40000], [1]],
      [[3, 4], undefined],
    ] as const) {
      const [simd, cpu] = await onBoth(() => {
        const x = random([...shape], 1);
        return [tf.sum(x, axes && [...axes]), tf.sum(x, axes && [...axes], true)];
      });
      for (const [i, got] of simd.entries()) expectClose(got, cpu[i], 1e-5, `[${shape}] over [${axes}]`);
    }
  });

  it('passes on NaN in maximum and minimum, and relu, as cpu', async () => {
    const [simd, cpu] = await onBoth(() => {
      const a = tf.tensor1d([Number.NaN, 1, Number.NaN, 0, -0, Number.POSITIVE_INFINITY]);
      const b = tf.tensor1d([1, Number.NaN, Number.NaN, -0, 0, Number.NaN]);
      return [tf.maximum(a, b), tf.minimum(a, b), tf.relu(a), tf.sqrt(b), tf.square(a)];
    });
    for (const [i, got] of simd.entries()) expect([...got].map(String)).to.deep.equal([...cpu[i]].map(String));
  });

  it('has the gradients of cpu', async () => {
    const cases: Readonly<Record<string, () => tf.Tensor[]>> = {
      gelu: () => tf.grads((x: tf.Tensor) => tf.sum(tf.square(gelu(x))))([tf.mul(random([3, 7, 5], 1), 3)]),
      layerNorm: () =>
        tf.grads((x, g, b) => tf.sum(tf.square(layerNorm(x, g, b, 1e-6))))([
          random([2, 5, 7, 11], 1),
          random([11], 2),
          random([11], 3),
        ]),
      'layerNorm of many positions': () =>
        tf.grads((x, g, b) => tf.sum(tf.square(layerNorm(x, g, b, 1e-6))))([
          random([1500, 20], 1),
          random([20], 2),
          random([20], 3),
        ]),
      globalResponseNorm: () =>
        tf.grads((x, g, b) => tf.sum(tf.square(globalResponseNorm(x as tf.Tensor4D, g, b))))([
          random([2, 5, 7, 18], 1),
          random([18], 2),
          random([18], 3),
        ]),
      'globalResponseNorm with a silent channel': () =>
        tf.grads((x, g, b) => tf.sum(tf.square(globalResponseNorm(x as tf.Tensor4D, g, b))))([
          tf.mul(random([1, 30, 31, 4], 1), tf.tensor1d([1, 0, 2, 1])),
          random([4], 2),
          random([4], 3),
        ]),
      depthwiseConv: () =>
        tf.grads((x, f, b) => tf.sum(tf.square(depthwiseConv(x as tf.Tensor4D, f as tf.Tensor4D, b, 3))))([
          random([2, 9, 5, 21], 1),
          random([7, 7, 21, 1], 2),
          random([21], 3),
        ]),
      'depthwiseConv of another size': () =>
        tf.grads((x, f, b) => tf.sum(tf.square(depthwiseConv(x as tf.Tensor4D, f as tf.Tensor4D, b, 1))))([
          random([2, 6, 5, 4], 1),
          random([3, 3, 4, 1], 2),
          random([4], 3),
        ]),
      patches: () =>
        tf.grads((x, f) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'valid'))))([
          random([2, 9, 7, 5], 1),
          random([2, 2, 5, 19], 2),
        ]),
      'an overlapping convolution': () =>
        tf.grads((x, f) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'))))([
          random([1, 6, 7, 3], 1),
          random([3, 3, 3, 4], 2),
        ]),
      matMul: () =>
        tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D))))([
          random([1100, 9], 1),
          random([9, 50], 2),
        ]),
      'matMul of transposed': () =>
        tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, true, true))))([
          random([9, 13], 1),
          random([20, 9], 2),
        ]),
    };
    for (const [name, compute] of Object.entries(cases)) {
      const [simd, cpu] = await onBoth(compute);
      for (const [i, got] of simd.entries()) expectClose(got, cpu[i], 1e-5, `${name}, gradient ${i}`);
    }
  });

  it('counts what it holds', () => {
    const before = tf.memory();
    const x = tf.square(tf.fill([100, 100], 2));
    expect(tf.memory().numTensors - before.numTensors).to.equal(2);
    expect(tf.memory().numBytes - before.numBytes).to.equal(80_000);
    tf.dispose(x);
    expect(tf.memory().numDataBuffers - before.numDataBuffers).to.equal(1);
  });
});

describe('Buffers', () => {
  it('gives back an array of the same length, and each once', () => {
    const buffers = new Buffers();
    const [array, other] = [buffers.take(5000), buffers.take(6000)];
    buffers.give(array);
    expect(buffers.bytes).to.equal(20_000);
    expect(buffers.take(5000)).to.equal(array);
    expect(buffers.bytes).to.equal(0);
    expect(buffers.take(5000)).not.to.equal(array);
    buffers.give(other);
    expect(buffers.take(6000)).to.equal(other);
  });

  it('has an eighth to spare, and makes arrays as it is told', () => {
    const buffers = new Buffers((length) => new Float32Array(length + 1).subarray(1));
    const all = Array.from({ length: 8 }, () => buffers.take(5000));
    expect(all[0].byteOffset).to.equal(4);
    for (const array of all) buffers.give(array);
    const one = buffers.take(5001); // beside it wait eight: 9 * 20,000 is an eighth more than was in use, less 4 bytes too many
    expect(buffers.bytes).to.equal(7 * 20_000);
    buffers.give(one);
    buffers.give(buffers.take(5000));
    expect(buffers.bytes).to.equal(7 * 20_000 + 20_004);
  });

  it('does not keep small arrays', () => {
    const buffers = new Buffers();
    buffers.give(buffers.take(100));
    expect(buffers.bytes).to.equal(0);
  });

  it('holds no more than was once in use, and drops the sizes that were used first', () => {
    const buffers = new Buffers();
    const [a, b] = [buffers.take(10_000), buffers.take(20_000)]; // 120 KB in use
    buffers.give(a);
    buffers.give(b);
    expect(buffers.bytes).to.equal(120_000);
    const c = buffers.take(25_000); // 100 KB: room for neither beside it
    expect(buffers.bytes).to.equal(0);
    buffers.give(c);
    expect(buffers.bytes).to.equal(100_000);
    const d = buffers.take(5000); // 20 KB fit beside
    expect(buffers.bytes).to.equal(100_000);
    expect(buffers.take(25_000)).to.equal(c);
    buffers.give(d);
    expect(buffers.bytes).to.equal(20_000);
  });

  it('does not count what somebody else holds now', () => {
    const buffers = new Buffers();
    const [a, b] = [buffers.take(10_000), buffers.take(10_000)];
    buffers.forget(a);
    buffers.give(b);
    expect(buffers.bytes).to.equal(40_000);
    expect(buffers.take(10_000)).to.equal(b);
  });
});

describe('broadcastAxes', () => {
  it('merges axes along which both operands do the same', () => {
    const axes = (a: readonly number[], b: readonly number[]) => {
      const all = broadcastAxes(a, b)!;
      const ones = all.slice(0, 6).findIndex((size) => size > 1);
      return [0, 6, 12].map((from) => all.slice(from + (ones < 0 ? 6 : ones), from + 6));
    };
    expect(axes([2, 3, 4], [2, 3, 4])).to.deep.equal([[24], [1], [1]]);
    // b stays the same along the first two axes
    expect(axes([2, 3, 4], [4])).to.deep.equal([
      [6, 4],
      [4, 1],
      [0, 1],
    ]);
    expect(axes([2, 3, 1], [1, 3, 4])).to.deep.equal([
      [2, 3, 4],
      [3, 1, 0],
      [0, 4, 1],
    ]);
    expect(axes([], [])).to.deep.equal([[], [], []]);
    expect(axes([2, 1, 3, 1, 5], [1, 4, 1, 2, 5])).to.deep.equal([
      [2, 4, 3, 2, 5],
      [15, 0, 5, 0, 1],
      [0, 10, 0, 5, 1],
    ]);
    expect(broadcastAxes([2, 1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 1, 2, 1])).to.equal(undefined);
  });
});

describe('reductions', () => {
  it('takes neighbouring axes at once, the last ones first', () => {
    const step = (outer: number, reduced: number, inner: number) => ({ outer, reduced, inner });
    expect(reductions([2, 3, 4], [1, 2])).to.deep.equal({ steps: [step(2, 12, 1)], shape: [2], count: 12 });
    expect(reductions([2, 3, 4], -2, true)).to.deep.equal({ steps: [step(2, 3, 4)], shape: [2, 1, 4], count: 3 });
    expect(reductions([2, 3, 4], undefined)).to.deep.equal({ steps: [step(1, 24, 1)], shape: [], count: 24 });
    const apart = [step(6, 4, 1), step(1, 2, 3)];
    expect(reductions([2, 3, 4], [0, 2])).to.deep.equal({ steps: apart, shape: [3], count: 8 });
    expect(reductions([], undefined)).to.deep.equal({ steps: [], shape: [], count: 1 });
  });
});
