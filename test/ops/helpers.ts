import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

/** Numbers between -2 and 2 without a pattern, exact in float32. */
export function numbers(count: number, phase = 0): number[] {
  return Array.from({ length: count }, (_, i) => Math.fround(2 * Math.sin(1.7 * i + phase)));
}

/** These numbers as maps [n, h, w, c]. */
export const maps = (values: readonly number[], shape: readonly number[]): tf.Tensor4D =>
  tf.tensor4d([...values], shape as [number, number, number, number]);

/** max |got - wanted| <= tolerance * max |wanted|, as the goldens are compared. NaN is close to nothing. */
export function expectClose(got: tf.Tensor | number, wanted: readonly number[] | number, tolerance: number): void {
  const [values, expected] = [typeof got === 'number' ? [got] : got.dataSync(), [wanted].flat()];
  expect(values.length, 'how many').to.equal(expected.length);
  const bound = tolerance * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  for (const [i, value] of expected.entries()) expect(values[i], `at ${i}`).to.be.closeTo(value, bound);
}

/** The gradient of sum(dy * f(x)) by central differences: right to some 1e-9, where f computes in float64. */
export function slopes(
  f: (x: readonly number[]) => readonly number[],
  x: readonly number[],
  dy: readonly number[],
): number[] {
  const step = 1e-5;
  const sum = (x: readonly number[]) => f(x).reduce((sum, y, i) => sum + dy[i] * y, 0);
  return x.map((_, i) => {
    const at = (by: number) => sum(x.map((value, j) => (i === j ? value + by : value)));
    return (at(step) - at(-step)) / (2 * step);
  });
}

/** How many tensors the work leaves behind besides those that it gives. */
export function tensorsLeft(work: () => tf.TensorContainer): number {
  const before = tf.memory().numTensors;
  tf.dispose(work());
  return tf.memory().numTensors - before;
}

/** Runs the work with this kernel on backend cpu, or with none, in the place of the one that is registered. */
export function withKernel<T>(kernelName: string, kernelFunc: tf.KernelFunc | undefined, work: () => T): T {
  const standing = tf.getKernel(kernelName, 'cpu');
  if (standing) tf.unregisterKernel(kernelName, 'cpu');
  if (kernelFunc) tf.registerKernel({ kernelName, backendName: 'cpu', kernelFunc });
  try {
    return work();
  } finally {
    if (kernelFunc) tf.unregisterKernel(kernelName, 'cpu');
    if (standing) tf.registerKernel(standing);
  }
}

/** A kernel that gives nothing but this number, and the calls that it had. */
export function fakeKernel(value: number) {
  const calls: { readonly inputs: tf.NamedTensorInfoMap; readonly attrs: unknown }[] = [];
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => {
    calls.push({ inputs, attrs });
    return tf.fill(inputs.x!.shape, value);
  };
  return { calls, kernelFunc };
}
