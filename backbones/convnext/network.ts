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

/** Of every norm but the one after pooling (`layer_norm_eps`); written out in the reference, too. */
export const NORM_EPSILON = 1e-6;

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
  const { modelType, hiddenAct, initializerRange: deviation, layerScaleInitValue } = config;
  const dwconv = depthwiseConv(scope.within('dwconv'), { channels, kernel: 7, padding: 3, deviation });
  const norm = layerNorm(scope.within('layernorm'), { channels, epsilon: NORM_EPSILON });
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
  { numChannels: from, hiddenSizes: [to], patchSize, initializerRange }: ConvNextConfigBase,
): Layer {
  const patches = { from, to, kernel: patchSize, stride: patchSize, deviation: initializerRange };
  const conv = conv2d(scope.within('patch_embeddings'), patches);
  const norm = layerNorm(scope.within('layernorm'), { channels: to, epsilon: NORM_EPSILON });
  return fused('convnextStem', [{ parts: { conv, norm }, formula: 'sequence' }]);
}

/** Half the size and other channels, the norm first. */
function downsampling(scope: Scope, from: number, to: number, deviation: number): Layer {
  const norm = layerNorm(scope.within(0), { channels: from, epsilon: NORM_EPSILON });
  const conv = conv2d(scope.within(1), { from, to, kernel: 2, stride: 2, deviation });
  return fused('convnextDownsampling', [{ parts: { norm, conv }, formula: 'sequence' }]);
}

/** Stage `i` (0 the first after the stem): blocks at one size, with downsampling before all but the first stage's. */
function stage(scope: Scope, config: ConvNextConfigBase, i: number): Layer {
  const { depths, hiddenSizes, dropPathRate, initializerRange } = config;
  const channels = hiddenSizes[i];
  const before = depths.slice(0, i).reduce((sum, depth) => sum + depth, 0);
  const all = depths.reduce((sum, depth) => sum + depth, 0);
  const down =
    i === 0
      ? identity
      : downsampling(scope.within('downsampling_layer'), hiddenSizes[i - 1], channels, initializerRange);
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

/** The side of the map after the stem (`level` 0) or a stage, for a picture of this side: every convolution floors. */
export function sideAt(level: number, side: number, { patchSize }: ConvNextConfigBase): number {
  let length = Math.floor(side / patchSize);
  for (let i = 1; i < level; i++) length = Math.floor(length / 2);
  return length;
}

/** Pixels of the picture per cell, after the stem (`level` 0) or a stage. */
export const strideAt = (level: number, { patchSize }: ConvNextConfigBase): number =>
  patchSize * 2 ** Math.max(0, level - 1);
