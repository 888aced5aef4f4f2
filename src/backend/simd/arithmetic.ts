import * as tf from '@tensorflow/tfjs-core';
import { broadcastAxes, type Reduction, reductions } from './broadcast.js';
import { allFloat, type Simd, type SimdBackend } from './kernel.js';

/** As native/src/kernels.h numbers them. */
const BINARY = {
  Add: 0,
  Sub: 1,
  Multiply: 2,
  RealDiv: 3,
  Maximum: 4,
  Minimum: 5,
  SquaredDifference: 6,
  Pow: 7,
} as const;
/** Those that tfjs gives other operands than `a` and `b`. */
const LEAKY = 8;
const STEP = 9;
const ELU_SLOPE = 10;
const COMPARISON = { Equal: 0, NotEqual: 1, Less: 2, LessEqual: 3, Greater: 4, GreaterEqual: 5 } as const;
const UNARY = {
  Square: 0,
  Sqrt: 1,
  Rsqrt: 2,
  Neg: 3,
  Relu: 4,
  Abs: 5,
  Exp: 6,
  Log: 7,
  Sigmoid: 8,
  Tanh: 9,
  Elu: 10,
  Selu: 11,
  Softplus: 12,
  Log1p: 13,
  Expm1: 14,
  Erf: 15,
  Reciprocal: 16,
  Floor: 17,
  Sign: 18,
} as const;

