import type * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Parameter } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import type { DeclaredParameter } from '../nn/scope.js';

/** A parameter as tfjs-layers wants its weights; what is done to the one is done to the other. */
class SharedVariable {
  readonly dtype = 'float32';
  readonly constraint = null;
  readonly name: string;
  readonly originalName: string;
  readonly #parameter: Parameter;
  /** The parameter again, while it holds no values: memory is taken only when there are values of its size. */
  #empty: DeclaredParameter | undefined;

  constructor(parameter: Parameter, empty?: DeclaredParameter) {
    this.#parameter = parameter;
    this.#empty = empty;
    this.name = parameter.name;
    this.originalName = parameter.name;
  }

  get shape(): readonly number[] {
    return this.read().shape;
  }

  get trainable(): boolean {
    return this.#parameter.trainable;
  }

  set trainable(trainable: boolean) {
    this.#parameter.trainable = trainable;
  }

  read(): tf.Variable {
    return this.#parameter.variable;
  }

  /** Throws E_WEIGHTS for values of another shape or dtype. */
  write(values: tf.Tensor): this {
    if (this.#empty) {
      this.#require(values.size === this.#empty.size, `${this.#empty.size} values`, values);
      this.#empty.fill(new Float32Array(values.size));
      this.#empty = undefined;
    }
    const variable = this.read();
    const fits = values.dtype === variable.dtype && show(values.shape) === show(variable.shape);
    this.#require(fits, `${variable.dtype} ${show(variable.shape)}`, values);
    if (values.id !== variable.id) variable.assign(values);
    return this;
  }

  dispose(): void {
    this.#parameter.dispose();
  }

  #require(holds: boolean, wanted: string, { dtype, shape }: tf.Tensor): void {
    if (!holds) throw new ConvNextV2Error('E_WEIGHTS', { path: this.name, wanted, got: `${dtype} ${show(shape)}` });
  }
}

/** The parameter as a weight of a Keras layer; `empty` is the parameter where it holds no values yet. */
export function shareParameter(parameter: Parameter, empty?: DeclaredParameter): LayerVariable {
  // a LayerVariable of tfjs-layers can only be made with a variable of its own
  return new SharedVariable(parameter, empty) as unknown as LayerVariable;
}
