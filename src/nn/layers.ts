import * as tf from '@tensorflow/tfjs-core';
import type { Mode, Parameter, Scope } from '../contracts.js';
import { ACTIVATIONS, type Activation, type ActivationName } from '../ops/activation.js';
import { convolve } from '../ops/convolve.js';
import { depthwiseConv as depthwiseConvOp, pairs } from '../ops/depthwise-conv.js';
import type { FusedAttributes, LayerAttributes } from '../ops/fused-attributes.js';
import { globalResponseNorm as globalResponseNormOp } from '../ops/global-response-norm.js';
import { layerNorm as layerNormOp } from '../ops/layer-norm.js';
import { gradientAsked, runOp } from '../ops/op.js';
import { createRandom } from './random.js';

export type { FusedAttributes, LayerAttributes } from '../ops/fused-attributes.js';

/** Part of a network: a function of maps [n, h, w, c]. */
export type Layer = (x: tf.Tensor4D, mode?: Mode) => tf.Tensor4D;

/** What a fused kernel is told of a layer: its parameters by what they are to it, as `weight`, and its attributes. */
interface WithParameters {
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly attributes?: LayerAttributes;
}

/** A layer with parameters of its own. */
export interface ParametricLayer extends Layer, WithParameters {}

/** A layer that works on a tensor of any rank, its last axis being the channels. */
export interface ChannelLayer extends WithParameters {
  <T extends tf.Tensor>(x: T): T;
}

/** The function, freeing what it makes on its way, with the parameters that it works with and the attributes that it has. */
function layer<F extends (...inputs: never[]) => tf.Tensor>(
  f: F,
  parameters: WithParameters['parameters'],
  attributes: LayerAttributes,
) {
  const tidied = (...inputs: never[]) => tf.tidy(() => f(...inputs));
  return Object.assign(tidied as F, { parameters, attributes });
}

const ZEROS = { constant: 0 } as const;
const ONES = { constant: 1 } as const;

/** A convolution: as torch.nn.Conv2d. */
export interface Conv2dOptions {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Rows and columns of zeros on each side. Default 0. */
  readonly padding?: number;
  /** The deviation of fresh weights. */
  readonly deviation: number;
  /** Where fresh biases start. Default 0. */
  readonly bias?: number;
  /** What follows it. Default `linear`: nothing. */
  readonly activation?: 'linear' | 'relu';
  readonly part?: 'body' | 'head';
}

/** A convolution with bias, as torch.nn.Conv2d; parameters `weight` [to, from, kernel, kernel] and `bias`. */
export function conv2d(
  scope: Scope,
  { from, to, kernel, stride = 1, padding = 0, deviation, bias: start = 0, activation = 'linear', part }: Conv2dOptions,
): ParametricLayer {
  const weight = scope.parameter('weight', [to, from, kernel, kernel], {
    layout: 'conv2d',
    init: { truncatedNormal: deviation },
    part,
  });
  const bias = scope.parameter('bias', [to], { init: { constant: start }, part });
  return layer(
    (x: tf.Tensor4D) => {
      const filter = weight.variable as tf.Variable<tf.Rank.R4>;
      // the gradient of tfjs' own is slow, but for patches that do not overlap
      if (gradientAsked() && stride === 1 && kernel > Math.max(1, padding)) {
        const y = tf.add<tf.Tensor4D>(convolve(x, filter, padding), bias.variable);
        return activation === 'relu' ? tf.relu(y) : y;
      }
      return padded(x, padding, (y, pad) =>
        tf.fused.conv2d({ x: y, filter, strides: stride, pad, bias: bias.variable, activation }),
      );
    },
    { weight, bias },
    { kind: 'conv2d', from, to, kernel, stride, padding, activation },
  );
}

/** A depthwise convolution: each channel by itself. */
export interface DepthwiseConvOptions {
  readonly channels: number;
  readonly kernel: number;
  readonly padding: number;
  readonly deviation: number;
}

