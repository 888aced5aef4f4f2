import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { useBackend } from '../../../src/backend/use-backend.js';
import { resample } from '../../../src/ops/index.js';
import { compare, expectClose, kernels, tensor } from './helpers.js';

const map = (shape: readonly number[], seed = 1) => tensor(shape, seed) as tf.Tensor4D;

type Pad = 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
const pads: fc.Arbitrary<Pad> = fc.constantFrom<Pad>('same', 'valid', 1, 2, [
  [0, 0],
  [2, 0],
  [1, 3],
  [0, 0],
] as tf.backend_util.ExplicitPadding);

/** A convolution on maps of any size, odd ones among them. */
const convolutions = fc.record({
  n: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 5, max: 12 }),
  width: fc.integer({ min: 5, max: 12 }),
  from: fc.integer({ min: 1, max: 20 }),
  to: fc.integer({ min: 1, max: 20 }),
  kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  strides: fc.constantFrom<[number, number]>([1, 1], [2, 2], [1, 2], [3, 2]),
  pad: pads,
});

/** The gradient of the sum of squares, which has slopes of all sizes, for one of the inputs. */
const slope = (f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: readonly tf.Tensor[], i: number) =>
  tf.grads((...all: tf.Tensor[]) => tf.sum(tf.square(f(...all))))([...inputs])[i];

