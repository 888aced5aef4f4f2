import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { AdamW, type AdamWOptions, type ParameterGroup } from '../train/adamw.js';

type Gradients = Parameters<tf.Optimizer['applyGradients']>[0];

/**
 * `AdamW` as a `tf.Optimizer`, for `compile`. It trains parameters of this package's models alone, not the weights of other
 * layers, and what it remembers is not saved with a `tf.LayersModel`.
 */
export class AdamWOptimizer extends tf.Optimizer {
  static readonly className = 'AdamW';
  readonly #adamW: AdamW;
  readonly #parameters: readonly Parameter[];

  /** Throws E_ARGUMENT for a number out of range, and for a parameter in two groups. */
  constructor(groups: readonly ParameterGroup[], options?: AdamWOptions) {
    super();
    const listed = groups.map((group) => ({ ...group, parameters: [...group.parameters] }));
    this.#parameters = listed.flatMap(({ parameters }) => parameters);
    this.#adamW = new AdamW(listed, options);
  }

  get learningRate(): number {
    return this.#adamW.learningRate;
  }

  /** Takes effect at the next step. Throws E_ARGUMENT for a number out of range. */
  set learningRate(learningRate: number) {
    this.#adamW.learningRate = learningRate;
  }

  /** Throws E_ARGUMENT for a variable that is in none of the groups. */
  applyGradients(gradients: Gradients): void {
    const known = new Map(this.#parameters.map(({ variable }) => [variable.name, variable]));
    const given = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    const steps = given
      .filter(({ tensor }) => tensor != null)
      .map(({ name, tensor }) => {
        const variable = known.get(name);
        if (variable) return { variable, tensor };
        const wanted = 'to train parameters of its groups alone';
        const suggestion = 'for other layers as well, take an optimizer of tf.train';
        throw new ConvNextV2Error('E_ARGUMENT', { path: 'AdamWOptimizer', wanted, got: name, suggestion });
      });
    // the gradient of sum(v * g) is g
    const products = () => steps.map(({ variable, tensor }) => tf.sum<tf.Scalar>(tf.mul(variable, tensor)));
    this.#adamW.step(() => products().reduce((sum, product) => tf.add(sum, product), tf.scalar(0)));
    this.incrementIterations();
  }

  getConfig(): tf.serialization.ConfigDict {
    return { learningRate: this.learningRate };
  }

  /** Frees the moments; the parameters stay. */
  override dispose(): void {
    this.#adamW.dispose();
  }
}
