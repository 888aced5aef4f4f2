import * as tf from '@tensorflow/tfjs-core';
import { reduction, threeAxes } from './broadcast.js';
import { allFloat, type Simd } from './kernel.js';

/** As native/src/kernels.h numbers them. */
const BINARY = { Add: 0, Sub: 1, Multiply: 2, RealDiv: 3, Maximum: 4, Minimum: 5, SquaredDifference: 6 } as const;
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
} as const;

function binary(op: number): Simd {
  return (backend, { a, b }) => {
    if (!allFloat(a, b)) return undefined;
    const axes = threeAxes(a.shape, b.shape);
    if (axes === undefined) return undefined;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return backend.output(shape, (out) => backend.native.binary(op, backend.floats(a), backend.floats(b), axes, out));
  };
}

function unary(op: number): Simd {
  return (backend, { x }) => {
    if (!allFloat(x)) return undefined;
    return backend.output(x.shape, (out) => backend.native.unary(op, backend.floats(x), out));
  };
}

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

/** A sum, or with `mean` what it is divided by. */
function reduce(mean: boolean): Simd {
  return (backend, { x }, { axis, keepDims }) => {
    const over = allFloat(x) ? reduction(x.shape, axis) : undefined;
    if (over === undefined) return undefined;
    const shape = x.shape.flatMap((length, i) => (!over.axes.includes(i) ? [length] : keepDims ? [1] : []));
    return backend.output(shape, (out) => {
      const { outer, reduced, inner } = over;
      backend.native.sum(backend.floats(x), outer, reduced, inner, mean ? reduced : 1, out);
    });
  };
}

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

export const ARITHMETIC: Readonly<Record<string, Simd>> = {
  ...Object.fromEntries(Object.entries(BINARY).map(([name, op]) => [name, binary(op)])),
  ...Object.fromEntries(Object.entries(UNARY).map(([name, op]) => [name, unary(op)])),
  ClipByValue: clip,
  Relu6: (backend, inputs, attributes) => clip(backend, inputs, { ...attributes, clipValueMin: 0, clipValueMax: 6 }),
  Softmax: softmax,
  Sum: reduce(false),
  Mean: reduce(true),
};
