/**
 * The values of a tensor of this shape whose element [i, j, ...] lies at `offset + i * strides[0] + j * strides[1] + ...`, in
 * order.
 */
export function gatherStrided(
  values: Float32Array,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): Float32Array {
  const gathered = new Float32Array(shape.reduce((product, length) => product * length, 1));
  let done = 0;
  const visit = (axis: number, at: number) => {
    if (axis === shape.length) {
      gathered[done++] = values[at];
      return;
    }
    for (let i = 0; i < shape[axis]; i++) visit(axis + 1, at + i * strides[axis]);
  };
  if (gathered.length > 0) visit(0, offset);
  return gathered;
}

/** How far apart neighbours along each axis lie, in elements, where a tensor of this shape is stored in order. */
export function stridesOf(shape: readonly number[]): readonly number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** A tensor with its axes in another order: the shape that it then has, and what turns its values. */
export function permuted(shape: readonly number[], axes: readonly number[]) {
  const strides = stridesOf(shape);
  const turned = axes.map((axis) => shape[axis]);
  return {
    shape: turned,
    convert: (values: Float32Array) =>
      gatherStrided(
        values,
        turned,
        axes.map((axis) => strides[axis]),
      ),
  };
}
