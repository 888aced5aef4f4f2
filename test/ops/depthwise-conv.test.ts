import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { depthwiseConv } from '../../src/ops/depthwise-conv.js';
import { expectClose, numbers, tensorsLeft } from './helpers.js';

const [N, H, W, C, K] = [2, 5, 4, 3, 3];
const PADDING = 2;

/** In plain loops: out[i, j] = bias + the sum over taps of x[i + a - padding, j + b - padding] * filter[a, b]. */
function loops(x: ArrayLike<number>, filter: ArrayLike<number>, bias: ArrayLike<number>, padding: number): number[] {
  const [height, width] = [H + 2 * padding - K + 1, W + 2 * padding - K + 1];
  return Array.from({ length: N * height * width * C }, (_, at) => {
    const [n, i, j, c] = [
      Math.floor(at / (height * width * C)),
      Math.floor(at / (width * C)) % height,
      Math.floor(at / C) % width,
      at % C,
    ];
    let sum = bias[c];
    for (let a = 0; a < K; a++) {
      for (let b = 0; b < K; b++) {
        const [y, z] = [i + a - padding, j + b - padding];
        if (y >= 0 && y < H && z >= 0 && z < W) sum += x[((n * H + y) * W + z) * C + c] * filter[(a * K + b) * C + c];
      }
    }
    return sum;
  });
}

describe('depthwiseConv', () => {
  before(async () => {
    await useBackend('cpu');
    await import('../../src/backend/gradients.js');
  });

  const inputs = () => ({
    x: tf.tensor4d(numbers(N * H * W * C), [N, H, W, C]),
    filter: tf.tensor4d(numbers(K * K * C).reverse(), [K, K, C, 1]),
    bias: tf.tensor1d([1, -2, 3]),
  });

  it('sums taps, and zeros beside the map', () => {
    tf.tidy(() => {
      const { x, filter, bias } = inputs();
      for (const padding of [0, 1, PADDING]) {
        const got = depthwiseConv(x, filter, bias, padding);
        expectClose(got, loops(x.dataSync(), filter.dataSync(), bias.dataSync(), padding), 1e-6);
      }
    });
  });

  it('has the gradients of its loops, which are linear in each input', () => {
    tf.tidy(() => {
      const { x, filter, bias } = inputs();
      const out = depthwiseConv(x, filter, bias, PADDING);
      const dy = tf.tensor(numbers(out.size).reverse(), out.shape);
      const all = tf.grads((x, filter, bias) => depthwiseConv(x as tf.Tensor4D, filter as tf.Tensor4D, bias, PADDING));
      const got = all([x, filter, bias], dy);
      const values = [x, filter, bias].map((tensor) => tensor.dataSync());
      const slopes = dy.dataSync();
      const objective = (changed: readonly ArrayLike<number>[]) =>
        loops(changed[0], changed[1], changed[2], PADDING).reduce((sum, value, i) => sum + value * slopes[i], 0);
      const base = objective(values);
      values.forEach((of, which) => {
        const want = Array.from(of, (_, i) => {
          const moved = values.map((each, k) =>
            k === which ? Float64Array.from(each, (v, j) => (j === i ? v + 1 : v)) : each,
          );
          return objective(moved) - base;
        });
        expectClose(got[which], want, 1e-5);
      });
    });
  });

  it('leaves nothing behind', () => {
    const { x, filter, bias } = inputs();
    expect(tensorsLeft(() => depthwiseConv(x, filter, bias, 1))).to.equal(0);
    tf.dispose([x, filter, bias]);
  });
});
