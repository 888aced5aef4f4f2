import type * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../contracts.js';
import { groupNorm as groupNormOp } from '../ops/group-norm.js';
import type { Layer } from './layers.js';

/** PyTorch's default. */
const EPSILON = 1e-5;

/** Group norm in `groups` of the channels, as torch.nn.GroupNorm; parameters `weight` and `bias`. */
export function groupNorm(scope: Scope, groups: number, channels: number): Layer {
  const weight = scope.parameter('weight', [channels], { init: { constant: 1 } });
  const bias = scope.parameter('bias', [channels], { init: { constant: 0 } });
  return (x: tf.Tensor4D) => groupNormOp(x, weight.variable, bias.variable, { groups, epsilon: EPSILON });
}
