import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';

/** Parameters that share a weight decay. */
export interface ParameterGroup {
  readonly parameters: Iterable<Parameter>;
  /** Default: that of the optimiser. */
  readonly weightDecay?: number;
}

export interface AdamWOptions {
  /** Default 0.001. */
  readonly learningRate?: number;
  /** Decay rates of the two moments. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled from the gradient, as a share of the learning rate. Default 0.01. */
  readonly weightDecay?: number;
}

/** What Adam remembers of a parameter. */
interface Moments {
  readonly first: tf.Variable;
  readonly second: tf.Variable;
}

/**
 * AdamW as PyTorch has it (Loshchilov and Hutter 2019): p -= lr * decay * p, and then
 * p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 */
export class AdamW {
  readonly #weightDecays: ReadonlyMap<Parameter, number>;
  readonly #options: Required<AdamWOptions>;
  readonly #moments = new Map<Parameter, Moments>();
  #steps = 0;
  /** Takes effect at the next step: schedules set it. */
  learningRate: number;

  /** Throws E_ARGUMENT for a number out of range. */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    this.#options = { learningRate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01, ...options };
    const { learningRate, betas, epsilon, weightDecay } = this.#options;
    requireIn('learningRate', learningRate, learningRate >= 0, 'at least 0');
    requireIn(
      'betas',
      betas,
      betas.length === 2 && betas.every((beta) => beta >= 0 && beta < 1),
      'two numbers from 0 to below 1',
    );
    requireIn('epsilon', epsilon, epsilon >= 0, 'at least 0');
    this.learningRate = learningRate;
    const decays = groups.flatMap((group) => {
      const decay = group.weightDecay ?? weightDecay;
      requireIn('weightDecay', decay, decay >= 0, 'at least 0');
      return [...group.parameters].map((parameter) => [parameter, decay] as const);
    });
    this.#weightDecays = new Map(decays);
  }

  /** One step down the gradient of `loss`, a scalar, over the trainable parameters; gives its value before the step. */
  step(loss: () => tf.Scalar): number {
    const trained = [...this.#weightDecays.keys()].filter(({ trainable }) => trainable);
    const variables = trained.map(({ variable }) => variable);
    const { value, grads } = tf.variableGrads(loss, variables);
    this.#steps += 1;
    for (const parameter of trained) {
      const gradient = grads[parameter.variable.name];
      if (gradient != null) tf.tidy(() => this.#update(parameter, gradient));
    }
    const result = value.dataSync()[0];
    tf.dispose([value, grads]);
    return result;
  }

  #update(parameter: Parameter, gradient: tf.Tensor): void {
    const { betas, epsilon } = this.#options;
    const { first, second } = this.#momentsOf(parameter);
    const { variable } = parameter;
    first.assign(mix(first, gradient, betas[0]));
    second.assign(mix(second, tf.square(gradient), betas[1]));
    const root = tf.div(tf.sqrt(second), Math.sqrt(1 - betas[1] ** this.#steps));
    const step = tf.mul(tf.div(first, tf.add(root, epsilon)), this.learningRate / (1 - betas[0] ** this.#steps));
    const decayed = tf.mul(variable, 1 - this.learningRate * this.#weightDecays.get(parameter)!);
    variable.assign(tf.sub(decayed, step));
  }

  #momentsOf(parameter: Parameter): Moments {
    const zeros = () => tf.keep(tf.variable(tf.zerosLike(parameter.variable), false));
    const moments = this.#moments.get(parameter) ?? { first: zeros(), second: zeros() };
    this.#moments.set(parameter, moments);
    return moments;
  }

  /** Frees the moments; the parameters stay. */
  dispose(): void {
    for (const { first, second } of this.#moments.values()) tf.dispose([first, second]);
    this.#moments.clear();
  }
}

/** old * beta + value * (1 - beta) */
function mix(old: tf.Tensor, value: tf.Tensor, beta: number): tf.Tensor {
  return tf.add(tf.mul(old, beta), tf.mul(value, 1 - beta));
}

function requireIn(path: string, value: unknown, inRange: boolean, wanted: string): void {
  if (!inRange) throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: String(value) });
}
