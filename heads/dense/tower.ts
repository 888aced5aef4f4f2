import type { Scope } from '../../src/contracts.js';
import { conv2d, type Layer, type ParametricLayer, sequence } from '../../src/nn/layers.js';

/** Deviation of fresh weights, torchvision's own. */
const DEVIATION = 0.01;
/** Of whether an anchor is of a class, before anything is learnt: most are of none (Lin et al. 2017). */
const PRIOR = 0.01;

/** The bias of fresh logits, so that each begins at the prior probability. */
export const PRIOR_BIAS = -Math.log((1 - PRIOR) / PRIOR);

/** A 3x3 convolution that keeps the size of its map. */
export function conv3x3(
  scope: Scope,
  from: number,
  to: number,
  options: { readonly bias?: number; readonly activation?: 'linear' | 'relu' } = {},
): ParametricLayer {
  return conv2d(scope, { from, to, kernel: 3, padding: 1, deviation: DEVIATION, ...options });
}

/** The same layers on every level: `count` of what `layer` makes. */
export function tower(count: number, layer: (index: number) => readonly Layer[]): Layer {
  return sequence(Array.from({ length: count }, (_, i) => layer(i)).flat());
}
