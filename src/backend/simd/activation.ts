import * as tf from '@tensorflow/tfjs-core';
import type { SimdBackend } from './kernel.js';

/** The kernels of the activations that tfjs fuses, `linear` apart, which needs none. */
const KERNELS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  prelu: 'Prelu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
};

export const isActivation = (name: string): boolean => Object.hasOwn(KERNELS, name);

/** An activation of x, which is freed. */
export function activated(
  backend: SimdBackend,
  x: tf.TensorInfo,
  name: string,
  preluWeights: tf.TensorInfo | undefined,
  alpha: number | undefined,
): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel(KERNELS[name], 'simd')!;
  const inputs = { x, ...(name === 'prelu' && { alpha: preluWeights }) };
  const result = kernelFunc({ inputs, backend, attrs: { alpha: alpha! } }) as tf.TensorInfo;
  backend.disposeIntermediateTensorInfo(x);
  return result;
}
