import * as tf from '@tensorflow/tfjs-core';
import type { FusedAttributes } from '../../ops/fused-attributes.js';
import type { Resampling } from '../../ops/resample.js';
import type { NativeKernels } from './native.js';

/** What the kernels need of the backend: values, room for results, and packed weights that live as long as their tensor. */
export interface SimdBackend {
  readonly native: NativeKernels;
  /** The values of a float32 tensor; not to be written to. */
  floats(tensor: tf.TensorInfo): Float32Array;
  /** The values of an int32 tensor; not to be written to. */
  ints(tensor: tf.TensorInfo): Int32Array;
  /** The values of a bool tensor; not to be written to. */
  bytes(tensor: tf.TensorInfo): Uint8Array;
  /** A new bool tensor that `fill` fills. */
  truths(shape: readonly number[], fill: (out: Uint8Array) => void): tf.TensorInfo;
  /** A new float32 tensor that `fill` fills. */
  output(shape: readonly number[], fill: (out: Float32Array) => void): tf.TensorInfo;
  /** The same for several, filled at once. */
  outputs(shapes: readonly (readonly number[])[], fill: (...outs: Float32Array[]) => void): tf.TensorInfo[];
  /** From now on somebody else may hold this tensor's array: it is not used again. */
  share(tensor: tf.TensorInfo): void;
  /** What `pack` makes of a tensor, `length` floats, made once. `name` tells apart several for one tensor. */
  packed(tensor: tf.TensorInfo, length: number, pack: Pack, name?: string): Float32Array;
  /** The same where all that is packed so stays within the backend's bound together; undefined where it would not. */
  packedWithin(tensor: tf.TensorInfo, length: number, pack: Pack, name: string): Float32Array | undefined;
  /** The same of several tensors together. */
  packedTogether<Weights>(tensors: readonly tf.TensorInfo[], pack: () => Weights): Weights;
  /** Takes room for so many floats of `packedWithin`'s bound for as long as the tensor lives; false where there is not so much. */
  reserve(tensor: tf.TensorInfo, length: number): boolean;
  disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void;
}

/** Fills an array with the values of a tensor as a kernel wants them. */
export type Pack = (packed: Float32Array) => void;

export type Inputs = Readonly<Record<string, tf.TensorInfo>>;

/** The attributes of the kernels here, as tfjs names them. */
export interface Attributes {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dilations: number | [number, number];
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly axis: number | number[];
  readonly keepDims: boolean;
  readonly epsilon: number;
  readonly padding: number;
  readonly filterShape: [number, number, number, number];
  readonly inputShape: [number, number, number, number];
  readonly filterSize: number | [number, number];
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
  readonly size: readonly [number, number];
  readonly height: number;
  readonly width: number;
  readonly how: Resampling;
  readonly scale: number;
  readonly samplingRatio: number;
  readonly centres: 'half-pixel' | 'whole';
  readonly batch: number;
  readonly mapHeight: number;
  readonly mapWidth: number;
  readonly perm: readonly number[];
  readonly begin: number | number[];
  readonly batchDims: number;
  readonly paddings: readonly [before: number, after: number][];
  readonly constantValue: number;
  readonly reps: readonly number[];
  readonly numOrSizeSplits: number | number[];
  readonly clipValueMin: number;
  readonly clipValueMax: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly kept: number;
  readonly rate: number;
  readonly rootScale: number;
  readonly alpha: number;
  readonly numSegments: number;
  readonly reductionIndices: number | number[];
  readonly varianceEpsilon?: number;
  readonly groups: number;
  readonly layers: readonly FusedAttributes[];
}

/** A kernel, or undefined where it leaves a call to the one of backend `cpu`, or for operations of ours to their definition. */
export type Simd = (
  backend: SimdBackend,
  inputs: Inputs,
  attributes: Attributes,
) => tf.TensorInfo | readonly tf.TensorInfo[] | undefined;

/** Whether all of them are there for float32 arithmetic; what is absent does not count. */
export const allFloat = (...tensors: readonly (tf.TensorInfo | undefined)[]) =>
  tensors.every(
    (tensor) => tensor === undefined || (tensor.dtype === 'float32' && tf.util.sizeFromShape(tensor.shape) > 0),
  );
