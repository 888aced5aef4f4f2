import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';

export const maxPool = (backend: SimdBackend, inputs: Inputs, attributes: Attributes) =>
  pool(backend, inputs, attributes, 1);

/** The mean of what the window covers of the map: padding does not count. */
export const averagePool = (backend: SimdBackend, inputs: Inputs, attributes: Attributes) =>
  pool(backend, inputs, attributes, 0);

function pool(
  backend: SimdBackend,
  { x }: Inputs,
  { filterSize, strides, pad, dimRoundingMode }: Attributes,
  greatest: 0 | 1,
): tf.TensorInfo | undefined {
  if (!allFloat(x)) return undefined;
  const info = tf.backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padInfo } =
    info;
  // tfjs shares the values of x there
  const same = filterHeight === 1 && filterWidth === 1 && tf.util.arraysEqual(info.inShape, info.outShape);
  if (same || outHeight <= 0 || outWidth <= 0) return undefined;
  const rows = windows(outHeight, inHeight, filterHeight, strideHeight, padInfo.top);
  const columns = windows(outWidth, inWidth, filterWidth, strideWidth, padInfo.left);
  const maps = Int32Array.of(info.batchSize, inHeight, inWidth, info.inChannels, outHeight, outWidth);
  return backend.output(info.outShape, (out) =>
    backend.native.pool(maps, backend.floats(x), rows, columns, greatest, out),
  );
}

/** Begin and end of each output's window, within the map. */
function windows(count: number, size: number, filter: number, stride: number, before: number): Int32Array {
  const places = new Int32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const begin = i * stride - before;
    places[2 * i] = Math.min(Math.max(begin, 0), size);
    places[2 * i + 1] = Math.max(places[2 * i], Math.min(begin + filter, size));
  }
  return places;
}
