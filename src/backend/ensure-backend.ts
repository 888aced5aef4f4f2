import * as tf from '@tensorflow/tfjs-core';
import { registerCpuKernels } from './cpu-kernels.js';
import { useBackend } from './use-backend.js';

/** Before a model is made: takes the fastest backend where the program has not chosen one, and makes gradients work. */
export async function ensureBackend(): Promise<void> {
  if (tf.getBackend()) registerCpuKernels();
  else await useBackend();
  await import('./gradients.js');
}
