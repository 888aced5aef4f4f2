import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/** The numbers of one step of AdamW. */
export interface AdamWRates {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** What weight decay leaves of a parameter. */
  readonly kept: number;
  /** The learning rate over the bias correction of the first moment. */
  readonly rate: number;
  /** The root of the bias correction of the second. */
  readonly rootScale: number;
}

type Inputs = Readonly<Record<'variable' | 'gradient' | 'first' | 'second', tf.Tensor>>;

/**
 * A step of AdamW for one parameter, all tensors of its shape, to [variable, first, second]: kept * variable - rate * first /
 * (sqrt(second) / rootScale + epsilon), after the moments have taken in the gradient. Kernel: `ConvNextV2AdamW`.
 */
export function adamWStep(inputs: Inputs, rates: AdamWRates): tf.Tensor[] {
  return runOp('ConvNextV2AdamW', inputs, { ...rates }, () => {
    const { variable, gradient } = inputs;
    const { beta1, beta2, epsilon, kept, rate, rootScale } = rates;
    const first = mix(inputs.first, gradient, beta1);
    const second = mix(inputs.second, tf.square(gradient), beta2);
    const root = tf.div(tf.sqrt(second), rootScale);
    const step = tf.mul(tf.div(first, tf.add(root, epsilon)), rate);
    return [tf.sub(tf.mul(variable, kept), step), first, second];
  });
}

/** old * beta + value * (1 - beta) */
function mix(old: tf.Tensor, value: tf.Tensor, beta: number): tf.Tensor {
  return tf.add(tf.mul(old, beta), tf.mul(value, 1 - beta));
}
