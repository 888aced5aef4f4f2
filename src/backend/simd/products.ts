import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, allFloat, type Inputs, type Pack, type SimdBackend } from './kernel.js';
import { ACTIVATION, type NativeActivation, packedSize } from './native.js';

function activationOf(name: string | undefined): NativeActivation | undefined {
  return name === undefined || name === 'linear' ? ACTIVATION.linear : name === 'relu' ? ACTIVATION.relu : undefined;
}

/** A convolution that is a matrix product: of patches that do not overlap, 1 x 1 among them; no padding, no dilation. */
export function patchConvolution(
  backend: SimdBackend,
  { x, filter, bias }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const patches = patchesOf(x.shape, filter.shape, attributes);
  if (!patches || (attributes.activation ?? 'linear') !== 'linear' || !allFloat(x, filter, bias)) return undefined;
  const { n, height, width, channels, side, to, outShape } = patches;
  if (bias && bias.shape.join() !== String(to)) return undefined;
  const packed = packedMatrix(backend, filter, side * side * channels, to);
  const offsets = bias ? backend.floats(bias) : null;
  return backend.output(outShape, (out) => {
    const values = backend.floats(x);
    if (side > 1)
      backend.native.patches(values, packed, offsets, null, null, 0, n, height, width, channels, side, to, out);
    else backend.native.matMul(values, packed, offsets, ACTIVATION.linear, out.length / to, channels, to, out);
  });
}

/** A tensor as a packed matrix [k, n], the values being those of [n, k] where it is turned. */
export function packedMatrix(
  backend: SimdBackend,
  tensor: tf.TensorInfo,
  k: number,
  n: number,
  how: 'matrix' | 'turned' = 'matrix',
): Float32Array {
  const turned = how === 'turned' ? 1 : 0;
  const pack: Pack = (packed) => backend.native.packMatrix(backend.floats(tensor), k, n, turned, packed);
  return backend.packed(tensor, packedSize(backend.native, k, n), pack, how);
}

/** The gradient of its filter. */
export function convolutionFilter(
  backend: SimdBackend,
  { x, dy }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const patches = patchesOf(x.shape, attributes.filterShape, attributes);
  if (!patches || !allFloat(x, dy)) return undefined;
  const { n, height, width, channels, side, to } = patches;
  return backend.output(attributes.filterShape, (out) => {
    backend.native.patchesFilter(backend.floats(x), backend.floats(dy), n, height, width, channels, side, to, out);
  });
}

/** The gradient of its input. */
export function convolutionInput(
  backend: SimdBackend,
  { dy, filter }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const patches = patchesOf(attributes.inputShape, filter.shape, attributes);
  if (!patches || !allFloat(dy, filter)) return undefined;
  const { n, height, width, channels, side, to } = patches;
  const k = side * side * channels;
  const packed = packedMatrix(backend, filter, to, k, 'turned');
  return backend.output(attributes.inputShape, (out) => {
    backend.native.patchesInput(backend.floats(dy), packed, n, height, width, channels, side, to, out);
  });
}

/** What the native kernels need to know of a convolution whose patches do not overlap; undefined for any other. */
function patchesOf(
  xShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad, dilations = 1, dataFormat, dimRoundingMode }: Attributes,
) {
  const [, height, width, channels] = xShape;
  const [side, across, , to] = filterShape;
  if (dataFormat === 'NCHW' || side !== across) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    xShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const { padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth, batchSize: n, outShape } = info;
  const padding = padInfo.top + padInfo.bottom + padInfo.left + padInfo.right;
  const apart = strideHeight === side && strideWidth === side && dilationHeight * dilationWidth === 1;
  return apart && padding === 0 ? { n, height, width, channels, side, to, outShape } : undefined;
}

/** A product of two matrices, the first as it lies; b is packed once for as long as it lives. */
export function product(
  backend: SimdBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  { transposeA, transposeB, activation }: Attributes,
): tf.TensorInfo | undefined {
  const code = activationOf(activation);
  const single = [...a.shape.slice(0, -2), ...b.shape.slice(0, -2)].every((length) => length === 1);
  if (code === undefined || !single || !allFloat(a, b, bias)) return undefined;
  if (transposeA) return transposeB || bias ? undefined : transposedProduct(backend, a, b);
  const [rows, k] = a.shape.slice(-2);
  const n = b.shape[b.shape.length - (transposeB ? 2 : 1)];
  if (bias && bias.shape.join() !== String(n)) return undefined;
  const packed = packedMatrix(backend, b, k, n, transposeB ? 'turned' : 'matrix');
  const offsets = bias ? backend.floats(bias) : null;
  const shape = [...a.shape.slice(0, -2), rows, n];
  return backend.output(shape, (out) => {
    backend.native.matMul(backend.floats(a), packed, offsets, code, rows, k, n, out);
  });
}

/** a^T b: the gradient of a weight matrix. */
function transposedProduct(backend: SimdBackend, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const [rows, k] = a.shape.slice(-2);
  const n = b.shape[b.shape.length - 1];
  return backend.output([...a.shape.slice(0, -2), k, n], (out) => {
    backend.native.matMulTransposed(backend.floats(a), backend.floats(b), rows, k, n, out);
  });
}
