// For programs that compute before they have awaited anything: all that is imported here is there at once.
import './gradients.js';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { registerCpuKernels } from './cpu-kernels.js';

/** Readies `cpu` for a program that chooses no backend; who opens a model first gets the fastest one there is. */
export function registerCpuAtOnce(): void {
  if (!('cpu' in tf.engine().registry)) {
    tf.removeBackend('cpu');
    // private in tfjs: it prints a banner of several lines when the first tensor is written
    tf.registerBackend('cpu', () => Object.assign(new MathBackendCPU(), { firstUse: false }));
  }
  registerCpuKernels();
}
