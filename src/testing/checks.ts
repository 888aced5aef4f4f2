import assert from 'node:assert/strict';
import type * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../contracts.js';
import { ConvNextV2Error, type ErrorCode } from '../errors.js';

/** The two functions of mocha, vitest, jest or node:test that a suite is written with. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** Checks that two tensors are alike, to rounding. */
export function close(got: tf.Tensor, want: tf.Tensor, name: string): void {
  assert.deepEqual(got.shape, want.shape, name);
  const [a, b] = [got, want].map((tensor) => tensor.dataSync() as Float32Array);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const at = a.findIndex((value, i) => !(Math.abs(value - b[i]) <= 1e-5 * largest));
  assert.equal(at, -1, `${name}: ${a[at]}, wanted ${b[at]} at ${at}`);
}

/** Checks that a call throws an error of this code. */
export function refuses(code: ErrorCode, call: () => unknown): void {
  assert.throws(call, (error) => error instanceof ConvNextV2Error && error.code === code, `wanted an error ${code}`);
}

/** Checks that parameters have the names that they are found by, and give their values in the checkpoint's shapes. */
export function namesItsParameters(parameters: Parameters): void {
  for (const [name, parameter] of parameters) {
    assert.equal(parameter.name, name);
    const stored = parameter.stored();
    assert.deepEqual(stored.shape, parameter.shape, `stored shape of ${name}`);
    stored.dispose();
  }
}
