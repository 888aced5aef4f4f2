import * as tf from '@tensorflow/tfjs-core';
import { ACTIVATION, type BlockWeights, type NativeActivation, type NativeKernels } from './native.js';

/** What the kernels need of the backend: values, room for results, and packed weights that live as long as their tensor. */
export interface SimdBackend {
  readonly native: NativeKernels;
  /** The values of a float32 tensor; not to be written to. */
  floats(tensor: tf.TensorInfo): Float32Array;
  /** A new float32 tensor that `fill` fills. */
  output(shape: readonly number[], fill: (out: Float32Array) => void): tf.TensorInfo;
  /** What `pack` makes of a tensor, made once. `name` tells apart several for one tensor. */
  packed(tensor: tf.TensorInfo, pack: () => Float32Array, name?: string): Float32Array;
  /** The same of several tensors together. */
  packedTogether(tensors: readonly tf.TensorInfo[], pack: () => BlockWeights): BlockWeights;
}

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
/** The attributes of the kernels below, as tfjs names them. */
interface Attributes {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dilations: number | [number, number];
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly activation?: string;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly axis: number | number[];
  readonly keepDims: boolean;
  readonly epsilon: number;
}

/** A kernel, or undefined where it leaves a call to the one of backend `cpu`. */
type Simd = (backend: SimdBackend, inputs: Inputs, attributes: Attributes) => tf.TensorInfo | undefined;

/** The kernels that replace those of `cpu`, by their names. */
export const SIMD_KERNELS: Readonly<Record<string, Simd>> = {
  Conv2D: (backend, { x, filter }, attributes) => convolution(backend, x, filter, undefined, attributes),
  FusedConv2D: (backend, { x, filter, bias }, attributes) => convolution(backend, x, filter, bias, attributes),
  BatchMatMul: (backend, { a, b }, attributes) => product(backend, a, b, undefined, attributes),
  _FusedMatMul: (backend, { a, b, bias }, attributes) => product(backend, a, b, bias, attributes),
  Mean: (backend, { x }, { axis, keepDims }) => {
    const axes = [axis].flat();
    if (x.shape.length !== 4 || axes.join() !== '1,2' || keepDims || !allFloat(x)) return undefined;
    const [n, h, w, c] = x.shape;
    if (n * h * w * c === 0) return undefined;
    return backend.output([n, c], (out) => backend.native.mean(backend.floats(x), n, h * w, c, out));
  },
  ConvNextV2Gelu: (backend, { x }) => backend.output(x.shape, (out) => backend.native.gelu(backend.floats(x), out)),
  ConvNextV2LayerNorm: (backend, { x, gamma, beta }, { epsilon }) => {
    const channels = x.shape[x.shape.length - 1];
    const positions = tf.util.sizeFromShape(x.shape) / channels;
    const [g, b] = [backend.floats(gamma), backend.floats(beta)];
    return backend.output(x.shape, (out) =>
      backend.native.layerNorm(backend.floats(x), g, b, epsilon, positions, channels, out),
    );
  },
  'convnextv2Block:gelu': block,
  'convnextBlock:gelu': block,
};

const allFloat = (...tensors: readonly (tf.TensorInfo | undefined)[]) =>
  tensors.every(
    (tensor) => tensor === undefined || (tensor.dtype === 'float32' && tf.util.sizeFromShape(tensor.shape) > 0),
  );

function activationOf(name: string | undefined): NativeActivation | undefined {
  return name === undefined || name === 'linear' ? ACTIVATION.linear : name === 'relu' ? ACTIVATION.relu : undefined;
}

