import * as tf from '@tensorflow/tfjs-core';

/** Axes of the native kernels. */
const MOST = 6;

/** Sizes of six axes of a result, and the strides of both operands along them, 0 where an operand stays the same. */
export type BroadcastAxes = readonly number[];

/** How two shapes broadcast; undefined where it takes more axes than the native kernels have. */
export function broadcastAxes(a: readonly number[], b: readonly number[]): BroadcastAxes | undefined {
  const shape = tf.backend_util.assertAndGetBroadcastShape([...a], [...b]);
  const [left, right] = [a, b].map((own) => [...new Array(shape.length - own.length).fill(1), ...own]);
  // neighbouring axes along which both operands do the same are one
  const merged: { size: number; readonly a: boolean; readonly b: boolean }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const moves = { a: left[axis] > 1, b: right[axis] > 1 };
    const last = merged.at(-1);
    if (last && last.a === moves.a && last.b === moves.b) last.size *= size;
    else merged.push({ size, ...moves });
  });
  if (merged.length > MOST) return undefined;
  while (merged.length < MOST) merged.unshift({ size: 1, a: true, b: true });
  const strides = (operand: 'a' | 'b') => {
    let next = 1;
    const own = new Array<number>(MOST).fill(0);
    for (let axis = MOST - 1; axis >= 0; axis--) {
      if (!merged[axis][operand]) continue;
      own[axis] = next;
      next *= merged[axis].size;
    }
    return own;
  };
  return [...merged.map(({ size }) => size), ...strides('a'), ...strides('b')];
}

/** x [outer, reduced, inner] to [outer, inner]. */
export interface Reduction {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
}

/** A reduction of a shape, as one over neighbouring axes after the other, the last ones first; what is left is of `shape`. */
export function reductions(
  shape: readonly number[],
  axis: number | number[] | undefined,
  keepDims = false,
): { readonly steps: readonly Reduction[]; readonly shape: readonly number[]; readonly count: number } {
  const axes = tf.util.parseAxisParam(axis as number | number[], [...shape]);
  const isReduced = (i: number) => axes.includes(i);
  const left = [...shape];
  const steps: Reduction[] = [];
  for (let last = shape.length - 1; last >= 0; last--) {
    if (!isReduced(last)) continue;
    let first = last;
    while (first > 0 && isReduced(first - 1)) first--;
    const size = (from: number, to?: number) => tf.util.sizeFromShape(left.slice(from, to));
    steps.push({ outer: size(0, first), reduced: size(first, last + 1), inner: size(last + 1) });
    left.fill(1, first, last + 1);
    last = first;
  }
  return {
    steps,
    shape: keepDims ? left : left.filter((_, i) => !isReduced(i)),
    count: steps.reduce((product, { reduced }) => product * reduced, 1),
  };
}
