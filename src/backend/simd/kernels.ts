import * as tf from '@tensorflow/tfjs-core';
import { convolution, depthwiseConvolution } from './convolution.js';
import { type Attributes, allFloat, type Inputs, type Simd, type SimdBackend } from './kernel.js';
import { ACTIVATION, type BlockWeights, type NativeActivation } from './native.js';
import { averagePool, maxPool } from './pooling.js';
import { resample, resizeBilinear, resizeNearest } from './resize.js';

/** The kernels that replace those of `cpu`, by their names. */
export const SIMD_KERNELS: Readonly<Record<string, Simd>> = {
  Conv2D: convolution,
  FusedConv2D: convolution,
  DepthwiseConv2dNative: depthwiseConvolution,
  FusedDepthwiseConv2D: depthwiseConvolution,
  MaxPool: maxPool,
  AvgPool: averagePool,
  ResizeBilinear: resizeBilinear,
  ResizeNearestNeighbor: resizeNearest,
  ConvNextV2Resample: resample,
  ConvNextV2GlobalResponseNorm: responseNorm,
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

function activationOf(name: string | undefined): NativeActivation | undefined {
  return name === undefined || name === 'linear' ? ACTIVATION.linear : name === 'relu' ? ACTIVATION.relu : undefined;
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

function responseNorm(backend: SimdBackend, { x, gamma, beta }: Inputs): tf.TensorInfo | undefined {
  const [n, height, width, channels] = x.shape;
  if (!allFloat(x, gamma, beta)) return undefined;
  const [values, g, b] = [x, gamma, beta].map((tensor) => backend.floats(tensor));
  return backend.output(x.shape, (out) => backend.native.responseNorm(values, g, b, n, height * width, channels, out));
}
