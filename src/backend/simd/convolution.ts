import * as tf from '@tensorflow/tfjs-core';
import { activated, isActivation } from './activation.js';
import { boxOf } from './copies.js';
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
  if (transformed)
    return convolved(backend, backend.native.winograd, transformed, info, backend.floats(inputs.x), inputs, attributes);
  const packed = packedMatrix(backend, filter, filterHeight * filterWidth * inChannels, outChannels);
  return convolved(backend, backend.native.convolution, packed, info, backend.floats(inputs.x), inputs, attributes);
}

/** Explicit padding of height and width. */
export const around = (padding: number): tf.backend_util.ExplicitPadding => [
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

/** What of a convolution the kernels need. */
export type ConvolutionShape = Pick<
  tf.backend_util.Conv2DInfo,
  | 'batchSize'
  | 'inHeight'
  | 'inWidth'
  | 'inChannels'
  | 'outChannels'
  | 'outHeight'
  | 'outWidth'
  | 'filterHeight'
  | 'filterWidth'
  | 'strideHeight'
  | 'strideWidth'
  | 'dilationHeight'
  | 'dilationWidth'
> & { readonly padInfo: { readonly top: number; readonly left: number } };

/** A convolution by weights that are used once. */
export function convolveOnce(
  backend: SimdBackend,
  x: Float32Array,
  weights: Float32Array,
  shape: ConvolutionShape,
  out: Float32Array,
): void {
  const { convolve, packed } = pack(backend, weights, shape, winogradPays(shape));
  convolve(geometry(shape), x, packed, null, ...LIMITS.linear, out);
}

/** x [..., channels] with each channel `times` times, one after the other. */
export function repeated({ native }: SimdBackend, x: Float32Array, times: number): Float32Array {
  if (times === 1) return x;
  const out = new Float32Array(times * x.length);
  const box = boxOf([
    { size: x.length, from: 1, to: times },
    { size: times, from: 0, to: 1 },
  ]);
  native.copyBox(box!, x, 0, out, 0);
  return out;
}

function pack(
  { native }: SimdBackend,
  weights: Float32Array,
  { filterHeight, filterWidth, inChannels, outChannels }: ConvolutionShape,
  isWinograd: boolean,
): { readonly convolve: Convolve; readonly packed: Float32Array } {
  if (isWinograd) return { convolve: native.winograd, packed: native.packWinograd(weights, inChannels, outChannels) };
  const packed = native.packMatrix(weights, filterHeight * filterWidth * inChannels, outChannels, 0);
  return { convolve: native.convolution, packed };
}

/** DepthwiseConv2dNative and FusedDepthwiseConv2D. */
export function depthwiseConvolution(
  backend: SimdBackend,
  inputs: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { x, filter } = inputs;
  const info = convolutionInfo(inputs, attributes, 'depthwise');
  if (!info) return undefined;
  const { inChannels, outChannels } = info;
  const packed = backend.packed(
    filter,
    tf.util.sizeFromShape(filter.shape),
    (packed) => backend.native.packDepthwise(backend.floats(filter), outChannels, packed),
    'depthwise',
  );
  // several outputs for a channel are one each for as many channels
  const values = repeated(backend, backend.floats(x), outChannels / inChannels);
  const shape = { ...info, inChannels: outChannels };
  return convolved(backend, backend.native.depthwise, packed, shape, values, inputs, attributes);
}

/** The floats of transformed weights: 36 products for each pair of channels. */
const winogradSize = ({ native }: SimdBackend, { inChannels, outChannels }: ConvolutionShape): number =>
  36 * packedSize(native, inChannels, outChannels);

function winogradPays(info: ConvolutionShape): boolean {
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
  if (!(activation in LIMITS || isActivation(activation))) return undefined;
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
  values: Float32Array,
  { bias, preluActivationWeights }: Inputs,
  { activation = 'linear', leakyreluAlpha }: Attributes,
): tf.TensorInfo {
  const [low, high] = LIMITS[activation] ?? LIMITS.linear;
  const result = backend.output(info.outShape, (out) =>
    convolve(geometry(info), values, packed, bias ? backend.floats(bias) : null, low, high, out),
  );
  return activation in LIMITS ? result : activated(backend, result, activation, preluActivationWeights, leakyreluAlpha);
}

export function geometry(info: ConvolutionShape): Int32Array {
  const { batchSize, inHeight, inWidth, inChannels, outChannels, outHeight, outWidth, padInfo } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  return Int32Array.of(
    ...[batchSize, inHeight, inWidth, inChannels, outChannels],
    ...[filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth],
    ...[padInfo.top, padInfo.left, outHeight, outWidth],
  );
}