describe('gradients on backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
    await import('../../../src/backend/gradients.js');
  });
  after(() => useBackend('cpu'));

  it('of convolutions as cpu', async () => {
    await fc.assert(
      fc.asyncProperty(convolutions, async ({ n, height, width, from, to, kernel, strides, pad }) => {
        const inputs = () => [map([n, height, width, from]), map([...kernel, from, to], 2)];
        const f = (x: tf.Tensor, filter: tf.Tensor) =>
          tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad as number);
        const what = JSON.stringify([n, height, width, from, to, kernel, strides, pad]);
        const ofInput = await compare(`input ${what}`, () => slope(f, inputs(), 0), 1e-5);
        const ways = ['convolutionInput', 'patchesInput', 'winograd', 'convolution'];
        expect(
          ways.some((way) => ofInput[way]),
          what,
        ).to.equal(true);
        expect(await compare(`filter ${what}`, () => slope(f, inputs(), 1), 1e-5), what).to.include({
          convolutionFilter: 1,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('of convolutions with more padding than the filter reaches, and of transposed ones', async () => {
    const wide = (x: tf.Tensor, filter: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 3);
    const inputs = () => [map([2, 5, 6, 3]), map([3, 2, 3, 4], 2)];
    expect(await compare('wide', () => slope(wide, inputs(), 0), 1e-5)).to.include({ convolutionInput: 1 });
    for (const [strides, pad] of [
      [2, 'same'],
      [1, 'valid'],
      [3, 'valid'],
    ] as const) {
      const [height, width] = [5, 6].map((size) => (pad === 'same' ? 2 * size : (size - 1) * strides + 3));
      const turned = (x: tf.Tensor, filter: tf.Tensor) =>
        tf.conv2dTranspose(x as tf.Tensor4D, filter as tf.Tensor4D, [2, height, width, 4], strides, pad);
      const of = () => [map([2, 5, 6, 3]), map([3, 3, 4, 3], 2)];
      await compare(`transposed ${strides} ${pad}`, () => turned(of()[0], of()[1]), 5e-6);
      for (const i of [0, 1]) await compare(`transposed ${strides} ${pad} ${i}`, () => slope(turned, of(), i), 1e-5);
    }
  });

  it('of depthwise convolutions, with several outputs for a channel too', async () => {
    await fc.assert(
      fc.asyncProperty(
        convolutions,
        fc.integer({ min: 1, max: 3 }),
        async ({ n, height, width, from, kernel, strides, pad }, times) => {
          if (Array.isArray(pad)) return; // tfjs' op takes none
          const [stride] = strides; // nor strides that differ
          const inputs = () => [map([n, height, width, from]), map([...kernel, from, times], 2)];
          const f = (x: tf.Tensor, filter: tf.Tensor) =>
            tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad);
          const what = JSON.stringify([n, height, width, from, times, kernel, stride, pad]);
          await compare(what, () => f(inputs()[0], inputs()[1]));
          expect(await compare(`input ${what}`, () => slope(f, inputs(), 0), 1e-5)).to.include({
            depthwiseAnyInput: 1,
          });
          expect(await compare(`filter ${what}`, () => slope(f, inputs(), 1), 1e-5)).to.include({
            depthwiseAnyFilter: 1,
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of dilated depthwise convolutions, where cpu leaves the dilation out', async () => {
    await tf.setBackend('simd');
    const attributes = { strides: [1, 1], dilations: [2, 3], pad: 'same' };
    tf.tidy(() => {
      const [x, filter, dy] = [map([2, 9, 11, 4]), map([3, 3, 4, 2], 2), map([2, 9, 11, 8], 3)];
      const run = (name: string, inputs: tf.NamedTensorMap, shape: object) =>
        tf.engine().runKernel(name, inputs, { ...attributes, ...shape }) as tf.Tensor;
      const ofFilter = run('DepthwiseConv2dNativeBackpropFilter', { x, dy }, { filterShape: filter.shape });
      const ofInput = run('DepthwiseConv2dNativeBackpropInput', { dy, filter }, { inputShape: x.shape });
      // linear in both: <dy, f(x, w)> = <dx, x> = <dw, w>
      const whole = tf.sum(tf.mul(tf.depthwiseConv2d(x, filter, 1, 'same', 'NHWC', [2, 3]), dy)).dataSync();
      const products = [tf.mul(ofFilter, filter), tf.mul(ofInput, x)];
      for (const product of products) expectClose(tf.sum(product).dataSync() as Float32Array, whole, 1e-5, 'dilated');
    });
  });

  it('of poolings as cpu', async () => {
    for (const size of [1, 2, 3, [3, 2]] as const) {
      for (const strides of [1, 2, 3]) {
        for (const pad of ['same', 'valid', 1] as const) {
          if (size === 1 && pad === 1) continue;
          for (const pool of [tf.maxPool, tf.avgPool]) {
            // halves, so that windows have several greatest
            const x = () => tf.div(tf.round(tf.mul(map([2, 9, 8, 5]), 4)), 2);
            const run = () => slope((x) => pool(x as tf.Tensor4D, size as number, strides, pad), [x()], 0);
            const calls = await compare(`${pool.name} ${size} ${strides} ${pad}`, run, 1e-6);
            expect(calls).to.include({ poolGradient: 1 });
          }
        }
      }
    }
  });

  // cpu's is wrong for a batch of nearest ones, for half-pixel centres, and for bilinear ones of pictures that are not square
  it('of resizing: as cpu where that is right, and right where it is not', async () => {
    for (const size of [
      [5, 6],
      [10, 12],
      [3, 4],
      [1, 1],
      [7, 13],
    ] as const) {
      for (const corners of [false, true]) {
        const nearest = (x: tf.Tensor) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [...size], corners);
        expect(
          await compare(`nearest ${size} ${corners}`, () => slope(nearest, [map([1, 5, 6, 3])], 0), 1e-6),
        ).to.include({ poolGradient: 1 });
        const bilinear = (x: tf.Tensor) => tf.image.resizeBilinear(x as tf.Tensor4D, [...size], corners);
        expect(
          await compare(`bilinear ${size} ${corners}`, () => slope(bilinear, [map([2, 6, 6, 3])], 0), 1e-6),
        ).to.include({ interpolateGradient: 1 });
      }
      for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
        for (const centres of [false, true]) {
          await tf.setBackend('simd');
          // of a linear map: <dy, f(x)> = <df(dy), x>
          tf.tidy(() => {
            const x = map([2, 5, 6, 3]);
            const f = (x: tf.Tensor) => resize(x as tf.Tensor4D, [...size], false, centres) as tf.Tensor;
            const dy = tensor([2, ...size, 3], 2);
            const [there, back] = [tf.sum(tf.mul(f(x), dy)), tf.sum(tf.mul(tf.grad(f)(x, dy), x))];
            expectClose(back.dataSync() as Float32Array, there.dataSync(), 1e-5, `${size} ${centres}`);
          });
        }
      }
      for (const how of ['bilinear', 'nearest', 'average'] as const) {
        const f = (x: tf.Tensor) => resample(x as tf.Tensor4D, size, how);
        const calls = await compare(`${how} ${size}`, () => slope(f, [map([3, 5, 6, 17])], 0), 1e-6);
        expect(calls).to.include({ [how === 'bilinear' ? 'interpolateGradient' : 'poolGradient']: 1 });
      }
    }
  });

  it('of empty maps, and of NCHW, as cpu', async () => {
    const f = (x: tf.Tensor, filter: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same');
    const none = () => [map([0, 5, 5, 4]), map([3, 3, 4, 6], 2)];
    for (const i of [0, 1]) await compare(`empty ${i}`, () => slope(f, none(), i));
    const first = (x: tf.Tensor, filter: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same', 'NCHW');
    for (const i of [0, 1])
      await compare(`NCHW ${i}`, () => slope(first, [map([1, 4, 5, 5]), map([3, 3, 4, 6], 2)], i), 1e-5);
    await compare('no pictures to pool', () =>
      slope((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'same'), [map([0, 4, 4, 3])], 0),
    );
  });
});

describe('products on backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  /** In plain loops: cpu gives too few values where the batches of both are broadcast. */
  function inLoops(a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): tf.Tensor {
    const [x, y] = [a.arraySync(), b.arraySync()] as unknown[];
    const batch = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const [rows, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
    const n = b.shape.at(transposeB ? -2 : -1)!;
    const at = (of: unknown, shape: readonly number[], indices: readonly number[], i: number, j: number): number => {
      const own = indices.slice(indices.length - (shape.length - 2));
      const matrix = own.reduce((part, index, axis) => (part as unknown[])[shape[axis] === 1 ? 0 : index], of);
      return (matrix as number[][])[i][j];
    };
    const out = tf.buffer([...batch, rows, n]);
    for (let i = 0; i < out.size; i++) {
      const indices = out.indexToLoc(i);
      const [row, column] = indices.slice(-2);
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const left = transposeA
          ? at(x, a.shape, indices.slice(0, -2), p, row)
          : at(x, a.shape, indices.slice(0, -2), row, p);
        sum +=
          left *
          (transposeB
            ? at(y, b.shape, indices.slice(0, -2), column, p)
            : at(y, b.shape, indices.slice(0, -2), p, column));
      }
      out.set(sum, ...indices);
    }
    return out.toTensor();
  }

  it('of batches of any shape, broadcast, and transposed', async () => {
    const sides = fc.integer({ min: 1, max: 19 });
    const cases = fc.record({
      batch: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('a', 'b', 'both', 'both')), {
        maxLength: 3,
      }),
      sizes: fc.tuple(sides, sides, sides),
      turned: fc.tuple(fc.boolean(), fc.boolean()),
      fewer: fc.boolean(),
    });
    await tf.setBackend('simd');
    fc.assert(
      fc.property(cases, ({ batch, sizes: [rows, k, n], turned: [left, right], fewer }) => {
        tf.tidy(() => {
          const of = (operand: string) =>
            batch.map(([length, who]) => (who === operand || who === 'both' ? length : 1));
          const b = tensor([...of('b').slice(fewer ? 1 : 0), ...(right ? [n, k] : [k, n])], 2);
          const a = tensor([...of('a'), ...(left ? [k, rows] : [rows, k])], 1);
          const got = tf.matMul(a, b, left, right);
          const want = inLoops(a, b, left, right);
          expect(got.shape).to.deep.equal(want.shape);
          expectClose(got.dataSync() as Float32Array, want.dataSync(), 2e-6, `${a.shape} ${b.shape} ${left} ${right}`);
        });
      }),
      { numRuns: 150 },
    );
  });

  it('of both batches broadcast, where cpu has too few values', async () => {
    await tf.setBackend('simd');
    // [2, 1] and [1, 3] matrices of one number: a table of products
    const table = tf.tidy(() => tf.matMul(tf.tensor([2, 3], [2, 1, 1, 1]), tf.tensor([5, 7, 11], [1, 3, 1, 1])));
    expect(table.shape).to.deep.equal([2, 3, 1, 1]);
    expect([...table.dataSync()]).to.deep.equal([10, 14, 22, 15, 21, 33]);
    table.dispose();
  });

  it('take the kernels made for them', async () => {
    for (const [a, b, left, right, kernel] of [
      [[2, 5, 4], [2, 4, 3], false, false, 'products'],
      [[2, 5, 4], [4, 3], false, false, 'matMul'],
      [[1, 5, 4], [2, 3, 4], false, true, 'products'],
      [[5, 4], [5, 3], true, false, 'matMulTransposed'],
      [[5, 4], [3, 5], true, true, 'products'],
      [[70, 64], [3, 64, 200], false, false, 'products'],
    ] as const) {
      const run = () => tf.matMul(tensor(a, 1), tensor(b, 2), left, right);
      expect(await compare(`${a} ${b}`, run), `${a} ${b}`).to.include({ [kernel]: 1 });
    }
  });

  it('fuse a bias of any shape and every activation as cpu', async () => {
    for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const) {
      for (const [shape, bias] of [
        [[3, 5, 4], [6]],
        [[5, 4], [6]],
        [
          [3, 5, 4],
          [5, 6],
        ],
        [[5, 4], []],
      ] as const) {
        for (const turned of [false, true]) {
          const run = () =>
            tf.fused.matMul({
              a: turned ? tf.transpose(tensor(shape, 1), shape.length === 3 ? [0, 2, 1] : [1, 0]) : tensor(shape, 1),
              b: tensor([...shape.slice(0, -2), 4, 6], 2),
              transposeA: turned,
              bias: tensor(bias, 3),
              activation,
              ...(activation === 'leakyrelu' && { leakyreluAlpha: 0.3 }),
              ...(activation === 'prelu' && { preluActivationWeights: tensor([6], 4) }),
            });
          await compare(`${activation} ${shape} ${bias} ${turned}`, run);
        }
      }
    }
  });

  it('of nothing, and of what does not fit, as cpu', async () => {
    await compare('empty', () => tf.matMul(tensor([2, 0, 4], 1), tensor([2, 4, 3], 2)));
    expect(() => tf.tidy(() => tf.matMul(tensor([2, 3, 4], 1), tensor([2, 3, 4], 2)))).to.throw(/must match/);
  });
});
