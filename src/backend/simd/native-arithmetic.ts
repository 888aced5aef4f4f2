/** Kernels that work element by element, and sums: see native/src/addon-arithmetic.cc. */
export interface ArithmeticKernels {
  /** `shape`: sizes of six axes, and the strides of a and of b along them, 0 where an operand stays the same. */
  binary(op: number, a: Float32Array, b: Float32Array, shape: readonly number[], out: Float32Array): void;
  /** The same with a result of 1 and 0. */
  compare(op: number, a: Float32Array, b: Float32Array, shape: readonly number[], out: Uint8Array): void;
  /** `yes` where `which` is 1, and `no` elsewhere. */
  select(which: Uint8Array, yes: Float32Array, no: Float32Array, out: Float32Array): void;
  unary(op: number, x: Float32Array, out: Float32Array): void;
  clip(x: Float32Array, low: number, high: number, out: Float32Array): void;
  /** Over each row of x [rows, n]. */
  softmax(x: Float32Array, rows: number, n: number, out: Float32Array): void;
  /** x [outer, reduced, inner] to out [outer, inner], divided by `divisor`. */
  sum(x: Float32Array, outer: number, reduced: number, inner: number, divisor: number, out: Float32Array): void;
  /** The greatest of x [outer, reduced, inner], or the least, to out [outer, inner]; NaN where one is NaN. */
  extreme(x: Float32Array, outer: number, reduced: number, inner: number, least: 0 | 1, out: Float32Array): void;
  /** Adds each row of x [rows, inner] to row ids[i] of out [segments, inner]; an id out of range adds nothing. */
  segmentSum(x: Float32Array, ids: Int32Array, inner: number, segments: number, out: Float32Array): void;
}
