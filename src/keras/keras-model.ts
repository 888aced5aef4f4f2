import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Layout, LoadReport, Parameters } from '../contracts.js';
import type { ModelOutput } from '../nn/outputs.js';
import type { FreshOptions, ModelConfig, PretrainedOptions, SaveOptions } from '../weights/pretrained-model.js';
import type { CallOptions, KerasForm, Wrapped } from './form.js';
import { unpackInputs } from './inputs.js';
import { toLayersModel } from './layers-model.js';

/** What `call` takes: pictures, alone, in a list or by name, with labels and options where the model has them. */
export type KerasInput<Options> =
  | tf.Tensor
  | readonly tf.Tensor[]
  | (Options & ({ readonly pixelValues: tf.Tensor } | { readonly pixel_values: tf.Tensor }));

/** The class of a Keras form, seen from the static members it has. */
interface KerasClass<Config extends ModelConfig, Fields, Options extends CallOptions, Keras> {
  readonly form: KerasForm<Config, Fields, Options>;
  new (model: Wrapped<Config, Fields, Options>): Keras;
}

/** A model in the call forms of the reference's Keras classes, and as a `tf.LayersModel`. */
export abstract class KerasModel<Config extends ModelConfig, Fields, Options extends CallOptions> {
  readonly #model: Wrapped<Config, Fields, Options>;

  /** For subclasses: use `fromPretrained` or `fromConfig`. */
  constructor(model: Wrapped<Config, Fields, Options>) {
    this.#model = model;
  }

  /** Opens a model, as the class without TF does. Throws E_SOURCE, E_CONFIG, E_SAFETENSORS, E_WEIGHTS. */
  static async fromPretrained<C extends ModelConfig, F, O extends CallOptions, K>(
    this: KerasClass<C, F, O, K>,
    source: string | URL,
    options?: PretrainedOptions,
  ): Promise<K> {
    return new this(await this.form.Model.fromPretrained(source, options));
  }

  /** Makes a model with fresh weights: of a config, or of the config of a source. */
  static async fromConfig<C extends ModelConfig, F, O extends CallOptions, K>(
    this: KerasClass<C, F, O, K>,
    config: C | string | URL,
    options?: FreshOptions,
  ): Promise<K> {
    return new this(await this.form.Model.fromConfig(config as C, options));
  }

  get config(): Config {
    return this.#model.config;
  }

  get layout(): Layout {
    return this.#model.layout;
  }

  /** By the names of the checkpoint, in the order of the network. */
  get parameters(): Parameters {
    return this.#model.parameters;
  }

  /** What was loaded, what is new, and what did not fit. */
  get report(): LoadReport {
    return this.#model.report;
  }

  /**
   * Runs the model, and gives what the class without TF gives. `input` is a batch of pictures, a list [pictures] or
   * [pictures, labels], or a record with `pixelValues` or `pixel_values`, which may hold the options as well. The caller
   * disposes the output. Throws E_ARGUMENT for an input that is none of these, E_SHAPE.
   */
  call(input: KerasInput<Options>, options?: Options): ModelOutput<Fields> {
    const given = unpackInputs<Options>(input, options ?? {}, this.#form.inputs);
    return this.#model.forward(given.pixels, given.options);
  }

  /**
   * The model for `compile`, `fit`, `evaluate`, `predict`, `summary` and `save`. Its weights are this model's own: training
   * one trains the other, and `dispose` of this model frees them. `inputShape` is a picture's, in the model's layout, with
   * null for a side that may be any, which is the default: [null, null, 3]. Throws E_SHAPE for what no picture can have.
   */
  asLayersModel({ inputShape }: { readonly inputShape?: readonly (number | null)[] } = {}): Promise<LayersModel> {
    return toLayersModel(this.#form, this.#model, inputShape);
  }

  /** Writes config.json, model.safetensors and preprocessor_config.json, for transformers and this package. Throws E_OUTPUT. */
  savePretrained(folder: string, options?: SaveOptions): Promise<void> {
    return this.#model.savePretrained(folder, options);
  }

  /** Frees the weights. Neither this model nor a `tf.LayersModel` made from it can be used afterwards. */
  dispose(): void {
    this.#model.dispose();
  }

  get #form(): KerasForm<Config, Fields, Options> {
    return (this.constructor as unknown as KerasClass<Config, Fields, Options, this>).form;
  }
}
