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
  if (gathered.length === 0) return gathered;
  // as planes of the last two axes
  const padded = (list: readonly number[], fill: number) => [
    ...new Array(Math.max(0, 2 - list.length)).fill(fill),
    ...list,
  ];
  const [lengths, steps] = [padded(shape, 1), padded(strides, 0)];
  const plane = lengths.length - 2;
  const size = lengths[plane] * lengths[plane + 1];
  let done = 0;
  const visit = (axis: number, at: number) => {
    if (axis === plane) {
      const target = gathered.subarray(done, done + size);
      gatherPlane(values, at, target, lengths.slice(plane), steps.slice(plane));
      done += size;
    } else for (let i = 0; i < lengths[axis]; i++) visit(axis + 1, at + i * steps[axis]);
  };
  visit(0, offset);
  return gathered;
}

/** Sides of the tiles in which a plane is gathered, so that both its rows and its columns stay in the processor's cache. */
const TILE = 32;

function gatherPlane(
  values: Float32Array,
  offset: number,
  target: Float32Array,
  [rows, columns]: readonly number[],
  [rowStep, columnStep]: readonly number[],
): void {
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(rows, top + TILE);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(columns, left + TILE);
      for (let row = top; row < bottom; row++) {
        const [from, to] = [offset + row * rowStep, row * columns];
        for (let column = left; column < right; column++) target[to + column] = values[from + column * columnStep];
      }
    }
  }
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
