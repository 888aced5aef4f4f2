export type MapShape = [n: number, height: number, width: number, channels: number, out: Float32Array];
export type PatchShape = [
  n: number,
  height: number,
  width: number,
  channels: number,
  side: number,
  to: number,
  out: Float32Array,
];

export type GroupShape = [n: number, positions: number, channels: number, groups: number, out: Float32Array];

/** What training needs beside the kernels of the way forth: see native/src/addon-training.cc. */
export interface TrainingKernels {
  /** `rates`: beta1, 1 - beta1, beta2, 1 - beta2, epsilon, kept, rate, rootScale of ops/adamw-step.ts. */
  adamW(
    variable: Float32Array,
    gradient: Float32Array,
    first: Float32Array,
    second: Float32Array,
    rates: Float32Array,
    ...outs: Float32Array[]
  ): void;
  /** out [k, n] = a^T b, a [rows, k], b [rows, n] */
  matMulTransposed(a: Float32Array, b: Float32Array, rows: number, k: number, n: number, out: Float32Array): void;
  depthwiseInput(dy: Float32Array, flipped: Float32Array, ...shape: MapShape): void;
  depthwiseFilter(x: Float32Array, dy: Float32Array, ...shape: MapShape): void;
  patchesInput(dy: Float32Array, packed: Float32Array, ...shape: PatchShape): void;
  layerNormGradient(
    x: Float32Array,
    gamma: Float32Array,
    dy: Float32Array,
    epsilon: number,
    positions: number,
    channels: number,
    dx: Float32Array,
    dgamma: Float32Array,
    dbeta: Float32Array,
  ): void;
  responseNorm(
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    n: number,
    positions: number,
    channels: number,
    out: Float32Array,
  ): void;
  responseNormGradient(
    x: Float32Array,
    gamma: Float32Array,
    dy: Float32Array,
    n: number,
    positions: number,
    channels: number,
    dx: Float32Array,
    dgamma: Float32Array,
    dbeta: Float32Array,
  ): void;
  geluGradient(x: Float32Array, dy: Float32Array, dx: Float32Array): void;
  /** Gradients of any convolution; `filter` as it lies. */
  convolutionInput(geometry: Int32Array, dy: Float32Array, filter: Float32Array, dx: Float32Array): void;
  convolutionFilter(geometry: Int32Array, x: Float32Array, dy: Float32Array, out: Float32Array): void;
  /** Those of any depthwise convolution with one output for each channel. */
  depthwiseAnyInput(geometry: Int32Array, dy: Float32Array, filter: Float32Array, dx: Float32Array): void;
  depthwiseAnyFilter(geometry: Int32Array, x: Float32Array, dy: Float32Array, out: Float32Array): void;
  /**
   * Products of matrices; `sizes`: rows, k, n, and whether each of a and of b lies transposed. ofA and ofB have the number of its
   * matrix in a and in b for each product.
   */
  products(
    sizes: Int32Array,
    a: Float32Array,
    b: Float32Array,
    ofA: Int32Array,
    ofB: Int32Array,
    out: Float32Array,
  ): void;
  /** Of `NativeKernels.pool`: to the first of the greatest of x; without x to the whole window, `share` each, or where that is 0 the mean's. */
  poolGradient(
    maps: Int32Array,
    x: Float32Array | null,
    dy: Float32Array,
    rows: Int32Array,
    columns: Int32Array,
    share: number,
    dx: Float32Array,
  ): void;
  /** Of `NativeKernels.interpolate`. */
  interpolateGradient(
    maps: Int32Array,
    dy: Float32Array,
    rows: Int32Array,
    rowShares: Float32Array,
    columns: Int32Array,
    columnShares: Float32Array,
    dx: Float32Array,
  ): void;
  groupNorm(x: Float32Array, gamma: Float32Array, beta: Float32Array, epsilon: number, ...shape: GroupShape): void;
  groupNormGradient(
    x: Float32Array,
    gamma: Float32Array,
    dy: Float32Array,
    epsilon: number,
    ...shape: [...GroupShape, dgamma: Float32Array, dbeta: Float32Array]
  ): void;
}
