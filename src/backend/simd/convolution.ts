import * as tf from '@tensorflow/tfjs-core';
import { forcedPath } from './environment.js';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';
import { type Convolve, packedSize } from './native.js';
import { packedMatrix } from './products.js';

type Shape4 = [number, number, number, number];

/** Where the results of a fused activation end. */
const LIMITS: Readonly<Record<string, readonly [low: number, high: number]>> = {
  linear: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
};

/** The kernels of the other fused activations. */
const ACTIVATION_KERNELS: Readonly<Record<string, string>> = {
  elu: 'Elu',
  prelu: 'Prelu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
};

/** Below so many tiles of 4 x 4 outputs, reading the transformed weights costs more than Winograd's products save. */
const FEWEST_TILES = 8;
/** Below so many channels, the transforms do. */
const FEWEST_CHANNELS = 16;

/** Conv2D and FusedConv2D, of any kernel, stride, dilation and padding; 3x3 of stride 1 by Winograd where that pays. */
export function convolution(backend: SimdBackend, inputs: Inputs, attributes: Attributes): tf.TensorInfo | undefined {
  const { filter } = inputs;
  const info = convolutionInfo(inputs, attributes, 'full');
  if (!info) return undefined;
  const { filterHeight, filterWidth, inChannels, outChannels } = info;
  const transformed = winogradPays(info)
    ? backend.packedWithin(
        filter,
        winogradSize(backend, info),
        (packed) => backend.native.packWinograd(backend.floats(filter), inChannels, outChannels, packed),
        'winograd',
      )
    : undefined;
  if (transformed) return convolved(backend, backend.native.winograd, transformed, info, inputs, attributes);
  const packed = packedMatrix(backend, filter, filterHeight * filterWidth * inChannels, outChannels);
  return convolved(backend, backend.native.convolution, packed, info, inputs, attributes);
}

/** Explicit padding of height and width. */
const around = (padding: number): tf.backend_util.ExplicitPadding => [
  [0, 0],
  [padding, padding],
  [padding, padding],
  [0, 0],
];

/** ConvNextV2ConvNorm: see src/ops/conv-norm.ts. The norm is folded into the weights when they are packed. */
export function normedConvolution(
  backend: SimdBackend,
  inputs: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { x, filter, gamma, beta, mean, variance } = inputs;
  const { padding, epsilon } = attributes;
  const info = convolutionInfo({ x, filter }, { ...attributes, strides: 1, pad: around(padding) }, 'full');
  if (!info || ![gamma, beta, mean, variance].every(({ shape }) => shape.join() === `${info.outChannels}`)) {
    return undefined;
  }
  const { outChannels } = info;
  const isWinograd = winogradPays(info);
  // another size of maps may go the other way: what is packed lies with the first
  const tensors = isWinograd ? [filter, gamma, beta, mean, variance] : [gamma, filter, beta, mean, variance];
  const { convolve, packed, bias } = backend.packedTogether(tensors, () => {
    const deviations = backend.floats(variance).map((value) => Math.sqrt(value + epsilon));
    const scale = backend.floats(gamma).map((value, c) => value / deviations[c]);
    const weights = backend.floats(filter).map((value, i) => value * scale[i % outChannels]);
    const bias = backend.floats(beta).map((value, c) => value - backend.floats(mean)[c] * scale[c]);
    return {
      ...pack(backend, weights, info, isWinograd && backend.reserve(filter, winogradSize(backend, info))),
      bias,
    };
  });
  return backend.output(info.outShape, (out) =>
    convolve(geometry(info), backend.floats(x), packed, bias, ...LIMITS.relu, out),
  );
}

/** A convolution of stride 1 by weights that are used once. */
export function convolveOnce(
  backend: SimdBackend,
  x: tf.TensorInfo,
  weights: Float32Array,
  shape: Shape4,
  padding: number,
): tf.TensorInfo {
  const info = tf.backend_util.computeConv2DInfo(x.shape as Shape4, shape, 1, 1, around(padding));
  const { convolve, packed } = pack(backend, weights, info, winogradPays(info));
  return backend.output(info.outShape, (out) =>
    convolve(geometry(info), backend.floats(x), packed, null, ...LIMITS.linear, out),
  );
}

