import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';

/** An axis of a box: its length, and how far apart neighbours lie in both arrays. */
interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Axes of the native kernel. */
const MOST = 6;

/** How far apart neighbours lie along each axis. */
const stridesOf = (shape: readonly number[]): readonly number[] => [...tf.util.computeStrides([...shape]), 1];

/** A box as the native kernel takes it: axes that lie alike in both arrays are one. Undefined for more than it has. */
export function boxOf(axes: readonly Axis[]): Int32Array | undefined {
  const merged: Axis[] = [];
  for (const axis of axes.filter(({ size }) => size > 1)) {
    const before = merged.at(-1);
    const follows = before && before.from === axis.size * axis.from && before.to === axis.size * axis.to;
    if (follows) merged[merged.length - 1] = { ...axis, size: before.size * axis.size };
    else merged.push(axis);
  }
  if (merged.length > MOST) return undefined;
  const all = [...Array<Axis>(MOST - merged.length).fill({ size: 1, from: 0, to: 0 }), ...merged];
  return Int32Array.from([...all.map(({ size }) => size), ...all.map(({ from }) => from), ...all.map(({ to }) => to)]);
}

const place = (at: readonly number[], strides: readonly number[]): number =>
  at.reduce((sum, index, axis) => sum + index * strides[axis], 0);

export function transpose(backend: SimdBackend, { x }: Inputs, { perm }: Attributes): tf.TensorInfo | undefined {
  const strides = stridesOf(x.shape);
  const shape = perm.map((axis) => x.shape[axis]);
  const to = stridesOf(shape);
  const box = boxOf(perm.map((axis, i) => ({ size: shape[i], from: strides[axis], to: to[i] })));
  if (!box || !allFloat(x)) return undefined;
  return backend.output(shape, (out) => backend.native.copyBox(box, backend.floats(x), 0, out, 0));
}

export function slice(backend: SimdBackend, { x }: Inputs, { begin, size }: Attributes): tf.TensorInfo | undefined {
  const [first, shape] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size as unknown as number[]);
  const strides = stridesOf(x.shape);
  const to = stridesOf(shape);
  const box = boxOf(shape.map((length, axis) => ({ size: length, from: strides[axis], to: to[axis] })));
  if (!box || !allFloat(x) || tf.util.sizeFromShape(shape) === 0) return undefined;
  tf.slice_util.assertParamsValid(x as tf.Tensor, first, shape);
  return backend.output(shape, (out) => {
    backend.native.copyBox(box, backend.floats(x), place(first, strides), out, 0);
  });
}

export function pad(
  backend: SimdBackend,
  { x }: Inputs,
  { paddings, constantValue }: Attributes,
): tf.TensorInfo | undefined {
  const shape = x.shape.map((length, axis) => paddings[axis][0] + length + paddings[axis][1]);
  const from = stridesOf(x.shape);
  const to = stridesOf(shape);
  const box = boxOf(x.shape.map((size, axis) => ({ size, from: from[axis], to: to[axis] })));
  if (!box || !allFloat(x)) return undefined;
  const first = place(
    paddings.map(([before]) => before),
    to,
  );
  return backend.output(shape, (out) => {
    out.fill(constantValue);
    backend.native.copyBox(box, backend.floats(x), 0, out, first);
  });
}

export function concat(backend: SimdBackend, inputs: Inputs, { axis: given }: Attributes): tf.TensorInfo | undefined {
  const all = Object.values(inputs);
  const [axis] = tf.util.parseAxisParam(given, all[0].shape);
  const shapes = all.map(({ shape }) => shape);
  tf.backend_util.assertParamsConsistent(shapes, axis);
  return joined(backend, all, shapes, axis, tf.backend_util.computeOutShape(shapes, axis));
}

/** Pack: tensors of one shape, joined along a new axis. */
export function stack(backend: SimdBackend, inputs: Inputs, { axis }: Attributes): tf.TensorInfo | undefined {
  const all = Object.values(inputs);
  const [{ shape: own }] = all;
  if (all.some(({ shape }) => !tf.util.arraysEqual(shape, own))) return undefined; // `cpu` says so
  const at = axis as number;
  const along = (length: number) => [...own.slice(0, at), length, ...own.slice(at)];
  return joined(
    backend,
    all,
    all.map(() => along(1)),
    at,
    along(all.length),
  );
}