/** `op` of two tensors, broadcast. */
function combined(backend: SimdBackend, op: number, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo | undefined {
  const axes = allFloat(a, b) ? broadcastAxes(a.shape, b.shape) : undefined;
  if (axes === undefined) return undefined;
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  return backend.output(shape, (out) => backend.native.binary(op, backend.floats(a), backend.floats(b), axes, out));
}

/** `op` of a tensor and a number. */
function withNumber(backend: SimdBackend, op: number, x: tf.TensorInfo, number: number): tf.TensorInfo | undefined {
  if (!allFloat(x)) return undefined;
  const axes = broadcastAxes(x.shape, [])!;
  return backend.output(x.shape, (out) =>
    backend.native.binary(op, backend.floats(x), Float32Array.of(number), axes, out),
  );
}

function comparison(op: number): Simd {
  return (backend, { a, b }) => {
    const axes = allFloat(a, b) ? broadcastAxes(a.shape, b.shape) : undefined;
    if (axes === undefined) return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return backend.truths(shape, (out) => backend.native.compare(op, backend.floats(a), backend.floats(b), axes, out));
  };
}

function unary(op: number): Simd {
  return (backend, { x }) => {
    if (!allFloat(x)) return undefined;
    return backend.output(x.shape, (out) => backend.native.unary(op, backend.floats(x), out));
  };
}

const select: Simd = (backend, { condition, t, e }) => {
  const alike = [condition, e].every(({ shape }) => tf.util.arraysEqual(shape, t.shape));
  if (!alike || condition.dtype !== 'bool' || !allFloat(t, e)) return undefined;
  return backend.output(t.shape, (out) =>
    backend.native.select(backend.bytes(condition), backend.floats(t), backend.floats(e), out),
  );
};

const addN: Simd = (backend, inputs) => {
  const [first, ...others] = Object.values(inputs);
  if (others.length === 0 || !allFloat(first, ...others)) return undefined;
  const axes = broadcastAxes(first.shape, first.shape)!;
  return backend.output(first.shape, (out) => {
    let sum = backend.floats(first);
    for (const other of others) {
      backend.native.binary(BINARY.Add, sum, backend.floats(other), axes, out);
      sum = out;
    }
  });
};

/** (x - mean) * scale / sqrt(variance + epsilon) + offset, of tensors that begin anew along x where they are smaller. */
const batchNorm: Simd = (backend, { x, mean, variance, scale, offset }, { varianceEpsilon = 0.001 }) => {
  const size = tf.util.sizeFromShape(x.shape);
  const others = [mean, variance, scale, offset].filter((other) => other);
  const fit = others.every(({ shape }) => size % tf.util.sizeFromShape(shape) === 0);
  if (!allFloat(x, ...others) || !fit) return undefined;
  const { native } = backend;
  const axesOf = ({ length }: Float32Array) => broadcastAxes([size / length, length], [length])!;
  const deviations = backend.floats(variance).map((value) => value + varianceEpsilon);
  native.unary(UNARY.Sqrt, deviations, deviations);
  return backend.output(x.shape, (out) => {
    const apply = (op: number, values: Float32Array, from = out) =>
      native.binary(op, from, values, axesOf(values), out);
    apply(BINARY.Sub, backend.floats(mean), backend.floats(x));
    if (scale) apply(BINARY.Multiply, backend.floats(scale));
    apply(BINARY.RealDiv, deviations);
    if (offset) apply(BINARY.Add, backend.floats(offset));
  });
};

const clip: Simd = (backend, { x }, { clipValueMin, clipValueMax }) => {
  if (!allFloat(x)) return undefined;
  return backend.output(x.shape, (out) => backend.native.clip(backend.floats(x), clipValueMin, clipValueMax, out));
};

const softmax: Simd = (backend, { logits }) => {
  if (!allFloat(logits)) return undefined;
  const n = logits.shape.at(-1) ?? 1;
  const rows = tf.util.sizeFromShape(logits.shape) / n;
  return backend.output(logits.shape, (out) => backend.native.softmax(backend.floats(logits), rows, n, out));
};

/** Reduces x step by step; `step` fills what one of them leaves, the last knowing that it is. */
function reduced(
  backend: SimdBackend,
  x: tf.TensorInfo,
  [axis, keepDims]: readonly [axis: number | number[], keepDims: boolean],
  step: (values: Float32Array, over: Reduction, out: Float32Array, divisor: number) => void,
): tf.TensorInfo | undefined {
  const { steps, shape, count } = reductions(x.shape, axis, keepDims);
  if (steps.length === 0 || !allFloat(x)) return undefined;
  let current = x;
  for (const [i, over] of steps.entries()) {
    const isLast = i === steps.length - 1;
    const next = backend.output(isLast ? shape : [over.outer, over.inner], (out) =>
      step(backend.floats(current), over, out, isLast ? count : 1),
    );
    if (current !== x) backend.disposeIntermediateTensorInfo(current);
    current = next;
  }
  return current;
}

function sum(mean: boolean): Simd {
  return (backend, { x }, { axis, keepDims }) =>
    reduced(backend, x, [axis, keepDims], (values, { outer, reduced, inner }, out, divisor) =>
      backend.native.sum(values, outer, reduced, inner, mean ? divisor : 1, out),
    );
}

function extreme(least: 0 | 1): Simd {
  return (backend, { x }, { reductionIndices, axis, keepDims }) =>
    reduced(backend, x, [reductionIndices ?? axis, keepDims], (values, { outer, reduced, inner }, out) =>
      backend.native.extreme(values, outer, reduced, inner, least, out),
    );
}

/** The gradient of gather: each part of x to the segment that its id names. */
const segmentSum: Simd = (backend, { x, segmentIds }, { numSegments }) => {
  if (segmentIds.shape.length !== 1 || segmentIds.dtype !== 'int32' || !allFloat(x) || numSegments < 1)
    return undefined;
  const ids = backend.ints(segmentIds);
  const shape = [numSegments, ...x.shape.slice(1)];
  return backend.output(shape, (out) =>
    backend.native.segmentSum(backend.floats(x), ids, out.length / numSegments, numSegments, out),
  );
};

export const adamW: Simd = (backend, { variable, gradient, first, second }, rates) => {
  const [w, g, m, v] = [variable, gradient, first, second].map((tensor) => backend.floats(tensor));
  const { beta1, beta2, epsilon, kept, rate, rootScale } = rates;
  const { shape } = variable;
  return backend.outputs([shape, shape, shape], (...outs) => {
    backend.native.adamW(
      w,
      g,
      m,
      v,
      Float32Array.of(beta1, 1 - beta1, beta2, 1 - beta2, epsilon, kept, rate, rootScale),
      ...outs,
    );
  });
};

/** The kernels for a table of their numbers. */
const named = (numbers: Readonly<Record<string, number>>, kernel: (op: number) => Simd): Record<string, Simd> =>
  Object.fromEntries(Object.entries(numbers).map(([name, op]) => [name, kernel(op)]));

export const ARITHMETIC: Readonly<Record<string, Simd>> = {
  ...named(
    BINARY,
    (op) =>
      (backend, { a, b }) =>
        combined(backend, op, a, b),
  ),
  ...named(COMPARISON, comparison),
  ...named(UNARY, unary),
  Prelu: (backend, { x, alpha }) => combined(backend, LEAKY, x, alpha),
  LeakyRelu: (backend, { x }, { alpha }) => withNumber(backend, LEAKY, x, alpha),
  Step: (backend, { x }, { alpha }) => withNumber(backend, STEP, x, alpha),
  EluGrad: (backend, { dy, y }) => combined(backend, ELU_SLOPE, dy, y),
  Select: select,
  AddN: addN,
  FusedBatchNorm: batchNorm,
  ClipByValue: clip,
  Relu6: (backend, inputs, attributes) => clip(backend, inputs, { ...attributes, clipValueMin: 0, clipValueMax: 6 }),
  Softmax: softmax,
  Sum: sum(false),
  Mean: sum(true),
  Max: extreme(0),
  Min: extreme(1),
  UnsortedSegmentSum: segmentSum,
};
