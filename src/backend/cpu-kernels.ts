import * as tf from '@tensorflow/tfjs-core';

/**
 * Gives tfjs' backend `cpu` the kernels of our own operations. A second call changes nothing.
 *
 * - `ConvNextV2Gelu`: `{ x }` to x * cdf(x), the exact GELU, cdf being that of the normal distribution.
 * - `ConvNextV2GeluGrad`: `{ x, dy }` to dy * (cdf(x) + x * pdf(x)).
 *
 * Inputs of any one shape; outputs float32 of that shape, within 1e-9 before they are rounded to float32. NaN stays NaN.
 */
export function registerCpuKernels(): void {
  register('ConvNextV2Gelu', ({ x }) => gelu(x));
  register('ConvNextV2GeluGrad', ({ x, dy }) => geluGrad(x, dy));
}

type Values = tf.TypedArray;

function register(kernelName: string, compute: (inputs: Readonly<Record<string, Values>>) => Float32Array): void {
  // tfjs prints a warning where a kernel is registered twice
  if (tf.getKernel(kernelName, 'cpu')) return;
  tf.registerKernel({
    kernelName,
    backendName: 'cpu',
    kernelFunc({ inputs, backend }) {
      const cpu = backend as tf.KernelBackend;
      const values = Object.entries(inputs).map(([name, input]) => [name, cpu.readSync(input!.dataId)]);
      const { shape } = inputs.x!;
      return { dataId: cpu.write(compute(Object.fromEntries(values)), shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}

/** x * cdf(x) = max(x, 0) - |x| * cdf(-|x|), which needs no case for the sign. */
function gelu(x: Values): Float32Array {
  const y = new Float32Array(x.length);
  for (let i = 0; i < y.length; i++) {
    const a = Math.min(Math.abs(x[i]), BEYOND);
    y[i] = Math.max(x[i], 0) - a * Math.exp(-0.5 * a * a) * scaledTail(a);
  }
  return y;
}

/** The derivative at -|x|, or 1 less it at |x|, times dy. */
function geluGrad(x: Values, dy: Values): Float32Array {
  const dx = new Float32Array(x.length);
  for (let i = 0; i < dx.length; i++) {
    const a = Math.min(Math.abs(x[i]), BEYOND);
    const below = Math.exp(-0.5 * a * a) * (scaledTail(a) - a / Math.sqrt(2 * Math.PI));
    dx[i] = dy[i] * (x[i] > 0 ? 1 - below : below);
  }
  return dx;
}

/** exp(-BEYOND^2 / 2) is 0 in double precision; without a bound, Infinity would meet that 0 and give NaN. */
const BEYOND = 40;

/**
 * cdf(-a) * exp(a^2 / 2) for a >= 0, with a relative error below 1.3e-9.
 * A polynomial in t = 1 / (1 + 0.35 a) which takes the exact values at the 13 Chebyshev nodes of [0, 1]; they were
 * computed with 40 digits. 0.35 gave the least error of the factors tried.
 */
function scaledTail(a: number): number {
  const t = 1 / (1 + 0.35 * a);
  let p = -0.01811337203573;
  p = p * t + 0.1098369239997;
  p = p * t - 0.2712271175273;
  p = p * t + 0.3315989633227;
  p = p * t - 0.1852396357084;
  p = p * t + 0.03917166206514;
  p = p * t - 0.04122994754935;
  p = p * t + 0.001929631799957;
  p = p * t + 0.04317254759575;
  p = p * t + 0.08831525702899;
  p = p * t + 0.1225254997882;
  p = p * t + 0.1396297886936;
  p = p * t + 0.1396297981703;
  return p * t;
}