/** Tensors, seen as of these shapes, one after the other along an axis. What is empty adds nothing. */
function joined(
  backend: SimdBackend,
  all: readonly tf.TensorInfo[],
  shapes: readonly (readonly number[])[],
  axis: number,
  shape: readonly number[],
): tf.TensorInfo | undefined {
  const parts = all.flatMap((part, i) => (shapes[i].includes(0) ? [] : [{ part, own: shapes[i] }]));
  if (parts.length < 2 || !allFloat(...parts.map(({ part }) => part))) return undefined;
  const to = stridesOf(shape);
  const boxes = parts.map(({ own }) => {
    const from = stridesOf(own);
    return boxOf(own.map((size, i) => ({ size, from: from[i], to: to[i] })));
  });
  if (boxes.includes(undefined)) return undefined;
  return backend.output(shape, (out) => {
    let first = 0;
    for (const [i, { part, own }] of parts.entries()) {
      backend.native.copyBox(boxes[i]!, backend.floats(part), 0, out, first);
      first += own[axis] * to[axis];
    }
  });
}

export function tile(backend: SimdBackend, { x }: Inputs, { reps }: Attributes): tf.TensorInfo | undefined {
  const shape = x.shape.map((length, axis) => length * reps[axis]);
  const [from, to] = [stridesOf(x.shape), stridesOf(shape)];
  const box = boxOf(
    x.shape.flatMap((size, axis) => [
      { size: reps[axis], from: 0, to: size * to[axis] },
      { size, from: from[axis], to: to[axis] },
    ]),
  );
  if (!box || !allFloat(x) || tf.util.sizeFromShape(shape) === 0) return undefined;
  return backend.output(shape, (out) => backend.native.copyBox(box, backend.floats(x), 0, out, 0));
}

export function split(
  backend: SimdBackend,
  { x }: Inputs,
  { axis: given, numOrSizeSplits }: Attributes,
): readonly tf.TensorInfo[] | undefined {
  const [axis] = tf.util.parseAxisParam(given, x.shape);
  const lengths = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits, axis);
  if (x.shape.length > MOST || !allFloat(x)) return undefined;
  let first = 0;
  return lengths.map((length) => {
    const begin = x.shape.map((_, i) => (i === axis ? first : 0));
    const size = x.shape.map((all, i) => (i === axis ? length : all));
    first += length;
    return part(backend, x, begin, size);
  });
}

/** Unpack: the parts of a tensor along an axis, each without that axis. */
export function unstack(
  backend: SimdBackend,
  { value }: Inputs,
  { axis: given }: Attributes,
): readonly tf.TensorInfo[] | undefined {
  const [axis] = tf.util.parseAxisParam(given, value.shape);
  if (value.shape.length > MOST || !allFloat(value)) return undefined;
  const size = value.shape.map((length, i) => (i === axis ? 1 : length));
  return Array.from({ length: value.shape[axis] }, (_, at) => {
    const begin = value.shape.map((_, i) => (i === axis ? at : 0));
    return { ...part(backend, value, begin, size), shape: size.filter((_, i) => i !== axis) };
  });
}

/** A box of x, at most six axes, which may be empty. */
function part(
  backend: SimdBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: readonly number[],
): tf.TensorInfo {
  if (size.includes(0)) return backend.output(size, () => {});
  return slice(backend, { x }, { begin, size } as unknown as Attributes)!;
}

/** GatherV2 of whole runs of floats; indices that are out of range are left to `cpu`, which says so. */
export function gather(
  backend: SimdBackend,
  { x, indices }: Inputs,
  { axis: given, batchDims }: Attributes,
): tf.TensorInfo | undefined {
  if (batchDims !== 0 || indices.dtype !== 'int32' || !allFloat(x)) return undefined;
  const [axis] = tf.util.parseAxisParam(given, x.shape);
  const places = backend.ints(indices);
  const length = x.shape[axis];
  if (places.length === 0 || places.some((place) => !(place >= 0 && place < length))) return undefined;
  const outer = tf.util.sizeFromShape(x.shape.slice(0, axis));
  const inner = tf.util.sizeFromShape(x.shape.slice(axis + 1));
  const values = backend.floats(x);
  return backend.output([...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], (out) => {
    let to = 0;
    for (let o = 0; o < outer; o++) {
      for (const place of places) {
        const from = (o * length + place) * inner;
        out.set(values.subarray(from, from + inner), to);
        to += inner;
      }
    }
  });
}