/** A convolution of each channel by itself, with bias; parameters `weight` [channels, 1, kernel, kernel] and `bias`. */
export function depthwiseConv(
  scope: Scope,
  { channels, kernel, padding, deviation }: DepthwiseConvOptions,
): ParametricLayer {
  const weight = scope.parameter('weight', [channels, 1, kernel, kernel], {
    layout: 'depthwise',
    init: { truncatedNormal: deviation },
  });
  const bias = scope.parameter('bias', [channels], { init: ZEROS });
  return layer(
    (x: tf.Tensor4D) => {
      const filter = weight.variable as tf.Variable<tf.Rank.R4>;
      return depthwiseConvOp(x, filter, bias.variable, padding);
    },
    { weight, bias },
    { kind: 'depthwiseConv', channels, kernel, padding },
  );
}

/**
 * Runs a convolution with rows and columns of zeros around x. Explicit pairs are the one form of padding that runs on every
 * backend; but TensorFlow's gradients take none, so with a gradient asked for, the zeros are put there first.
 */
function padded(
  x: tf.Tensor4D,
  by: number,
  convolve: (x: tf.Tensor4D, pads: ReturnType<typeof pairs> | 'valid') => tf.Tensor4D,
): tf.Tensor4D {
  if (by === 0) return convolve(x, 'valid');
  return gradientAsked() ? convolve(tf.pad(x, pairs(by)), 'valid') : convolve(x, pairs(by));
}

/** A linear map of the last axis: as torch.nn.Linear. */
export interface LinearOptions {
  readonly from: number;
  readonly to: number;
  readonly deviation: number;
  readonly part?: 'body' | 'head';
  /** [channels, height, width], where it takes a flattened map: the checkpoint flattens it in this order, and ours channels last. */
  readonly map?: readonly [number, number, number];
}

/** A linear map of the channels, as torch.nn.Linear; parameters `weight` [to, from] and `bias`. */
export function linear(scope: Scope, { from, to, deviation, part, map }: LinearOptions): ChannelLayer {
  const weight = scope.parameter('weight', [to, from], {
    ...(map ? { layout: 'conv2d', view: [to, ...map] } : { layout: 'linear' }),
    init: { truncatedNormal: deviation },
    part,
  });
  const bias = scope.parameter('bias', [to], { init: ZEROS, part });
  const forward = <T extends tf.Tensor>(x: T): T => {
    const rows = tf.reshape(x, [-1, from]); // [..., from] -> [positions, from]
    const b = (map ? tf.reshape(weight.variable, [from, to]) : weight.variable) as tf.Tensor2D;
    const y = tf.fused.matMul({ a: rows, b, bias: bias.variable });
    return tf.reshape(y, [...x.shape.slice(0, -1), to]) as T;
  };
  return layer(forward, { weight, bias }, { kind: 'linear', from, to });
}

/** A layer norm of the last axis: as torch.nn.LayerNorm. */
export interface LayerNormOptions {
  readonly channels: number;
  readonly epsilon: number;
  readonly part?: 'body' | 'head';
}

/** Layer norm over the channels; parameters `weight` and `bias`. */
export function layerNorm(scope: Scope, { channels, epsilon, part }: LayerNormOptions): ChannelLayer {
  const weight = scope.parameter('weight', [channels], { init: ONES, part });
  const bias = scope.parameter('bias', [channels], { init: ZEROS, part });
  const forward = <T extends tf.Tensor>(x: T): T => layerNormOp(x, weight.variable, bias.variable, epsilon);
  return layer(forward, { weight, bias }, { kind: 'layerNorm', channels, epsilon });
}

/** Global response normalisation; parameters `weight` and `bias`, (1, 1, 1, channels) in Hugging Face's files. */
export function globalResponseNorm(scope: Scope, { channels }: { readonly channels: number }): ParametricLayer {
  const shape = [1, 1, 1, channels];
  const weight = scope.parameter('weight', shape, { init: ZEROS, match: 'same-size' });
  const bias = scope.parameter('bias', shape, { init: ZEROS, match: 'same-size' });
  const flat = ({ variable }: Parameter) => tf.reshape(variable, [channels]);
  return layer(
    (x: tf.Tensor4D) => globalResponseNormOp(x, flat(weight), flat(bias)),
    { weight, bias },
    { kind: 'globalResponseNorm', channels },
  );
}

