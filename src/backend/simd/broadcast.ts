import * as tf from '@tensorflow/tfjs-core';

/** Sizes of three axes of a result, and the strides of both operands along them, 0 where an operand stays the same. */
export type ThreeAxes = readonly number[];

/** How two shapes broadcast, as three axes; undefined where it takes more. */
export function threeAxes(a: readonly number[], b: readonly number[]): ThreeAxes | undefined {
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
  if (merged.length > 3) return undefined;
  while (merged.length < 3) merged.unshift({ size: 1, a: true, b: true });
  const strides = (operand: 'a' | 'b') => {
    let next = 1;
    const own = [0, 0, 0];
    for (let axis = 2; axis >= 0; axis--) {
      if (!merged[axis][operand]) continue;
      own[axis] = next;
      next *= merged[axis].size;
    }
    return own;
  };
  return [...merged.map(({ size }) => size), ...strides('a'), ...strides('b')];
}

/** A reduction over neighbouring axes, as x [outer, reduced, inner]; undefined where the axes are not neighbours. */
export function reduction(
  shape: readonly number[],
  axis: number | number[] | undefined,
): { readonly outer: number; readonly reduced: number; readonly inner: number; readonly axes: number[] } | undefined {
  const axes = tf.util.parseAxisParam(axis as number | number[], [...shape]).sort((a, b) => a - b);
  const [first, last] = [axes[0], axes[axes.length - 1]];
  if (axes.length === 0 || last - first !== axes.length - 1) return undefined;
  const size = (lengths: readonly number[]) => lengths.reduce((product, length) => product * length, 1);
  return {
    outer: size(shape.slice(0, first)),
    reduced: size(shape.slice(first, last + 1)),
    inner: size(shape.slice(last + 1)),
    axes,
  };
}
