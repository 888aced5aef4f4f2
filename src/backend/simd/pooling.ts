import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, allFloat, type Inputs, type Simd, type SimdBackend } from './kernel.js';

type Shape4 = [number, number, number, number];

export const maxPool = (backend: SimdBackend, inputs: Inputs, attributes: Attributes) =>
  pool(backend, inputs, attributes, 1);

/** The mean of what the window covers of the map: padding does not count. */
export const averagePool = (backend: SimdBackend, inputs: Inputs, attributes: Attributes) =>
  pool(backend, inputs, attributes, 0);

function pool(backend: SimdBackend, { x }: Inputs, attributes: Attributes, greatest: 0 | 1): tf.TensorInfo | undefined {
  if (!allFloat(x)) return undefined;
  const { info, maps, rows, columns } = windowsOf(x, attributes);
  // tfjs shares the values of x there
  const same = info.filterHeight === 1 && info.filterWidth === 1 && tf.util.arraysEqual(info.inShape, info.outShape);
  if (same || maps.includes(0)) return undefined;
  return backend.output(info.outShape, (out) =>
    backend.native.pool(maps, backend.floats(x), rows, columns, greatest, out),
  );
}

/** MaxPoolGrad: to the first of the greatest in each window. */
export const maxPoolGradient: Simd = (backend, { dy, input }, attributes) =>
  poolGradient(backend, dy, input, attributes, () => ({ x: backend.floats(input), share: 0 }));

/** AvgPoolGrad. As tfjs has it, every place gets the share of a whole window, at the border too. */
export const averagePoolGradient: Simd = (backend, { dy, input }, attributes) =>
  poolGradient(backend, dy, input, attributes, ({ filterHeight, filterWidth }) => ({
    x: null,
    share: 1 / (filterHeight * filterWidth),
  }));

function poolGradient(
  backend: SimdBackend,
  dy: tf.TensorInfo,
  input: tf.TensorInfo,
  attributes: Attributes,
  how: (info: tf.backend_util.Conv2DInfo) => { readonly x: Float32Array | null; readonly share: number },
): tf.TensorInfo | undefined {
  if (!allFloat(dy, input)) return undefined;
  const { info, maps, rows, columns } = windowsOf(input, attributes);
  if (!tf.util.arraysEqual(info.outShape, dy.shape)) return undefined;
  const { x, share } = how(info);
  return backend.output(input.shape, (dx) =>
    backend.native.poolGradient(maps, x, backend.floats(dy), rows, columns, share, dx),
  );
}

function windowsOf({ shape }: tf.TensorInfo, { filterSize, strides, pad, dimRoundingMode }: Attributes) {
  const info = tf.backend_util.computePool2DInfo(shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padInfo } =
    info;
  return {
    info,
    maps: Int32Array.of(
      info.batchSize,
      inHeight,
      inWidth,
      info.inChannels,
      Math.max(0, outHeight),
      Math.max(0, outWidth),
    ),
    rows: windows(outHeight, inHeight, filterHeight, strideHeight, padInfo.top),
    columns: windows(outWidth, inWidth, filterWidth, strideWidth, padInfo.left),
  };
}

/** Begin and end of each output's window, within the map. */
function windows(count: number, size: number, filter: number, stride: number, before: number): Int32Array {
  const places = new Int32Array(2 * Math.max(0, count));
  for (let i = 0; i < count; i++) {
    const begin = i * stride - before;
    places[2 * i] = Math.min(Math.max(begin, 0), size);
    places[2 * i + 1] = Math.max(places[2 * i], Math.min(begin + filter, size));
  }
  return places;
}