/** An activation by its name, or a function of one's own. */
export function activation(of: ActivationName | Activation): ParametricLayer {
  const f: Activation = typeof of === 'function' ? of : ACTIVATIONS[of];
  return layer((x: tf.Tensor4D) => f(x), {}, { kind: 'activation', name: typeof of === 'function' ? 'custom' : of });
}

/** ConvNeXt V1's factor for each channel, `name` [channels]; where it starts at 0 there is none. */
export function layerScale(scope: Scope, name: string, channels: number, initialValue: number): ParametricLayer {
  const scale = scope.parameter(name, [channels], { init: { constant: initialValue } });
  return layer((x: tf.Tensor4D) => tf.mul<tf.Tensor4D>(x, scale.variable), { scale }, { kind: 'layerScale', channels });
}

/** Layers one after the other; what lies between two is freed as soon as it has been used. */
export function sequence(layers: readonly Layer[]): Layer {
  return (x, mode) => {
    let y = x;
    for (const next of layers) {
      const z = tf.tidy(() => next(y, mode));
      if (y !== x && y !== z) y.dispose();
      y = z;
    }
    return y;
  };
}

/** The layer that does nothing. */
export const identity: ParametricLayer = layer((x: tf.Tensor4D) => x, {}, { kind: 'identity' });

/**
 * Stochastic depth (Huang et al. 2016): in training, a picture loses this branch with probability `rate`, and what is kept is
 * divided by the probability of keeping. `index` tells apart the layers that draw from one seed.
 */
export function dropPath(rate: number, index: number): ParametricLayer {
  if (rate === 0) return identity;
  const keep = 1 - rate;
  const drop: Layer = (x, mode) => {
    if (!mode?.training) return x;
    const random = mode.seed === undefined ? Math.random : createRandom(mode.seed, `dropPath.${index}`);
    const factors = Float32Array.from({ length: x.shape[0] }, () => (random() < keep ? 1 / keep : 0));
    return tf.mul<tf.Tensor4D>(x, tf.tensor4d(factors, [x.shape[0], 1, 1, 1]));
  };
  return layer(drop, {}, { kind: 'dropPath', rate });
}

/** One of the layers that a fused kernel may compute together. */
export interface FusedLayer {
  /** What it is made of, by name, in the order in which x passes them. */
  readonly parts: Readonly<Record<string, Layer & WithParameters>>;
  /**
   * `sequence`: the parts one after the other. `residual`: the same, and x added. A function computes anything; no
   * kernel can know what, so the function itself always runs.
   */
  readonly formula: 'sequence' | 'residual' | Layer;
}

/**
 * Layers, one after the other, that stand in the code once, as their formulas, and run as one kernel where the active backend
 * has it. The kernel gets x, the parameters of the parts as `0.part.parameter`, the first layer being 0, and as its attribute
 * `layers` a `FusedAttributes` for each. One that does not compute just that declines, by an empty list, and the formulas run;
 * so they do in training, or with a gradient asked for.
 */
export function fused(kernel: string, layers: readonly FusedLayer[]): Layer {
  const formula = sequence(layers.map(formulaOf));
  const attributes = { layers: layers.map(attributesOf) };
  const parameters = layers.flatMap(({ parts }, i) =>
    Object.entries(parts).flatMap(([part, { parameters }]) =>
      Object.entries(parameters).map(([name, parameter]) => [`${i}.${part}.${name}`, parameter] as const),
    ),
  );
  return (x, mode) => {
    if (mode?.training) return formula(x, mode);
    const tensors = Object.fromEntries(parameters.map(([name, { variable }]) => [name, variable]));
    return runOp(kernel, { x, ...tensors }, attributes, () => formula(x, mode));
  };
}

function formulaOf({ parts, formula }: FusedLayer): Layer {
  if (typeof formula === 'function') return formula;
  const inOrder = sequence(Object.values(parts));
  return formula === 'sequence' ? inOrder : (x, mode) => tf.tidy(() => tf.add(x, inOrder(x, mode)));
}

const attributesOf = ({ parts, formula }: FusedLayer): FusedAttributes => ({
  formula: typeof formula === 'function' ? 'custom' : formula,
  parts: Object.entries(parts).map(([part, { attributes }]) => ({ part, ...attributes })),
});
