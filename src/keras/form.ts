import type * as tf from '@tensorflow/tfjs-core';
import type { Mode, Parameters, Scope } from '../contracts.js';
import type { PixelsWanted } from '../nn/layout.js';
import type { ModelOutput } from '../nn/outputs.js';
import type { ConfigClass } from '../weights/pretrained-config.js';
import type {
  ModelClass,
  ModelConfig,
  ModelOptions,
  PretrainedModel,
  PretrainedOptions,
} from '../weights/pretrained-model.js';

/** A piece of a model as Keras sees it: a layer with weights of its own. */
export interface KerasPart {
  /** Also the layer's name in a `tf.LayersModel`. */
  readonly name: string;
  readonly parameters: Parameters;
  /** What the part does with what the part before it gives; maps are NHWC. */
  run(x: tf.Tensor, mode: Mode): tf.Tensor;
  /** Of what it gives. */
  readonly channels: number;
  /** How many times smaller its maps are than what it takes; absent where it gives no maps, but [n, channels]. */
  readonly stride?: number;
  /** For the part that takes pictures: what they must be. */
  readonly pixels?: Omit<PixelsWanted, 'layout'>;
}

/** What `call` can be told, besides the pictures. */
export interface CallOptions {
  /** Whether to draw what is random in training (stochastic depth). Default false. */
  readonly training?: boolean;
  /** For what is drawn: the same seed draws the same. Default: another one each time. */
  readonly seed?: number;
  /** Default: the config's. */
  readonly outputHiddenStates?: boolean;
}

/** A model that can be given a Keras form. */
export type Wrapped<Config extends ModelConfig, Fields, Options> = PretrainedModel<Config> & {
  forward(pixels: tf.Tensor4D, options?: Options): ModelOutput<Fields>;
};

/** How a kind of model becomes layers. */
export interface LayersForm<Config extends ModelConfig = ModelConfig> {
  /** Its name is also the class name of its layers in a saved model. */
  readonly Model: { readonly name: string; readonly Config: ConfigClass<Config> };
  /** The model as a chain of parts. */
  parts(scope: Scope, config: Config): readonly KerasPart[];
  /** How many of the last parts give what a `tf.LayersModel` gives. */
  readonly outputs: number;
}

/** How a kind of model gets its Keras form. */
export interface KerasForm<Config extends ModelConfig, Fields, Options extends CallOptions> extends LayersForm<Config> {
  readonly Model: ModelClass<Config, Wrapped<Config, Fields, Options>> & {
    readonly name: string;
    fromPretrained(source: string | URL, options?: PretrainedOptions): Promise<Wrapped<Config, Fields, Options>>;
    fromConfig(config: Config, options?: ModelOptions): Promise<Wrapped<Config, Fields, Options>>;
  };
  /** The names of what `call` takes as a list, in its order; the first are the pictures. */
  readonly inputs: readonly string[];
}
