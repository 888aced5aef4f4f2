import * as tf from '@tensorflow/tfjs-core';
import type { Initializer, Parameter, ParameterLayout, ParameterOptions, Parameters, Scope } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { permuted } from '../weights/strided.js';
import { anySeed, createNormal, createRandom, type Random } from './random.js';

/** How the axes of a checkpoint's tensor are permuted for tfjs. */
const TO_TFJS: Readonly<Record<ParameterLayout, readonly number[] | undefined>> = {
  conv2d: [2, 3, 1, 0],
  depthwise: [2, 3, 0, 1],
  transposed: [0, 2, 3, 1],
  linear: [1, 0],
  plain: undefined,
};

/** A parameter that a layer has asked for; it holds values from `fill` to `dispose`. */
export class DeclaredParameter implements Parameter {
  #variable: tf.Variable | undefined;
  #trainable: boolean;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly options: ParameterOptions,
  ) {
    this.#trainable = options?.role !== 'statistic';
  }

  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  get variable(): tf.Variable {
    if (this.#variable) return this.#variable;
    throw new ConvNextV2Error('E_DISPOSED', {
      path: this.name,
      wanted: 'a parameter that holds values',
      got: 'one that was disposed, or never filled',
    });
  }

  get trainable(): boolean {
    return this.#trainable;
  }

  set trainable(trainable: boolean) {
    this.#trainable = trainable && this.options.role !== 'statistic';
    if (this.#variable) this.#variable.trainable = this.#trainable;
  }

  /** Takes values in the checkpoint's layout; the array is the parameter's from then on. */
  fill(values: Float32Array): void {
    this.dispose();
    const shape = this.options.view ?? this.shape;
    const permutation = TO_TFJS[this.options.layout ?? 'plain'];
    // in plain loops: tfjs' own transpose takes ten times as long
    const turned = permutation && permuted(shape, permutation);
    this.#variable = tf.tidy(() => {
      const tensor = tf.tensor(turned?.convert(values) ?? values, [...(turned?.shape ?? shape)], 'float32');
      return tf.keep(tf.variable(tensor, this.#trainable));
    });
  }

  stored(values: tf.Tensor = this.variable): tf.Tensor {
    const permutation = TO_TFJS[this.options.layout ?? 'plain'];
    if (!permutation) return tf.clone(values);
    const back = permutation.map((_, axis) => permutation.indexOf(axis));
    return tf.tidy(() => tf.reshape(tf.transpose(values, back), [...this.shape]));
  }

  dispose(): void {
    this.#variable?.dispose();
    this.#variable = undefined;
  }
}

/** A scope that remembers what was asked of it; `fill` its parameters when the whole model has been built. */
export interface DeclaringScope extends Scope {
  readonly parameters: ReadonlyMap<string, DeclaredParameter>;
  within(name: string | number): DeclaringScope;
  inner(name: string): DeclaringScope;
}

/** An empty scope. Building a model in it costs no memory: its parameters have shapes and no values. */
export function createScope(): DeclaringScope {
  const all = new Map<string, DeclaredParameter>();
  /** `outer`: how much of the prefix is none of the inner model's business. */
  const at = (prefix: string, outer: number): DeclaringScope => ({
    within: (name) => at(`${prefix}${name}.`, outer),
    inner: (name) => at(`${prefix}${name}.`, prefix.length + name.length + 1),
    parameter(name, shape, options) {
      const parameter = new DeclaredParameter(prefix + name, shape, options);
      checkDeclaration(parameter);
      if (all.has(parameter.name)) {
        throw new ConvNextV2Error('E_PLUGIN', {
          path: parameter.name,
          wanted: 'a name of its own for each parameter',
          got: 'a name declared twice',
        });
      }
      all.set(parameter.name, parameter);
      return parameter;
    },
    get parameters() {
      if (prefix === '') return all;
      const own = [...all].filter(([name]) => name.startsWith(prefix));
      return new Map(own.map(([name, parameter]) => [name.slice(outer), parameter]));
    },
  });
  return at('', 0);
}

/** Throws E_ARGUMENT for a shape that is none, and for no initialiser: drawing with a deviation of NaN would never end. */
function checkDeclaration({ name, shape, options }: DeclaredParameter): void {
  const refuse = (wanted: string, got: unknown): never => {
    throw new ConvNextV2Error('E_ARGUMENT', { path: name, wanted, got: show(got) });
  };
  const isShape = Array.isArray(shape) && shape.every((length) => Number.isSafeInteger(length) && length >= 0);
  if (!isShape) refuse('a shape: a list of whole numbers', shape);
  const { constant, truncatedNormal = Math.abs(constant) } = Object(options?.init);
  if (!(truncatedNormal >= 0)) refuse('an initialiser: a constant, or a deviation of at least 0', options?.init);
}

/** The number of values in these parameters, filled or not. */
export function countParameters(parameters: Parameters): number {
  let count = 0;
  for (const { shape } of parameters.values()) count += shape.reduce((product, length) => product * length, 1);
  return count;
}

/** Bounds of torch.nn.init.trunc_normal_: absolute, not in deviations. */
const TRUNCATED_AT = 2;

/**
 * Gives every parameter fresh values: for a head of one's own. Without a seed, others each time. Throws E_ARGUMENT for a seed
 * that is no whole number, E_LIMIT for a parameter that no memory can hold; no parameter holds values then.
 */
export function initializeParameters(parameters: DeclaringScope['parameters'], seed: number = anySeed()): void {
  try {
    for (const parameter of parameters.values()) parameter.fill(initialValues(parameter, seed));
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    throw error;
  }
}

/** Fresh values for a parameter. The same seed and name give the same values, whatever else the model has. */
export function initialValues(parameter: DeclaredParameter, seed: number): Float32Array {
  return draw(parameter.options.init, room(parameter), seed, parameter.name);
}

function room({ name, size }: DeclaredParameter): Float32Array {
  try {
    return new Float32Array(size);
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_LIMIT',
      { path: name, wanted: 'a parameter that fits in memory', got: `${size} values` },
      { cause },
    );
  }
}

function draw(init: Initializer, values: Float32Array, seed: number, name: string): Float32Array {
  if ('constant' in init) return values.fill(init.constant);
  if (init.truncatedNormal === 0) return values;
  const next = createTruncatedNormal(createRandom(seed, name), init.truncatedNormal);
  for (let i = 0; i < values.length; i++) values[i] = next();
  return values;
}

function createTruncatedNormal(random: Random, deviation: number): Random {
  // a normal wider than the bounds seldom falls between them: evenly, then, and kept as often as its density says
  const wide = deviation > TRUNCATED_AT;
  const draw = wide ? () => TRUNCATED_AT * (2 * random() - 1) : createNormal(random, deviation);
  const keeps = (value: number) =>
    wide ? random() < Math.exp(-0.5 * (value / deviation) ** 2) : Math.abs(value) <= TRUNCATED_AT;
  return () => {
    let value: number;
    do value = draw();
    while (!keeps(value));
    return value;
  };
}
