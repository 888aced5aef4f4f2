import * as tf from '@tensorflow/tfjs-core';

/** Whether someone differentiates what runs now: fused kernels have no gradient, so the composed form must run. */
export function gradientAsked(): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

type Inputs = Readonly<Record<string, tf.Tensor>>;
/** All that the numbers depend on beside the inputs: a kernel that is not told of an attribute cannot decline it. */
type Attributes = Readonly<Record<string, unknown>>;

/**
 * An operation is two things under one name: a kernel that a fast backend may have registered, and a definition
 * composed of tfjs operations that runs anywhere and has the gradient. The caller never knows which ran. A kernel gets
 * float32 tensors that are not empty; one with several outputs gives a list, and one that cannot do a call an empty list: it
 * declines, and the definition runs.
 */
export function runOp<Output extends tf.Tensor | tf.Tensor[]>(
  kernel: string,
  inputs: Inputs,
  attributes: Attributes,
  composed: () => Output,
): Output {
  const plain = Object.values(inputs).every(({ dtype, size }) => dtype === 'float32' && size > 0);
  if (!plain || gradientAsked() || tf.getKernel(kernel, tf.getBackend()) == null) return tf.tidy(composed);
  const result = tf.engine().runKernel(kernel, { ...inputs }, { ...attributes } as tf.NamedAttrMap);
  return Array.isArray(result) && result.length === 0 ? tf.tidy(composed) : (result as Output);
}
