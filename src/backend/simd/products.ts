import * as tf from '@tensorflow/tfjs-core';
import { activated, isActivation } from './activation.js';
import { type Attributes, allFloat, type Inputs, type Pack, type SimdBackend } from './kernel.js';
import { ACTIVATION, packedSize } from './native.js';

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

/** The gradient of the input of a convolution whose patches do not overlap; undefined for any other. */
export function convolutionOfPatches(
  backend: SimdBackend,
  { dy, filter }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const patches = patchesOf(attributes.inputShape, filter.shape, attributes);
  if (!patches) return undefined;
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

/** BatchMatMul and _FusedMatMul. */
export function product(
  backend: SimdBackend,
  { a, b, bias, preluActivationWeights }: Inputs,
  { transposeA, transposeB, activation = 'linear', leakyreluAlpha }: Attributes,
): tf.TensorInfo | undefined {
  if (!allFloat(a, b, bias, preluActivationWeights)) return undefined;
  if (activation !== 'linear' && !isActivation(activation)) return undefined;
  const [rows, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : a.shape.slice(-2);
  const n = b.shape.at(transposeB ? -2 : -1)!;
  if (k !== b.shape.at(transposeB ? -1 : -2)) return undefined; // `cpu` says so
  const batch = tf.backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, rows, n];
  const isOne = tf.util.sizeFromShape(b.shape.slice(0, -2)) === 1;
  const [values, weights] = [backend.floats(a), backend.floats(b)];
  // b is packed once for as long as it lives, and all of a's matrices are rows of one
  if (isOne && !transposeA) {
    const code = { linear: ACTIVATION.linear, relu: ACTIVATION.relu }[activation];
    const isFused = code !== undefined && (!bias || bias.shape.join() === String(n));
    const offsets = isFused && bias ? backend.floats(bias) : null;
    const packed = packedMatrix(backend, b, k, n, transposeB ? 'turned' : 'matrix');
    const result = backend.output(shape, (out) =>
      backend.native.matMul(values, packed, offsets, isFused ? code : ACTIVATION.linear, out.length / n, k, n, out),
    );
    return isFused ? result : finished(backend, result, bias, activation, preluActivationWeights, leakyreluAlpha);
  }
  const result = backend.output(shape, (out) => {
    // the gradient of a weight matrix
    if (isOne && tf.util.sizeFromShape(a.shape.slice(0, -2)) === 1 && !transposeB) {
      return backend.native.matMulTransposed(values, weights, k, rows, n, out);
    }
    const sizes = Int32Array.of(rows, k, n, transposeA ? 1 : 0, transposeB ? 1 : 0);
    const [ofA, ofB] = [a, b].map((operand) => matricesOf(operand.shape.slice(0, -2), batch));
    backend.native.products(sizes, values, weights, ofA, ofB, out);
  });
  return finished(backend, result, bias, activation, preluActivationWeights, leakyreluAlpha);
}

/** For each matrix of a batch, the number of that of an operand whose batch of `own` is broadcast to it. */
function matricesOf(own: readonly number[], batch: readonly number[]): Int32Array {
  const strides = tf.util.computeStrides([...own, 1]);
  const offset = batch.length - own.length;
  return Int32Array.from({ length: tf.util.sizeFromShape([...batch]) }, (_, i) => {
    let [left, matrix] = [i, 0];
    for (let axis = batch.length - 1; axis >= 0; axis--) {
      if (axis >= offset && own[axis - offset] > 1) matrix += (left % batch[axis]) * strides[axis - offset];
      left = Math.floor(left / batch[axis]);
    }
    return matrix;
  });
}

/** With bias and activation, by kernels of their own; x is freed where there are any. */
function finished(
  backend: SimdBackend,
  x: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activation: string,
  preluWeights: tf.TensorInfo | undefined,
  alpha: number | undefined,
): tf.TensorInfo {
  let result = x;
  if (bias) {
    result = tf.getKernel('Add', 'simd')!.kernelFunc({ inputs: { a: x, b: bias }, backend }) as tf.TensorInfo;
    backend.disposeIntermediateTensorInfo(x);
  }
  return activation === 'linear' ? result : activated(backend, result, activation, preluWeights, alpha);
}
