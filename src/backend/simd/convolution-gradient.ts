import type * as tf from '@tensorflow/tfjs-core';
import { convolveOnce } from './convolution.js';
import type { Attributes, Inputs, SimdBackend } from './kernel.js';

/** ConvNextV2ConvolveGrad: see src/ops/convolve.ts. */
export function convolveGradient(
  backend: SimdBackend,
  { x, filter, dy }: Inputs,
  { padding }: Attributes,
): tf.TensorInfo[] | undefined {
  const [k, l] = filter.shape;
  if (k !== l || padding >= k) return undefined;
  return [gradientOfInput(backend, dy, filter, padding), gradientOfFilter(backend, x, dy, filter.shape, padding)];
}

function gradientOfInput(backend: SimdBackend, dy: tf.TensorInfo, filter: tf.TensorInfo, padding: number) {
  const [k, l, from, to] = filter.shape;
  const weights = backend.floats(filter);
  const turned = new Float32Array(weights.length); // [k, l, to, from]
  for (let place = 0; place < k * l; place++) {
    const [source, target] = [place * from * to, (k * l - 1 - place) * from * to];
    for (let i = 0; i < from; i++) {
      for (let o = 0; o < to; o++) turned[target + o * from + i] = weights[source + i * to + o];
    }
  }
  return convolveOnce(backend, dy, turned, [k, l, to, from], k - 1 - padding);
}

function gradientOfFilter(
  backend: SimdBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  filterShape: readonly number[],
  padding: number,
) {
  const [k, l, from, to] = filterShape;
  const [n, height, width] = x.shape;
  const [, h, w] = dy.shape;
  const values = backend.floats(x);
  const under = new Float32Array(n * h * w * from);
  return backend.output(filterShape, (out) => {
    for (let place = 0; place < k * l; place++) {
      const [down, right] = [Math.floor(place / l) - padding, (place % l) - padding];
      const [begin, end] = [Math.max(0, -right), Math.min(w, width - right)]; // columns of dy with x under them
      under.fill(0);
      for (let row = 0; row < n * h; row++) {
        const y = (row % h) + down;
        if (y < 0 || y >= height) continue;
        const source = ((Math.floor(row / h) * height + y) * width + right) * from;
        under.set(values.subarray(source + begin * from, source + end * from), (row * w + begin) * from);
      }
      const part = out.subarray(place * from * to, (place + 1) * from * to);
      backend.native.matMulTransposed(under, backend.floats(dy), n * h * w, from, to, part);
    }
  });
}
