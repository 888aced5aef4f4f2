import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { convNorm } from '../../src/ops/conv-norm.js';
import { convolve } from '../../src/ops/convolve.js';

const random = (shape: [number, number, number, number], seed: number) =>
  tf.randomNormal<tf.Rank.R4>(shape, 0, 1, 'float32', seed);

function expectClose(got: tf.Tensor, want: tf.Tensor, tolerance = 1e-5): void {
  expect(got.shape).to.deep.equal(want.shape);
  const [a, b] = [got, want].map((tensor) => tensor.dataSync() as Float32Array);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  a.forEach((value, i) => {
    expect(value).to.be.closeTo(b[i], tolerance * largest);
  });
}

for (const backend of ['cpu', 'auto'] as const) {
  describe(`convolve, backend ${backend}`, () => {
    before(() => useBackend(backend));

    it('is the sum under the filter', () => {
      tf.tidy(() => {
        const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
        const filter = tf.ones<tf.Rank.R4>([3, 3, 1, 1]);
        expect([...convolve(x, filter, 1).dataSync()]).to.deep.equal([10, 10, 10, 10]);
        // dy of 1 at the first place alone: all of x lies under the lower right of the filter
        const dy = tf.tensor4d([1, 0, 0, 0], [1, 2, 2, 1]);
        const [, dfilter] = tf.grads((x, filter) => convolve(x as tf.Tensor4D, filter as tf.Tensor4D, 1))(
          [x, filter],
          dy,
        );
        expect([...dfilter.dataSync()]).to.deep.equal([0, 0, 0, 0, 1, 2, 0, 3, 4]);
      });
    });

    for (const [name, size, k, padding] of [
      ['3x3 of odd maps', [2, 7, 11], 3, 1],
      ['1x1', [1, 5, 3], 1, 0],
      ['5x5 with less padding than would keep the size', [1, 9, 8], 5, 1],
      ['of maps smaller than the filter', [3, 1, 2], 3, 1],
      ['of many channels, as Winograd', [1, 16, 17], 3, 1],
    ] as const) {
      it(`has the gradient of tfjs: ${name}`, () => {
        tf.tidy(() => {
          const channels = size[1] === 16 ? [18, 20] : [3, 4];
          const x = random([...size, channels[0]], 1);
          const filter = random([k, k, channels[0], channels[1]], 2);
          const pad: [[number, number], [number, number], [number, number], [number, number]] = [
            [0, 0],
            [padding, padding],
            [padding, padding],
            [0, 0],
          ];
          const reference = (x: tf.Tensor, filter: tf.Tensor) =>
            tf.conv2d(tf.pad(x as tf.Tensor4D, pad), filter as tf.Tensor4D, 1, 'valid');
          const own = (x: tf.Tensor, filter: tf.Tensor) => convolve(x as tf.Tensor4D, filter as tf.Tensor4D, padding);
          const dy = random(reference(x, filter).shape, 3);
          expectClose(own(x, filter), reference(x, filter));
          const [got, want] = [own, reference].map((f) => tf.grads(f)([x, filter], dy));
          expectClose(got[0], want[0]);
          expectClose(got[1], want[1]);
        });
      });
    }

    it('leaves no tensor behind', () => {
      const [x, filter] = [random([1, 4, 5, 2], 1), random([3, 3, 2, 3], 2)];
      const before = tf.memory().numTensors;
      const { value, grads } = tf.valueAndGrads((x, filter) =>
        tf.sum(convolve(x as tf.Tensor4D, filter as tf.Tensor4D, 1)),
      )([x, filter]);
      expect(tf.memory().numTensors - before).to.equal(3);
      tf.dispose([x, filter, value, grads]);
    });
  });

  describe(`convNorm, backend ${backend}`, () => {
    before(() => useBackend(backend));

    for (const [name, channels, side] of [
      ['few channels', [3, 5], 6],
      ['many, as Winograd', [20, 33], 19],
    ] as const) {
      it(`folds the norm, and changes nothing beyond 1e-5: ${name}`, () => {
        tf.tidy(() => {
          const [from, to] = channels;
          const x = random([2, side, side + 3, from], 1);
          const vector = (mean: number, seed: number) => tf.randomNormal<tf.Rank.R1>([to], mean, 0.3, 'float32', seed);
          const tensors = {
            filter: random([3, 3, from, to], 2),
            gamma: vector(1, 3),
            beta: vector(0, 4),
            mean: vector(0, 5),
            variance: tf.abs(vector(2, 6)),
          };
          const { filter, gamma, beta, mean, variance } = tensors;
          const norm = (y: tf.Tensor4D) =>
            tf.add<tf.Tensor4D>(tf.mul(tf.div(tf.sub(y, mean), tf.sqrt(tf.add(variance, 1e-5))), gamma), beta);
          const want = tf.relu(norm(tf.conv2d(x, filter, 1, 'same')));
          expectClose(convNorm(x, tensors, 1, 1e-5), want);
          // what is packed for one filter is not taken where another tensor has changed
          const other = { ...tensors, beta: tf.add<tf.Tensor1D>(beta, 1) };
          expectClose(convNorm(x, other, 1, 1e-5), tf.relu(tf.add(norm(tf.conv2d(x, filter, 1, 'same')), 1)));
          expectClose(convNorm(x, tensors, 1, 1e-5), want);
          // nor at a size of maps that goes another way
          const small = tf.slice<tf.Rank.R4, tf.Tensor4D>(x, [0, 0, 0, 0], [1, 2, 3, from]);
          expectClose(convNorm(small, tensors, 1, 1e-5), tf.relu(norm(tf.conv2d(small, filter, 1, 'same'))));
        });
      });
    }
  });
}
