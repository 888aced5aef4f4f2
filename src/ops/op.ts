import * as tf from '@tensorflow/tfjs-core';

/** Whether someone differentiates what runs now: fused kernels have no gradient, so the composed form must run. */
export function gradientAsked(): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

type Inputs = Readonly<Record<string, tf.Tensor>>;
type Attributes = Readonly<Record<string, number | string>>;

/**
 * An operation is two things under one name: a kernel that a fast backend may have registered, and a definition
 * composed of tfjs operations that runs anywhere and has the gradient. The caller never knows which ran. A kernel gets
 * float32 tensors that are not empty; one with several outputs gives a list.
 */
export function runOp<Output extends tf.Tensor | tf.Tensor[]>(
  kernel: string,
  inputs: Inputs,
  attributes: Attributes,
  composed: () => Output,
): Output {
  const plain = Object.values(inputs).every(({ dtype, size }) => dtype === 'float32' && size > 0);
  if (!plain || gradientAsked() || tf.getKernel(kernel, tf.getBackend()) == null) return tf.tidy(composed);
  return tf.engine().runKernel(kernel, { ...inputs }, { ...attributes }) as Output;
}
