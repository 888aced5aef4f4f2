import type * as tf from '@tensorflow/tfjs-core';
import type { Inputs, SimdBackend } from './kernel.js';
import type { BlockWeights, NormWeights } from './native.js';
import { packedMatrix } from './products.js';

/*
 * The layers of a ConvNeXt's body, their parts named as in backbones/convnext/network.ts.
 */

/** Patches of the picture, and a norm. */
export const stem = (backend: SimdBackend, inputs: Inputs) => normedPatches(backend, inputs, (norm) => [null, norm]);

/** A norm, and patches of 2 x 2. */
export const downsampling = (backend: SimdBackend, inputs: Inputs) =>
  normedPatches(backend, inputs, (norm) => [norm, null]);

/** `place` puts the norm before or after the patches. */
function normedPatches(
  backend: SimdBackend,
  { x, ...parameters }: Inputs,
  place: (norm: NormWeights) => readonly [before: NormWeights | null, after: NormWeights | null],
): tf.TensorInfo {
  const [n, height, width, channels] = x.shape;
  const filter = parameters['0.conv.weight'];
  const [side, , , to] = filter.shape;
  const packed = packedMatrix(backend, filter, side * side * channels, to);
  const [bias, gamma, beta] = ['conv.bias', 'norm.weight', 'norm.bias'].map((name) =>
    backend.floats(parameters[`0.${name}`]),
  );
  const [before, after] = place([gamma, beta]);
  return backend.output([n, Math.floor(height / side), Math.floor(width / side), to], (out) => {
    const values = backend.floats(x);
    backend.native.patches(values, packed, bias, before, after, n, height, width, channels, side, to, out);
  });
}

/** Blocks, one after the other: see native/src/block.h. */
export function blocks(backend: SimdBackend, { x, ...parameters }: Inputs): tf.TensorInfo {
  const [n, height, width, channels] = x.shape;
  const weights = backend.packedTogether(Object.values(parameters), () =>
    valuesOfBlocks(backend, parameters).map((values) => packBlock(backend, values, channels)),
  );
  return weights.reduce((input, of) => {
    const output = backend.output(x.shape, (out) => {
      backend.native.block(of, channels, backend.floats(input), n, height, width, out);
    });
    if (input !== x) backend.disposeIntermediateTensorInfo(input);
    return output;
  }, x);
}

/** For each block its values by name; `2.norm.bias` is `norm.bias` of the third. */
function valuesOfBlocks(backend: SimdBackend, parameters: Inputs): readonly Map<string, Float32Array>[] {
  const values: Map<string, Float32Array>[] = [];
  for (const [name, tensor] of Object.entries(parameters)) {
    const [, block, own] = /^(\d+)\.(.+)$/.exec(name)!;
    values[Number(block)] ??= new Map();
    values[Number(block)].set(own, backend.floats(tensor));
  }
  return values;
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
