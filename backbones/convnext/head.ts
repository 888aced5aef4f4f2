import * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../../src/contracts.js';
import { layerNorm, linear } from '../../src/nn/layers.js';
import { ACTIVATIONS } from '../../src/ops/activation.js';
import type { ConvNextConfigBase } from './config.js';

/** The last map [n, h, w, c] to one vector each [n, c]. */
export type Pooling = (map: tf.Tensor4D) => tf.Tensor2D;

/** The norm of each channel's mean over the map, or with `headNormFirst` the mean of the map's norm. */
export function pooling(
  scope: Scope,
  { hiddenSizes, layerNormEps, normEps, headNormFirst }: ConvNextConfigBase,
): Pooling {
  const options = { channels: hiddenSizes[hiddenSizes.length - 1], part: 'head' } as const;
  if (headNormFirst) {
    const norm = layerNorm(scope.within('norm_pre'), { ...options, epsilon: normEps });
    return (map) => tf.mean<tf.Tensor2D>(norm(map), [1, 2]);
  }
  // FCMAE checkpoints lack it
  const norm = layerNorm(scope.within('layernorm'), { ...options, epsilon: layerNormEps });
  return (map) => norm(tf.mean<tf.Tensor2D>(map, [1, 2]));
}

/** Part of a classifier: features [n, c] to [n, `channels`], with the parameters under `name`. */
export interface HeadLayer {
  readonly name: string;
  readonly channels: number;
  readonly run: (x: tf.Tensor2D) => tf.Tensor2D;
}

/** What comes after pooling: a hidden layer where the config has one, and the classifier where there are classes. */
export function classifierLayers(scope: Scope, config: ConvNextConfigBase): readonly HeadLayer[] {
  const { hiddenSizes, headHiddenSize: hidden, numLabels, initializerRange: deviation } = config;
  const pooled = hiddenSizes[hiddenSizes.length - 1];
  const layer = (name: string, from: number, to: number) =>
    linear(scope.within(name), { from, to, deviation, part: 'head' });
  const layers: HeadLayer[] = [];
  if (hidden > 0) {
    const fc = layer('pre_logits', pooled, hidden);
    layers.push({ name: 'pre_logits', channels: hidden, run: (x) => ACTIVATIONS.gelu(fc(x)) });
  }
  if (numLabels > 0) {
    layers.push({ name: 'classifier', channels: numLabels, run: layer('classifier', hidden || pooled, numLabels) });
  }
  return layers;
}
