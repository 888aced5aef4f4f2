import * as tf from '@tensorflow/tfjs-core';
import type { Attributes, Inputs, SimdBackend } from './kernel.js';

/** Positions and channels of x, whose last axis they are. */
function sizes(x: tf.TensorInfo) {
  const channels = x.shape[x.shape.length - 1];
  return { channels, positions: tf.util.sizeFromShape(x.shape) / channels };
}

/** Whether there is a number for each channel; one for all of them is left to the definition. */
const areForEach = (channels: number, ...tensors: readonly tf.TensorInfo[]) =>
  tensors.every(({ shape }) => tf.util.sizeFromShape(shape) === channels);

export function layerNorm(
  backend: SimdBackend,
  { x, gamma, beta }: Inputs,
  { epsilon }: Attributes,
): tf.TensorInfo | undefined {
  const { channels, positions } = sizes(x);
  if (!areForEach(channels, gamma, beta)) return undefined;
  const [values, g, b] = [x, gamma, beta].map((tensor) => backend.floats(tensor));
  return backend.output(x.shape, (out) => backend.native.layerNorm(values, g, b, epsilon, positions, channels, out));
}

export function layerNormGradient(
  backend: SimdBackend,
  { x, gamma, dy }: Inputs,
  { epsilon }: Attributes,
): tf.TensorInfo[] | undefined {
  const { channels, positions } = sizes(x);
  if (!areForEach(channels, gamma)) return undefined;
  const [values, g, slopes] = [x, gamma, dy].map((tensor) => backend.floats(tensor));
  return backend.outputs([x.shape, [channels], [channels]], (dx, dgamma, dbeta) => {
    backend.native.layerNormGradient(values, g, slopes, epsilon, positions, channels, dx, dgamma, dbeta);
  });
}

export function responseNorm(backend: SimdBackend, { x, gamma, beta }: Inputs): tf.TensorInfo | undefined {
  const [n, h, w, c] = x.shape;
  if (!areForEach(c, gamma, beta)) return undefined;
  const [values, g, b] = [x, gamma, beta].map((tensor) => backend.floats(tensor));
  return backend.output(x.shape, (out) => backend.native.responseNorm(values, g, b, n, h * w, c, out));
}

export function responseNormGradient(backend: SimdBackend, { x, gamma, dy }: Inputs): tf.TensorInfo[] | undefined {
  const [n, h, w, c] = x.shape;
  if (!areForEach(c, gamma)) return undefined;
  const [values, g, slopes] = [x, gamma, dy].map((tensor) => backend.floats(tensor));
  return backend.outputs([x.shape, [c], [c]], (dx, dgamma, dbeta) => {
    backend.native.responseNormGradient(values, g, slopes, n, h * w, c, dx, dgamma, dbeta);
  });
}

export function groupNorm(
  backend: SimdBackend,
  { x, gamma, beta }: Inputs,
  { groups, epsilon }: Attributes,
): tf.TensorInfo {
  const [n, h, w, c] = x.shape;
  const [values, g, b] = [x, gamma, beta].map((tensor) => backend.floats(tensor));
  return backend.output(x.shape, (out) => backend.native.groupNorm(values, g, b, epsilon, n, h * w, c, groups, out));
}

export function groupNormGradient(
  backend: SimdBackend,
  { x, gamma, dy }: Inputs,
  { groups, epsilon }: Attributes,
): tf.TensorInfo[] {
  const [n, h, w, c] = x.shape;
  const [values, g, slopes] = [x, gamma, dy].map((tensor) => backend.floats(tensor));
  return backend.outputs([x.shape, [c], [c]], (dx, dgamma, dbeta) => {
    backend.native.groupNormGradient(values, g, slopes, epsilon, n, h * w, c, groups, dx, dgamma, dbeta);
  });
}
