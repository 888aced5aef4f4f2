import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';
import { runOp } from './op.js';

/**
 * How maps change size, all as PyTorch does it:
 * `bilinear` interpolate(mode='bilinear', align_corners=False), half-pixel centres;
 * `nearest` interpolate(mode='nearest'), floor(i * in / out) in float32;
 * `average` adaptive_avg_pool2d: cell i of m over n covers floor(i * n / m) to ceil((i + 1) * n / m).
 */
export type Resampling = 'bilinear' | 'nearest' | 'average';

/**
 * Maps [n, h, w, c] to [n, height, width, c], at any size in and out, with the right gradient (tfjs' own resizeBilinear
 * has a wrong one). Throws E_ARGUMENT for a size or a way that is none.
 * Kernels: `ConvNextV2Resample` { x }, { height, width, how }, and `ConvNextV2ResampleGrad` { dy } with the size of x.
 */
export function resample(x: tf.Tensor4D, [height, width]: readonly [number, number], how: Resampling): tf.Tensor4D {
  if (!Object.hasOwn(TAPS, how)) {
    const wanted = Object.keys(TAPS).join(', ');
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'how', wanted: `one of ${wanted}`, got: show(how) });
  }
  for (const side of [height, width]) {
    if (Number.isSafeInteger(side) && side >= 0) continue;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'size', wanted: 'two whole numbers', got: `${height}, ${width}` });
  }
  const [, h, w] = x.shape;
  const attributes = { height, width, how };
  const resize = tf.customGrad((x) => ({
    value: run('ConvNextV2Resample', { x: x as tf.Tensor4D }, attributes, () =>
      how === 'nearest'
        ? tf.gather(tf.gather(x as tf.Tensor4D, sources(h, height), 1), sources(w, width), 2)
        : separable(x as tf.Tensor4D, matrix(h, height, how), matrix(w, width, how)),
    ),
    gradFunc: (dy: tf.Tensor) =>
      run('ConvNextV2ResampleGrad', { dy: dy as tf.Tensor4D }, { height: h, width: w, how }, () =>
        separable(dy as tf.Tensor4D, tf.transpose(matrix(h, height, how)), tf.transpose(matrix(w, width, how))),
      ),
  }));
  return resize(x) as tf.Tensor4D;
}

/** A kernel, which is for what costs time: what is empty, or not float32, is composed. */
function run(
  kernel: string,
  inputs: Readonly<Record<string, tf.Tensor4D>>,
  attributes: Readonly<Record<string, number | string>>,
  composed: () => tf.Tensor4D,
): tf.Tensor4D {
  return Number(attributes.height) * Number(attributes.width) === 0
    ? tf.tidy(composed)
    : runOp(kernel, inputs, attributes, composed);
}

/** A constant matrix [out, in] for each axis says it all, since these ways are linear and separable. */
function separable(x: tf.Tensor4D, down: tf.Tensor2D, across: tf.Tensor2D): tf.Tensor4D {
  const turned = alongHeight(across, tf.transpose(x, [0, 2, 1, 3])); // [n, width, h, c]
  return alongHeight(down, tf.transpose(turned, [0, 2, 1, 3])); // [n, height, width, c]
}

/** The cell of an axis of `from` that cell i of its resampled `to` takes, by `nearest`. */
export function nearestSource(i: number, from: number, to: number): number {
  return Math.min(Math.floor(Math.fround(i * Math.fround(from / to))), from - 1);
}

/** The two that it lies between, by `bilinear`, and the share of the second. */
export function bilinearTaps(i: number, from: number, to: number): readonly [low: number, high: number, share: number] {
  // float32 like torch's area_pixel_compute_source_index, and clamped at the first cell
  const scale = Math.fround(from / to);
  const source = Math.max(0, Math.fround(Math.fround(scale * Math.fround(i + 0.5)) - 0.5));
  const low = Math.min(Math.floor(source), from - 1);
  return [low, Math.min(low + 1, from - 1), Math.min(1, Math.fround(source - low))];
}

function sources(from: number, to: number): tf.Tensor1D {
  const indices = Int32Array.from({ length: to }, (_, i) => nearestSource(i, from, to));
  return tf.tensor1d(indices, 'int32');
}

/** Weights [out, in] times each picture of x: [n, in, w, c] -> [n, out, w, c]. */
function alongHeight(weights: tf.Tensor2D, x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const product = tf.matMul(tf.expandDims(weights, 0), tf.reshape(x, [n, h, w * c])); // [n, out, w * c]
  return tf.reshape(product, [n, weights.shape[0], w, c]);
}

/** The weights [out, in] with which one axis is resampled. */
function matrix(from: number, to: number, how: keyof typeof TAPS): tf.Tensor2D {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    for (const [j, weight] of TAPS[how](i, from, to)) weights[i * from + j] += weight;
  }
  return tf.tensor2d(weights, [to, from]);
}

type Taps = (i: number, from: number, to: number) => readonly (readonly [index: number, weight: number])[];

const TAPS = {
  nearest: (i, from, to) => [[nearestSource(i, from, to), 1]],
  bilinear(i, from, to) {
    const [low, high, share] = bilinearTaps(i, from, to);
    return [
      [low, 1 - share],
      [high, share],
    ];
  },
  average(i, from, to) {
    const begin = Math.floor((i * from) / to);
    const end = Math.ceil(((i + 1) * from) / to);
    return Array.from({ length: end - begin }, (_, k) => [begin + k, 1 / (end - begin)] as const);
  },
} as const satisfies Record<string, Taps>;
