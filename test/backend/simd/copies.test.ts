import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { boxOf } from '../../../src/backend/simd/copies.js';
import { useBackend } from '../../../src/backend/use-backend.js';
import { compare, guarded, kernels, tensor } from './helpers.js';

const shapes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

describe('copies on backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  it('transpose as cpu does', async () => {
    const turned = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 2, maxLength: 5 }).chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(turned, async ([shape, perm]) => {
        const calls = await compare(`${shape} ${perm}`, () => tf.transpose(tensor(shape, 1), perm), 0);
        expect(calls).to.deep.equal({ copyBox: 1 });
      }),
      { numRuns: 60 },
    );
    for (const [shape, perm] of [
      [
        [70, 45],
        [1, 0],
      ],
      [
        [33, 5, 65],
        [2, 0, 1],
      ],
      [
        [40, 3, 2, 2],
        [2, 3, 1, 0],
      ],
      [
        [1, 1],
        [1, 0],
      ],
    ]) {
      await compare(`${shape}`, () => tf.transpose(tensor(shape, 1), perm), 0);
    }
    const seven = [2, 1, 2, 3, 2, 2, 2];
    expect(await compare('seven axes', () => tf.transpose(tensor(seven, 1), [6, 5, 4, 3, 2, 1, 0]), 0)).to.include({
      copyBox: 1,
    });
  });

  it('slice, pad and join as cpu does', async () => {
    const parts = shapes.chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.tuple(
          ...shape.map((length) =>
            fc.tuple(fc.integer({ min: 0, max: length - 1 }), fc.integer({ min: 1, max: length })),
          ),
        ),
        fc.nat(shape.length - 1),
      ),
    );
    await fc.assert(
      fc.asyncProperty(parts, async ([shape, ends, axis]) => {
        const begin = ends.map(([first]) => first);
        const size = ends.map(([first, length], i) => Math.min(length, shape[i] - first));
        const slice = () => tf.slice(tensor(shape, 1), begin, size);
        expect(await compare(`slice ${shape} ${begin} ${size}`, slice, 0)).to.deep.equal({ copyBox: 1 });
        const pad = () => tf.pad(tensor(shape, 1), ends as [number, number][], 2.5);
        expect(await compare(`pad ${shape} ${ends}`, pad, 0)).to.deep.equal({ copyBox: 1 });
        const other = shape.map((length, i) => (i === axis ? length + 2 : length));
        const join = () => tf.concat([tensor(shape, 1), tensor(other, 2), tensor(shape, 3)], axis);
        expect(await compare(`concat ${shape} ${axis}`, join, 0)).to.deep.equal({ copyBox: 3 });
      }),
      { numRuns: 60 },
    );
    await compare('to the end', () => tf.slice(tensor([5, 6], 1), [2], [-1]), 0);
  });

  it('tile and split as cpu does', async () => {
    for (const [shape, reps] of [
      [[5], [3]],
      [
        [2, 3, 4],
        [1, 2, 3],
      ],
      [
        [1, 3],
        [4, 1],
      ],
      [
        [2, 1, 2, 3],
        [2, 2, 1, 2],
      ],
    ]) {
      const tile = () => tf.tile(tensor(shape, 1), reps);
      expect(await compare(`tile ${shape} ${reps}`, tile, 0)).to.deep.equal({ copyBox: 1 });
    }
    for (const [shape, sizes, axis] of [
      [[7], [3, 4], 0],
      [[4, 6, 3], 3, 1],
      [[4, 6, 3], [1, 2], -1],
    ] as const) {
      const parts = () =>
        tf.split(
          tensor(shape, 1),
          [sizes].flat().length === 1 ? (sizes as number) : [...(sizes as readonly number[])],
          axis,
        );
      for (const [i] of parts().entries()) await compare(`split ${shape} ${sizes} ${i}`, () => parts()[i], 0);
    }
    await compare('an empty part', () => tf.split(tensor([3, 2], 1), [3, 0], 0)[0], 0);
  });

  it('gather as cpu does', async () => {
    const indices = (shape: number[], below: number) =>
      tf.tensor(
        Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => (i * 7 + 3) % below),
        shape,
        'int32',
      );
    for (const [shape, of, axis] of [
      [[5], [3], 0],
      [[6, 4, 3], [9], 0],
      [[6, 4, 3], [2, 5], 1],
      [[6, 4, 3], [7], -1],
      [[2, 1], [], 0],
    ] as const) {
      const run = () => tf.gather(tensor(shape, 1), indices([...of], [...shape].at(axis)!) as tf.Tensor1D, axis);
      await compare(`${shape} ${of} ${axis}`, run, 0);
    }
    await compare('none', () => tf.gather(tensor([4, 2], 1), tf.tensor1d([], 'int32')), 0);
    await tf.setBackend('simd');
    expect(() => tf.tidy(() => tf.gather(tf.ones([3, 4]), tf.tensor1d([3], 'int32')).dataSync())).to.throw();
  });

  it('leave to cpu what is no float, what is empty, and its errors', async () => {
    await tf.setBackend('simd');
    const whole = tf.tidy(() => tf.transpose(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32')).arraySync());
    expect(whole).to.deep.equal([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(tf.tidy(() => tf.slice(tf.ones([3, 4]), [1, 1], [0, 2]).shape)).to.deep.equal([0, 2]);
    expect(() => tf.tidy(() => tf.slice(tf.ones([3, 4]), [1, 3], [1, 2]))).to.throw();
    expect(() => tf.tidy(() => tf.concat([tf.ones([3, 4]), tf.ones([2, 5])]))).to.throw();
  });

  it('merge axes that lie alike in both arrays', () => {
    // [2, 3, 4] as it lies: one axis of 24
    const [size, from, to] = [24, 1, 1];
    expect(
      boxOf([
        { size: 2, from: 12, to: 12 },
        { size: 3, from: 4, to: 4 },
        { size: 4, from: 1, to: 1 },
      ]),
    ).to.deep.equal(Int32Array.of(1, 1, 1, 1, 1, size, 0, 0, 0, 0, 0, from, 0, 0, 0, 0, 0, to));
    const apart = Array.from({ length: 7 }, (_, i) => ({ size: 2, from: 3 ** i, to: 5 ** (7 - i) }));
    expect(boxOf(apart)).to.equal(undefined);
  });

  for (const { isa, copyBox } of kernels) {
    it(`refuse what is outside of an array: ${isa}`, () => {
      const box = (length: number) => Int32Array.of(1, 1, 1, 1, 1, length, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1);
      const x = new Float32Array(5).fill(3);
      expect([...guarded(4, (out) => copyBox(box(4), x, 1, out, 0))]).to.deep.equal([3, 3, 3, 3]);
      const out = new Float32Array(4);
      expect(() => copyBox(box(4), x, 2, out, 0)).to.throw(RangeError);
      expect(() => copyBox(box(4), x, 0, out, 1)).to.throw(RangeError);
      expect(() => copyBox(box(4), x, -1, out, 0)).to.throw(RangeError);
      expect(() => copyBox(box(0), x, 0, out, 0)).to.throw(RangeError);
      expect(() => copyBox(new Int32Array(17), x, 0, out, 0)).to.throw(RangeError);
    });
  }
});
