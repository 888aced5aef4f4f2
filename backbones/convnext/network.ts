import * as tf from '@tensorflow/tfjs-core';
import type { Layout, Mode, Scope } from '../../src/contracts.js';
import {
  activation,
  conv2d,
  depthwiseConv,
  dropPath,
  type FusedLayer,
  fused,
  globalResponseNorm,
  identity,
  type Layer,
  layerNorm,
  layerScale,
  linear,
  sequence,
} from '../../src/nn/layers.js';
import { checkPixels } from '../../src/nn/layout.js';
import type { ConvNextConfigBase } from './config.js';

interface BlockOptions {
  readonly channels: number;
  /** The probability of stochastic depth, and which block of the network this is. */
  readonly dropRate: number;
  readonly index: number;
}

/**
 * The block of ConvNeXt V2 (Woo et al. 2023, figure 5): depthwise 7x7, norm, a linear map to four times the channels, GELU,
 * global response norm, and back. V1 (Liu et al. 2022) has no response norm, and scales the channels at the end instead.
 */
function convNextBlock(
  scope: Scope,
  config: ConvNextConfigBase,
  { channels, dropRate, index }: BlockOptions,
): FusedLayer {
  const { modelType, hiddenAct, initializerRange: deviation, layerScaleInitValue, normEps: epsilon } = config;
  const dwconv = depthwiseConv(scope.within('dwconv'), { channels, kernel: 7, padding: 3, deviation });
  const norm = layerNorm(scope.within('layernorm'), { channels, epsilon });
  const pwconv1 = linear(scope.within('pwconv1'), { from: channels, to: 4 * channels, deviation });
  const act = activation(hiddenAct);
  const grn =
    modelType === 'convnextv2' ? globalResponseNorm(scope.within('grn'), { channels: 4 * channels }) : identity;
  const pwconv2 = linear(scope.within('pwconv2'), { from: 4 * channels, to: channels, deviation });
  const scale =
    layerScaleInitValue > 0 ? layerScale(scope, 'layer_scale_parameter', channels, layerScaleInitValue) : identity;
  const drop = dropPath(dropRate, index);
  return { parts: { dwconv, norm, pwconv1, act, grn, pwconv2, scale, drop }, formula: 'residual' };
}

/** Patches of the picture to the channels of the first stage, and a norm. */
function stem(
  scope: Scope,
  { numChannels: from, hiddenSizes: [to], patchSize, initializerRange, normEps: epsilon }: ConvNextConfigBase,
): Layer {
  const patches = { from, to, kernel: patchSize, stride: patchSize, deviation: initializerRange };
  const conv = conv2d(scope.within('patch_embeddings'), patches);
  const norm = layerNorm(scope.within('layernorm'), { channels: to, epsilon });
  return fused('convnextStem', [{ parts: { conv, norm }, formula: 'sequence' }]);
}

/** Half the size and other channels, the norm first. */
function downsampling(
  scope: Scope,
  { hiddenSizes, initializerRange: deviation, normEps: epsilon }: ConvNextConfigBase,
  i: number,
): Layer {
  const [from, to] = [hiddenSizes[Math.max(0, i - 1)], hiddenSizes[i]];
  const norm = layerNorm(scope.within(0), { channels: from, epsilon });
  const conv = conv2d(scope.within(1), { from, to, kernel: 2, stride: 2, deviation });
  return fused('convnextDownsampling', [{ parts: { norm, conv }, formula: 'sequence' }]);
}

/** Stage `i` (0 the first after the stem): blocks at one size, with downsampling before them but, as a rule, the first stage's. */
function stage(scope: Scope, config: ConvNextConfigBase, i: number): Layer {
  const { depths, hiddenSizes, dropPathRate, downsampleFirst } = config;
  const channels = hiddenSizes[i];
  const before = depths.slice(0, i).reduce((sum, depth) => sum + depth, 0);
  const all = depths.reduce((sum, depth) => sum + depth, 0);
  const down = i === 0 && !downsampleFirst ? identity : downsampling(scope.within('downsampling_layer'), config, i);
  const blocks = Array.from({ length: depths[i] }, (_, j) => {
    const index = before + j;
    const dropRate = (dropPathRate * index) / Math.max(1, all - 1); // linspace(0, dropPathRate, all)
    return convNextBlock(scope.within('layers').within(j), config, { channels, dropRate, index });
  });
  return sequence([down, fused('convnextBlocks', blocks)]);
}

/** A ConvNeXt without its head: the stem and the stages, each a layer, shallow to deep. */
export type Body = readonly Layer[];

/** The stem and the first `stages` stages, with the names of the reference's checkpoints. */
export function convNextBody(scope: Scope, config: ConvNextConfigBase, stages = config.numStages): Body {
  const inEncoder = scope.within('encoder').within('stages');
  return [
    stem(scope.within('embeddings'), config),
    ...Array.from({ length: stages }, (_, i) => stage(inEncoder.within(i), config, i)),
  ];
}

/** What a run needs to know of its model. */
interface Runs {
  readonly config: ConvNextConfigBase;
  readonly layout: Layout;
}

/**
 * The maps [n, h, w, c] after the stem and after each stage, raw: the reference's hidden states. The first `frozen` of them
 * draw nothing at random. Throws E_SHAPE, E_ARGUMENT.
 */
export function runBody(
  body: Body,
  pixels: tf.Tensor4D,
  { config, layout }: Runs,
  { training = false, seed }: Partial<Mode> = {},
  frozen = 0,
): tf.Tensor4D[] {
  const smallest = strideAt(body.length - 1, config);
  const maps = [checkPixels(pixels, { layout, channels: config.numChannels, smallest })];
  for (const [level, layer] of body.entries()) {
    maps.push(tf.tidy(() => layer(maps[level], { training: training && level >= frozen, seed })));
  }
  return maps.slice(1);
}

/** How often a map is halved between the stem and this level: 0 is the stem itself. */
const halvings = (level: number, { downsampleFirst }: ConvNextConfigBase): number =>
  level === 0 ? 0 : level - (downsampleFirst ? 0 : 1);

/** The side of the map after the stem (`level` 0) or a stage, for a picture of this side: every convolution floors. */
export const sideAt = (level: number, side: number, config: ConvNextConfigBase): number =>
  Math.floor(Math.floor(side / config.patchSize) / 2 ** halvings(level, config));

/** Pixels of the picture per cell, after the stem (`level` 0) or a stage. */
export const strideAt = (level: number, config: ConvNextConfigBase): number =>
  config.patchSize * 2 ** halvings(level, config);
