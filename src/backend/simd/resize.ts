import type * as tf from '@tensorflow/tfjs-core';
import { bilinearTaps, nearestSource, type Resampling } from '../../ops/resample.js';
import { type Attributes, allFloat, type Inputs, type Simd, type SimdBackend } from './kernel.js';

/** For output i of `to` over an axis of `from`: the cells [begin, end) whose mean it is. */
type Window = (i: number, from: number, to: number) => readonly [begin: number, end: number];
/** For the same: two cells, and the share of the second. */
type Neighbours = (i: number, from: number, to: number) => readonly [first: number, second: number, share: number];

type Size = readonly [height: number, width: number];

const one = (cell: number) => [cell, cell + 1] as const;

/** Windows of the ways that take means. */
const WINDOWS: Readonly<Record<Exclude<Resampling, 'bilinear'>, Window>> = {
  nearest: (i, from, to) => one(nearestSource(i, from, to)),
  average: (i, from, to) => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)],
};

/** ConvNextV2Resample { x }, { height, width, how }: see src/ops/resample.ts. */
export function resample(backend: SimdBackend, { x }: Inputs, { height, width, how }: Attributes) {
  if (how === 'bilinear') return interpolated(backend, x, [height, width], bilinearTaps);
  return averaged(backend, x, [height, width], WINDOWS[how]);
}

/** ConvNextV2ResampleGrad { dy }, with the size of x. */
export function resampleGradient(backend: SimdBackend, { dy }: Inputs, { height, width, how }: Attributes) {
  if (how === 'bilinear') return interpolatedGradient(backend, dy, [height, width], bilinearTaps);
  return averagedGradient(backend, dy, [height, width], WINDOWS[how]);
}

/** As tfjs has it: the ratio of the sizes, or of the distances between the corners. */
const ratio = (from: number, to: number, alignCorners: boolean) =>
  alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;

/** tfjs' ways, by its attributes. */
const neighboursOf =
  ({ alignCorners, halfPixelCenters }: Attributes): Neighbours =>
  (i, from, to) => {
    const scale = ratio(from, to, alignCorners);
    const source = halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i;
    const first = Math.max(0, Math.floor(source));
    return [first, Math.max(0, Math.min(from - 1, Math.ceil(source))), source - first];
  };

const nearestOf =
  ({ alignCorners, halfPixelCenters }: Attributes): Window =>
  (i, from, to) => {
    const source = ratio(from, to, alignCorners) * (halfPixelCenters ? i + 0.5 : i);
    return one(Math.max(0, Math.min(from - 1, alignCorners ? Math.round(source) : Math.floor(source))));
  };

export const resizeBilinear: Simd = (backend, { images }, attributes) =>
  interpolated(backend, images, attributes.size, neighboursOf(attributes));

export const resizeNearest: Simd = (backend, { images }, attributes) =>
  averaged(backend, images, attributes.size, nearestOf(attributes));

/** The right gradient, where that of `cpu` is for whole pixels alone, and for pictures as high as wide. */
export const resizeBilinearGradient: Simd = (backend, { dy, images }, attributes) =>
  interpolatedGradient(backend, dy, [images.shape[1], images.shape[2]], neighboursOf(attributes));

export const resizeNearestGradient: Simd = (backend, { dy, images }, attributes) =>
  averagedGradient(backend, dy, [images.shape[1], images.shape[2]], nearestOf(attributes));

function averaged(
  backend: SimdBackend,
  x: tf.TensorInfo,
  [height, width]: Size,
  window: Window,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = x.shape;
  if (!allFloat(x) || height * width === 0) return undefined;
  return backend.output([n, height, width, c], (out) => {
    const maps = Int32Array.of(n, h, w, c, height, width);
    const [rows, columns] = [windows(window, h, height), windows(window, w, width)];
    backend.native.pool(maps, backend.floats(x), rows, columns, 0, out);
  });
}

/** From the slopes of a result to those of the map [height, width] that it was made from. */
function averagedGradient(
  backend: SimdBackend,
  dy: tf.TensorInfo,
  [height, width]: Size,
  window: Window,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = dy.shape;
  if (!allFloat(dy) || height * width === 0) return undefined;
  return backend.output([n, height, width, c], (dx) => {
    const maps = Int32Array.of(n, height, width, c, h, w);
    const [rows, columns] = [windows(window, height, h), windows(window, width, w)];
    backend.native.poolGradient(maps, null, backend.floats(dy), rows, columns, 0, dx);
  });
}

function interpolated(
  backend: SimdBackend,
  x: tf.TensorInfo,
  [height, width]: Size,
  neighbours: Neighbours,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = x.shape;
  if (!allFloat(x) || height * width === 0) return undefined;
  return backend.output([n, height, width, c], (out) => {
    const maps = Int32Array.of(n, h, w, c, height, width);
    const [rows, columns] = [shares(neighbours, h, height), shares(neighbours, w, width)];
    backend.native.interpolate(maps, backend.floats(x), ...rows, ...columns, out);
  });
}

function interpolatedGradient(
  backend: SimdBackend,
  dy: tf.TensorInfo,
  [height, width]: Size,
  neighbours: Neighbours,
): tf.TensorInfo | undefined {
  const [n, h, w, c] = dy.shape;
  if (!allFloat(dy) || height * width === 0) return undefined;
  return backend.output([n, height, width, c], (dx) => {
    const maps = Int32Array.of(n, height, width, c, h, w);
    const [rows, columns] = [shares(neighbours, height, h), shares(neighbours, width, w)];
    backend.native.interpolateGradient(maps, backend.floats(dy), ...rows, ...columns, dx);
  });
}

const outputs = (count: number) => Array.from({ length: count }, (_, i) => i);

const windows = (window: Window, from: number, to: number) =>
  Int32Array.from(outputs(to).flatMap((i) => window(i, from, to)));

function shares(neighbours: Neighbours, from: number, to: number): readonly [Int32Array, Float32Array] {
  const of = outputs(to).map((i) => neighbours(i, from, to));
  return [Int32Array.from(of.flatMap((taps) => taps.slice(0, 2))), Float32Array.from(of, ([, , share]) => share)];
}