/** A convolution that is a matrix product: of patches that do not overlap, 1 x 1 among them; no padding, no dilation. */
function convolution(
  backend: SimdBackend,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  { strides, pad, dilations, dataFormat, dimRoundingMode, activation = 'linear' }: Attributes,
): tf.TensorInfo | undefined {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [side, across, , to] = filter.shape as [number, number, number, number];
  if (dataFormat === 'NCHW' || activation !== 'linear' || side !== across || !allFloat(x, filter, bias))
    return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const { padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth, batchSize: n } = info;
  const padding = padInfo.top + padInfo.bottom + padInfo.left + padInfo.right;
  if (strideHeight !== side || strideWidth !== side || padding > 0 || dilationHeight * dilationWidth > 1)
    return undefined;
  if (bias && bias.shape.join() !== String(to)) return undefined;
  const packed = backend.packed(filter, () =>
    backend.native.packMatrix(backend.floats(filter), side * side * channels, to, 0),
  );
  const offsets = bias ? backend.floats(bias) : null;
  return backend.output(info.outShape, (out) => {
    if (side > 1) backend.native.patches(backend.floats(x), packed, offsets, n, height, width, channels, side, to, out);
    else
      backend.native.matMul(backend.floats(x), packed, offsets, ACTIVATION.linear, out.length / to, channels, to, out);
  });
}

/** A product of two matrices, the first as it lies; b is packed once for as long as it lives. */
function product(
  backend: SimdBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  { transposeA, transposeB, activation }: Attributes,
): tf.TensorInfo | undefined {
  const code = activationOf(activation);
  const single = [...a.shape.slice(0, -2), ...b.shape.slice(0, -2)].every((length) => length === 1);
  if (transposeA || code === undefined || !single || !allFloat(a, b, bias)) return undefined;
  const [rows, k] = a.shape.slice(-2);
  const n = b.shape[b.shape.length - (transposeB ? 2 : 1)];
  if (bias && bias.shape.join() !== String(n)) return undefined;
  const name = transposeB ? 'transposed' : 'matrix';
  const packed = backend.packed(b, () => backend.native.packMatrix(backend.floats(b), k, n, transposeB ? 1 : 0), name);
  const offsets = bias ? backend.floats(bias) : null;
  const shape = [...a.shape.slice(0, -2), rows, n];
  return backend.output(shape, (out) => {
    backend.native.matMul(backend.floats(a), packed, offsets, code, rows, k, n, out);
  });
}

/** ConvNeXt's block, whole: see native/src/block.h. The parts are named as in backbones/convnext/network.ts. */
function block(backend: SimdBackend, inputs: Inputs): tf.TensorInfo | undefined {
  const { x } = inputs;
  if (!allFloat(...Object.values(inputs))) return undefined;
  const [n, height, width, channels] = x.shape;
  const parameters = Object.entries(inputs).filter(([name]) => name !== 'x');
  const weights = backend.packedTogether(
    parameters.map(([, tensor]) => tensor),
    () => packBlock(backend, new Map(parameters.map(([name, tensor]) => [name, backend.floats(tensor)])), channels),
  );
  return backend.output(x.shape, (out) => {
    backend.native.block(weights, channels, backend.floats(x), n, height, width, out);
  });
}

function packBlock({ native }: SimdBackend, values: ReadonlyMap<string, Float32Array>, c: number): BlockWeights {
  const of = (name: string) => values.get(name)!;
  const [reduce, bias] = foldIntoReduction(values, c);
  return [
    native.packDepthwise(of('dwconv.weight'), c),
    of('dwconv.bias'),
    of('norm.weight'),
    of('norm.bias'),
    native.packMatrix(of('pwconv1.weight'), c, 4 * c, 0),
    of('pwconv1.bias'),
    native.packMatrix(reduce, 4 * c, c, 0),
    bias,
    values.get('grn.weight') ?? null,
  ];
}

/** The second linear map with what is linear around it: GRN's beta before it, V1's layer scale behind it. */
function foldIntoReduction(
  values: ReadonlyMap<string, Float32Array>,
  c: number,
): readonly [Float32Array, Float32Array] {
  const [weight, bias, beta, scale] = ['pwconv2.weight', 'pwconv2.bias', 'grn.bias', 'scale.scale'].map((name) =>
    values.get(name),
  );
  const sums = Float64Array.from(bias!);
  for (let k = 0; beta && k < 4 * c; k++) for (let j = 0; j < c; j++) sums[j] += beta[k] * weight![k * c + j];
  if (!scale) return [weight!, Float32Array.from(sums)];
  return [weight!.map((value, i) => value * scale[i % c]), Float32Array.from(sums, (value, j) => value * scale[j])];
}
