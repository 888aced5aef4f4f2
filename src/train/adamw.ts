import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../contracts.js';
import { ConvNextV2Error, checkKnown, show } from '../errors.js';
import { adamWStep } from '../ops/adamw-step.js';

/** Parameters that share a weight decay. */
export interface ParameterGroup {
  readonly parameters: Iterable<Parameter>;
  /** Default: that of the optimiser. */
  readonly weightDecay?: number;
}

/** How AdamW steps: torch.optim.AdamW's options. */
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

/** torch's shorter names are too far from ours to be recognised. */
const hintOf = (name: string) =>
  name === 'lr' ? 'did you mean "learningRate"?' : name === 'eps' ? 'did you mean "epsilon"?' : undefined;

/** What Adam remembers of a parameter; the steps are its own, as in PyTorch: one unfrozen late starts from its first. */
interface Moments {
  readonly first: tf.Variable;
  readonly second: tf.Variable;
  steps: number;
}

/**
 * AdamW as PyTorch has it (Loshchilov and Hutter 2019): p -= lr * decay * p, and then
 * p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 */
export class AdamW {
  readonly #weightDecays = new Map<Parameter, number>();
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #moments = new Map<Parameter, Moments>();
  #learningRate = 0;

  /** Throws E_ARGUMENT for a number out of range, for what is no parameter, and for a parameter in two groups. */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    checkKnown(options, ['learningRate', 'betas', 'epsilon', 'weightDecay'], hintOf);
    const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01 } = options;
    const areBetas = betas.length === 2 && betas.every((beta) => beta >= 0 && beta < 1);
    requireThat('betas', areBetas, 'two numbers from 0 to below 1', betas);
    requireAmount('epsilon', epsilon);
    this.#betas = betas;
    this.#epsilon = epsilon;
    this.learningRate = learningRate;
    for (const group of groups) {
      checkKnown(group, ['parameters', 'weightDecay']);
      const decay = group.weightDecay ?? weightDecay;
      requireAmount('weightDecay', decay);
      for (const parameter of group.parameters) {
        const isParameter = typeof parameter?.stored === 'function';
        const got = isParameter ? '' : show(parameter);
        requireThat('parameters', isParameter, 'parameters, as parameters.values() gives them', got);
        requireThat(parameter.name, !this.#weightDecays.has(parameter), 'one group for each parameter', 'a second one');
        this.#weightDecays.set(parameter, decay);
      }
    }
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  /** Takes effect at the next step: schedules set it. Throws E_ARGUMENT for a number out of range. */
  set learningRate(learningRate: number) {
    requireAmount('learningRate', learningRate);
    this.#learningRate = learningRate;
  }

  /**
   * One step down the gradient of `loss`, a scalar, over the trainable parameters; gives its value before the step.
   * Throws E_ARGUMENT for what is no scalar, and where no trainable parameter takes part in it.
   */
  step(loss: () => tf.Scalar): number {
    const trained = [...this.#weightDecays.keys()].filter(({ trainable }) => trainable);
    requireThat('step', trained.length > 0, 'a trainable parameter', 'none');
    return tf.tidy(() => {
      const variables = trained.map(({ variable }) => variable);
      const { value, grads } = gradientsOf(loss, variables);
      const connected = grads.some((gradient) => gradient != null);
      requireThat('loss', connected, 'a function of the trainable parameters', 'one of none of them');
      const [before] = value.dataSync();
      for (const [i, parameter] of trained.entries()) {
        if (grads[i] != null) tf.tidy(() => this.#update(parameter, grads[i]));
      }
      return before;
    });
  }

  #update(parameter: Parameter, gradient: tf.Tensor): void {
    const [beta1, beta2] = this.#betas;
    const moments = this.#momentsOf(parameter);
    const { first, second } = moments;
    const steps = ++moments.steps;
    const { variable } = parameter;
    const [newVariable, newFirst, newSecond] = adamWStep(
      { variable, gradient, first, second },
      {
        beta1,
        beta2,
        epsilon: this.#epsilon,
        kept: 1 - this.learningRate * this.#weightDecays.get(parameter)!,
        rate: this.learningRate / (1 - beta1 ** steps),
        rootScale: Math.sqrt(1 - beta2 ** steps),
      },
    );
    first.assign(newFirst);
    second.assign(newSecond);
    variable.assign(newVariable);
  }

  #momentsOf(parameter: Parameter): Moments {
    const zeros = () => tf.variable(tf.zerosLike(parameter.variable), false);
    const moments = this.#moments.get(parameter) ?? { first: zeros(), second: zeros(), steps: 0 };
    this.#moments.set(parameter, moments);
    return moments;
  }

  /** Frees the moments; the parameters stay. */
  dispose(): void {
    for (const { first, second } of this.#moments.values()) tf.dispose([first, second]);
    this.#moments.clear();
  }
}

/** What tf.variableGrads gives, but by position, with none for a variable that takes no part, and nothing asserted. */
function gradientsOf(loss: () => tf.Scalar, variables: tf.Variable[]) {
  const scalar = () => {
    const value = loss();
    const isTensor = value instanceof tf.Tensor;
    requireThat(
      'loss',
      isTensor && value.rank === 0,
      'a scalar',
      isTensor ? `[${value.shape.join(', ')}]` : show(value),
    );
    return value;
  };
  try {
    return tf.engine().gradients(scalar, variables, undefined, true);
  } catch (error) {
    // tfjs would keep what it had saved for the way back
    for (const { saved } of tf.engine().state.activeTape ?? []) tf.dispose(saved);
    throw error;
  }
}

function requireAmount(path: string, value: number): void {
  requireThat(path, Number.isFinite(value) && value >= 0, 'a number of at least 0', value);
}

function requireThat(path: string, holds: boolean, wanted: string, got: unknown): void {
  if (!holds) throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: String(got) });
}
