import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { SimdBackend } from '../../../src/backend/simd/kernel.js';
import { allNative, type NativeKernels } from '../../../src/backend/simd/native.js';
import { createRandom } from '../../../src/nn/random.js';

/** Numbers from -1 to 1. */
export function values(length: number, seed: number): Float32Array {
  const random = createRandom(seed, 'native');
  return Float32Array.from({ length }, () => 2 * random() - 1);
}

const CANARY = 12345;

/** Runs `fill` on the middle of a larger array, and checks that nothing around it was touched. */
export function guarded(length: number, fill: (out: Float32Array) => void): Float32Array {
  const whole = new Float32Array(length + 64).fill(CANARY);
  const out = whole.subarray(32, 32 + length);
  fill(out);
  const around = [...whole.subarray(0, 32), ...whole.subarray(32 + length)];
  expect(
    around.every((value) => value === CANARY),
    'nothing is written beside the output',
  ).to.equal(true);
  return out;
}

/** |got - want| at most `tolerance` of the largest wanted; NaN only where NaN is wanted. */
export function expectClose(got: Float32Array, want: ArrayLike<number>, tolerance: number, what: string): void {
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]));
  for (let i = 0; i < want.length; i++) {
    if (!(Math.abs(got[i] - want[i]) <= tolerance * largest))
      expect.fail(`${what}: ${got[i]}, wanted ${want[i]} at ${i}`);
  }
}

/** The kernels of every instruction set; empty where there is no compiler on this machine, and one skipped test says so. */
export const kernels: readonly NativeKernels[] = built();

function built(): readonly NativeKernels[] {
  try {
    return allNative();
  } catch {
    return [];
  }
}

/** With an environment variable set. */
export async function withVariable<T>(name: string, value: string, work: () => Promise<T>): Promise<T> {
  process.env[name] = value;
  try {
    return await work();
  } finally {
    delete process.env[name];
  }
}

export const tensor = (shape: readonly number[], seed: number) =>
  tf.tensor(values(tf.util.sizeFromShape([...shape]), seed), [...shape]);

/** What the work gives on backend `simd`, which is active, and how often each native kernel ran meanwhile. */
export function watched<T>(work: () => T): { readonly result: T; readonly calls: Readonly<Record<string, number>> } {
  const calls: Record<string, number> = {};
  const native = (tf.backend() as unknown as SimdBackend).native as unknown as Record<string, unknown>;
  const before = { ...native };
  for (const [name, kernel] of Object.entries(before)) {
    if (typeof kernel !== 'function') continue;
    native[name] = (...values: readonly unknown[]) => {
      calls[name] = (calls[name] ?? 0) + 1;
      return kernel(...values);
    };
  }
  try {
    return { result: work(), calls };
  } finally {
    Object.assign(native, before);
  }
}

/** The same on `cpu` and on `simd`; returns how often each native kernel ran. */
export async function compare(
  what: string,
  run: () => tf.Tensor,
  tolerance = 2e-6,
): Promise<Readonly<Record<string, number>>> {
  await tf.setBackend('cpu');
  const want = tf.tidy(run);
  await tf.setBackend('simd');
  const { numTensors } = tf.memory();
  const arrays = tf.backend().numDataIds();
  const { result: got, calls } = watched(() => tf.tidy(run));
  expect(got.shape, what).to.deep.equal(want.shape);
  expect(tf.memory().numTensors, `${what}: tensors`).to.equal(numTensors + 1);
  expect(tf.backend().numDataIds(), `${what}: arrays`).to.equal(arrays + 1);
  expectClose(got.dataSync() as Float32Array, want.dataSync(), tolerance, what);
  tf.dispose([got, want]);
  return calls;
}
