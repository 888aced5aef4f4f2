import type * as tf from '@tensorflow/tfjs-core';
import { bilinearTaps, nearestSource } from '../../ops/resample.js';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';

/** For output i of `to` over an axis of `from`: the cells [begin, end) whose mean it is. */
type Window = (i: number, from: number, to: number) => readonly [begin: number, end: number];
/** For the same: two cells, and the share of the second. */
type Neighbours = (i: number, from: number, to: number) => readonly [first: number, second: number, share: number];

const one = (cell: number) => [cell, cell + 1] as const;

/** ConvNextV2Resample { x }, { height, width, how }: see src/ops/resample.ts. */
export function resample(backend: SimdBackend, { x }: Inputs, { height, width, how }: Attributes) {
  if (how === 'bilinear') return interpolated(backend, x, [height, width], bilinearTaps);
  if (how === 'nearest') {
    return averaged(backend, x, [height, width], (i, from, to) => one(nearestSource(i, from, to)));
  }
  return averaged(backend, x, [height, width], (i, from, to) => [
    Math.floor((i * from) / to),
    Math.ceil(((i + 1) * from) / to),
  ]);
}

/** As tfjs has it: the ratio of the sizes, or of the distances between the corners. */
const ratio = (from: number, to: number, alignCorners: boolean) =>
  alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;

export function resizeBilinear(
  backend: SimdBackend,
  { images }: Inputs,
  { size, alignCorners, halfPixelCenters }: Attributes,
) {
  return interpolated(backend, images, size, (i, from, to) => {
    const scale = ratio(from, to, alignCorners);
    const source = halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i;
    const first = Math.max(0, Math.floor(source));
    return [first, Math.max(0, Math.min(from - 1, Math.ceil(source))), source - first];
  });
}

export function resizeNearest(
  backend: SimdBackend,
  { images }: Inputs,
  { size, alignCorners, halfPixelCenters }: Attributes,
) {
  return averaged(backend, images, size, (i, from, to) => {
    const source = ratio(from, to, alignCorners) * (halfPixelCenters ? i + 0.5 : i);
    return one(Math.max(0, Math.min(from - 1, alignCorners ? Math.round(source) : Math.floor(source))));
  });
}

function averaged(
  backend: SimdBackend,
  x: tf.TensorInfo,
  [height, width]: readonly [number, number],
  window: Window,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = x.shape;
  if (!allFloat(x) || height * width === 0) return undefined;
  const windows = (from: number, to: number) => Int32Array.from(outputs(to).flatMap((i) => window(i, from, to)));
  return backend.output([n, height, width, c], (out) => {
    const maps = Int32Array.of(n, h, w, c, height, width);
    backend.native.pool(maps, backend.floats(x), windows(h, height), windows(w, width), 0, out);
  });
}

function interpolated(
  backend: SimdBackend,
  x: tf.TensorInfo,
  [height, width]: readonly [number, number],
  neighbours: Neighbours,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = x.shape;
  if (!allFloat(x) || height * width === 0) return undefined;
  const axis = (from: number, to: number) => {
    const of = outputs(to).map((i) => neighbours(i, from, to));
    return [
      Int32Array.from(of.flatMap((taps) => taps.slice(0, 2))),
      Float32Array.from(of, ([, , share]) => share),
    ] as const;
  };
  return backend.output([n, height, width, c], (out) => {
    const maps = Int32Array.of(n, h, w, c, height, width);
    backend.native.interpolate(maps, backend.floats(x), ...axis(h, height), ...axis(w, width), out);
  });
}

const outputs = (count: number) => Array.from({ length: count }, (_, i) => i);
