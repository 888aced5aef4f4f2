import { isDeepStrictEqual } from 'node:util';
import type * as tf from '@tensorflow/tfjs-core';
import type { FusedAttributes } from '../../ops/fused-attributes.js';
import type { Attributes, Inputs, SimdBackend } from './kernel.js';
import type { BlockWeights, NormWeights } from './native.js';
import { packedMatrix } from './products.js';

/*
 * The layers of a ConvNeXt's body, their parts named as in backbones/convnext/network.ts. Each kernel compares the attributes with
 * those that it computes by, all of them, and declines where they are others.
 */

/** Patches of the picture, and a norm. */
export const stem = (backend: SimdBackend, inputs: Inputs, { layers }: Attributes) =>
  normedPatches(backend, inputs, stemPatches(layers), (norm) => [null, norm]);

/** A norm, and patches, of 2 x 2 in a ConvNeXt. */
export const downsampling = (backend: SimdBackend, inputs: Inputs, { layers }: Attributes) =>
  normedPatches(backend, inputs, downsamplingPatches(layers), (norm) => [norm, null]);

/** A convolution whose patches do not overlap. */
interface Patches {
  readonly from: number;
  readonly to: number;
  readonly side: number;
  /** Of the norm. */
  readonly epsilon: number;
}

const stemPatches = memoized((layers) => patchesOf(layers, ['conv', 'norm']));
const downsamplingPatches = memoized((layers) => patchesOf(layers, ['norm', 'conv']));

function patchesOf(layers: readonly FusedAttributes[], order: readonly ('conv' | 'norm')[]): Patches | undefined {
  const { from, to, kernel: side } = optionsOf(layers[0], 'conv');
  const { epsilon } = optionsOf(layers[0], 'norm');
  const parts = {
    conv: { part: 'conv', kind: 'conv2d', from, to, kernel: side, stride: side, padding: 0, activation: 'linear' },
    norm: { part: 'norm', kind: 'layerNorm', channels: order[0] === 'conv' ? to : from, epsilon },
  };
  const known = [{ formula: 'sequence', parts: order.map((name) => parts[name]) }];
  return isDeepStrictEqual(layers, known) ? { from, to, side, epsilon } : undefined;
}

/** `place` puts the norm before or after the patches. */
function normedPatches(
  backend: SimdBackend,
  { x, ...parameters }: Inputs,
  patches: Patches | undefined,
  place: (norm: NormWeights) => readonly [before: NormWeights | null, after: NormWeights | null],
): tf.TensorInfo | undefined {
  const [n, height, width, channels] = x.shape;
  if (!patches || channels !== patches.from || Math.min(height, width) < patches.side) return undefined;
  const { side, to, epsilon } = patches;
  const packed = packedMatrix(backend, parameters['0.conv.weight'], side * side * channels, to);
  const [bias, gamma, beta] = ['conv.bias', 'norm.weight', 'norm.bias'].map((name) =>
    backend.floats(parameters[`0.${name}`]),
  );
  const [before, after] = place([gamma, beta]);
  return backend.output([n, Math.floor(height / side), Math.floor(width / side), to], (out) => {
    const values = backend.floats(x);
    backend.native.patches(values, packed, bias, before, after, epsilon, n, height, width, channels, side, to, out);
  });
}

/** Blocks, one after the other: see native/src/block.h. */
export function blocks(
  backend: SimdBackend,
  { x, ...parameters }: Inputs,
  { layers }: Attributes,
): tf.TensorInfo | undefined {
  const [n, height, width, channels] = x.shape;
  const known = blocksOf(layers);
  if (!known?.every((block) => block.channels === channels)) return undefined;
  const weights = backend.packedTogether(Object.values(parameters), () =>
    valuesOfBlocks(backend, parameters).map((values) => packBlock(backend, values, channels)),
  );
  return weights.reduce((input, of, i) => {
    const output = backend.output(x.shape, (out) => {
      backend.native.block(of, channels, known[i].epsilon, backend.floats(input), n, height, width, out);
    });
    if (input !== x) backend.disposeIntermediateTensorInfo(input);
    return output;
  }, x);
}

interface Block {
  readonly channels: number;
  /** Of the norm. */
  readonly epsilon: number;
}

/** Undefined where one of them is another block. */
const blocksOf = memoized((layers) => {
  const blocks = layers.map(blockOf).filter((block) => block !== undefined);
  return blocks.length > 0 && blocks.length === layers.length ? blocks : undefined;
});

function blockOf(layer: FusedAttributes): Block | undefined {
  const { channels, epsilon } = optionsOf(layer, 'norm');
  const { rate } = optionsOf(layer, 'drop');
  const hidden = 4 * channels;
  const known = [
    { part: 'dwconv', kind: 'depthwiseConv', channels, kernel: 7, padding: 3 },
    { part: 'norm', kind: 'layerNorm', channels, epsilon },
    { part: 'pwconv1', kind: 'linear', from: channels, to: hidden },
    { part: 'act', kind: 'activation', name: 'gelu' },
    { part: 'grn', kind: 'globalResponseNorm', channels: hidden },
    { part: 'pwconv2', kind: 'linear', from: hidden, to: channels },
    { part: 'scale', kind: 'layerScale', channels },
    { part: 'drop', kind: 'dropPath', rate },
  ];
  const parts = layer.parts.filter(({ kind }) => kind !== 'identity');
  const isThere = (name: string) => parts.some(({ part }) => part === name);
  const wanted = known.filter(({ part }) => !OPTIONAL.includes(part) || isThere(part));
  const isKnown = layer.formula === 'residual' && isDeepStrictEqual(parts, wanted);
  return isKnown ? { channels, epsilon } : undefined;
}

/** What V2's blocks have and V1's have not, or the other way round; and what does nothing but in training. */
const OPTIONAL: readonly string[] = ['grn', 'scale', 'drop'];

/** The attributes of a part. They are compared with what is known before they are used, so that their types need no check. */
const optionsOf = (layer: FusedAttributes | undefined, name: string) =>
  (layer?.parts.find(({ part }) => part === name) ?? {}) as Readonly<Record<string, number>>;

/** What `read` finds in a list of attributes, once for each list: a network has the same one at each call. */
function memoized<T>(read: (layers: readonly FusedAttributes[]) => T) {
  const found = new WeakMap<object, { readonly value: T }>();
  return (layers: readonly FusedAttributes[] = []): T => {
    const known = found.get(layers) ?? { value: read(layers) };
    found.set(layers, known);
    return known.value;
  };
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