function pack(
  { native }: SimdBackend,
  weights: Float32Array,
  { filterHeight, filterWidth, inChannels, outChannels }: tf.backend_util.Conv2DInfo,
  isWinograd: boolean,
): { readonly convolve: Convolve; readonly packed: Float32Array } {
  if (isWinograd) return { convolve: native.winograd, packed: native.packWinograd(weights, inChannels, outChannels) };
  const packed = native.packMatrix(weights, filterHeight * filterWidth * inChannels, outChannels, 0);
  return { convolve: native.convolution, packed };
}

/** DepthwiseConv2dNative and FusedDepthwiseConv2D, with one output for each channel. */
export function depthwiseConvolution(
  backend: SimdBackend,
  inputs: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { filter } = inputs;
  const info = convolutionInfo(inputs, attributes, 'depthwise');
  if (!info || info.outChannels !== info.inChannels) return undefined;
  const packed = backend.packed(
    filter,
    tf.util.sizeFromShape(filter.shape),
    (packed) => backend.native.packDepthwise(backend.floats(filter), info.inChannels, packed),
    'depthwise',
  );
  return convolved(backend, backend.native.depthwise, packed, info, inputs, attributes);
}

/** The floats of transformed weights: 36 products for each pair of channels. */
const winogradSize = ({ native }: SimdBackend, { inChannels, outChannels }: tf.backend_util.Conv2DInfo): number =>
  36 * packedSize(native, inChannels, outChannels);

function winogradPays(info: tf.backend_util.Conv2DInfo): boolean {
  const force = forcedPath();
  if (info.filterHeight !== 3 || info.filterWidth !== 3 || force === 'direct') return false;
  if (info.strideHeight * info.strideWidth * info.dilationHeight * info.dilationWidth !== 1) return false;
  const tiles = (info.batchSize * info.outHeight * info.outWidth) / 16;
  return (
    force === 'winograd' || (tiles >= FEWEST_TILES && Math.min(info.inChannels, info.outChannels) >= FEWEST_CHANNELS)
  );
}

/** Undefined for what the native kernels do not compute. */
function convolutionInfo(
  { x, filter, bias }: Inputs,
  { strides, pad, dilations, dataFormat, dimRoundingMode, activation = 'linear' }: Attributes,
  kind: 'full' | 'depthwise',
): tf.backend_util.Conv2DInfo | undefined {
  if (dataFormat === 'NCHW' || !allFloat(x, filter, bias)) return undefined;
  if (!(activation in LIMITS || activation in ACTIVATION_KERNELS)) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filter.shape as Shape4,
    strides,
    // depthwise convolutions may leave it out
    dilations ?? 1,
    pad,
    dimRoundingMode,
    kind === 'depthwise',
  );
  const biased = !bias || isForEachChannel(bias.shape, info.outChannels);
  return biased && info.outHeight > 0 && info.outWidth > 0 ? info : undefined;
}

const isForEachChannel = (shape: readonly number[], channels: number) =>
  shape[shape.length - 1] === channels && tf.util.sizeFromShape([...shape]) === channels;

function convolved(
  backend: SimdBackend,
  convolve: Convolve,
  packed: Float32Array,
  info: tf.backend_util.Conv2DInfo,
  { x, bias, preluActivationWeights }: Inputs,
  { activation = 'linear', leakyreluAlpha }: Attributes,
): tf.TensorInfo {
  const [low, high] = LIMITS[activation] ?? LIMITS.linear;
  const result = backend.output(info.outShape, (out) =>
    convolve(geometry(info), backend.floats(x), packed, bias ? backend.floats(bias) : null, low, high, out),
  );
  if (activation in LIMITS) return result;
  const inputs = { x: result, ...(activation === 'prelu' && { alpha: preluActivationWeights }) };
  const { kernelFunc } = tf.getKernel(ACTIVATION_KERNELS[activation], 'simd')!;
  const activated = kernelFunc({ inputs, backend, attrs: { alpha: leakyreluAlpha! } }) as tf.TensorInfo;
  backend.disposeIntermediateTensorInfo(result);
  return activated;
}

function geometry(info: tf.backend_util.Conv2DInfo): Int32Array {
  const { batchSize, inHeight, inWidth, inChannels, outChannels, outHeight, outWidth, padInfo } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  return Int32Array.of(
    ...[batchSize, inHeight, inWidth, inChannels, outChannels],
    ...[filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth],
    ...[padInfo.top, padInfo.left, outHeight, outWidth],
  );
}
