import * as tf from '@tensorflow/tfjs-core';
import { gelu, geluNew } from './gelu.js';

/** An elementwise function with a gradient. */
export type Activation = <T extends tf.Tensor>(x: T) => T;

/** The reference's names for `hidden_act`. */
export const ACTIVATIONS = { gelu, relu: tf.relu, selu: tf.selu, gelu_new: geluNew } as const satisfies Record<
  string,
  Activation
>;

/** An activation, by the name that the reference has for it. */
export type ActivationName = keyof typeof ACTIVATIONS;
