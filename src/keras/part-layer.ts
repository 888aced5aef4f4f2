import * as tf from '@tensorflow/tfjs-core';
import type { layers, Shape } from '@tensorflow/tfjs-layers';
import { parseJson } from '../config/read-json.js';
import type { Layout } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { checkPixels, inLayout } from '../nn/layout.js';
import { createScope, type DeclaredParameter, initializeParameters } from '../nn/scope.js';
import { readConfig } from '../weights/pretrained-config.js';
import type { ModelConfig } from '../weights/pretrained-model.js';
import type { KerasPart, LayersForm } from './form.js';
import { shareParameter } from './shared-variable.js';

/** The package tfjs-layers, which is imported when it is needed. */
export type TfLayers = typeof import('@tensorflow/tfjs-layers');

/** What a layer is made from. */
interface PartLayerArgs {
  readonly part: KerasPart;
  /** Of the whole model: a saved layer is made again from it. */
  readonly config: ModelConfig;
  readonly layout: Layout;
  readonly trainable?: boolean;
  /** The parameters where they are the layer's own, still empty; absent where they belong to a model. */
  readonly own?: ReadonlyMap<string, DeclaredParameter>;
}

/** A class of layers: of the parts of one kind of model. */
export type PartLayerClass = tf.serialization.SerializableConstructor<layers.Layer> & {
  new (args: PartLayerArgs): layers.Layer;
};

const classes = new Map<string, PartLayerClass>();

/** The class of layers for a kind of model, registered with tfjs: `tf.loadLayersModel` finds it by the model's name. */
export function partLayerOf(form: LayersForm, { layers }: TfLayers): PartLayerClass {
  const { name } = form.Model;
  const type = classes.get(name) ?? createPartLayer(form, layers.Layer);
  if (!classes.has(name)) tf.serialization.registerClass(type, 'convnextv2');
  classes.set(name, type);
  return type;
}

function createPartLayer(form: LayersForm, Layer: typeof layers.Layer): PartLayerClass {
  return class PartLayer extends Layer {
    static readonly className = form.Model.name;
    readonly #part: KerasPart;
    readonly #config: ModelConfig;
    readonly #layout: Layout;
    readonly #own: ReadonlyMap<string, DeclaredParameter>;
    #valuesFollow = false;

    constructor({ part, config, layout, trainable, own = new Map() }: PartLayerArgs) {
      super({ name: part.name, trainable });
      this.#part = part;
      this.#config = config;
      this.#layout = layout;
      this.#own = own;
    }

    /** What `getConfig` gave, and tfjs-layers has saved. Throws E_CONFIG, E_JSON. */
    static override fromConfig<T extends tf.serialization.Serializable>(
      type: tf.serialization.SerializableConstructor<T>,
      config: tf.serialization.ConfigDict,
    ): T {
      return new type(readSavedPart(form, config));
    }

    /** Throws E_CONFIG where the model's config holds a function. */
    override getConfig(): tf.serialization.ConfigDict {
      const model = JSON.stringify({ part: this.#part.name, layout: this.#layout, config: this.#config });
      // tfjs-layers turns the keys and texts of a config into snake case, except what is called a name
      return { name: this.name, trainable: this.trainableWeights.length > 0, model: { name: model } };
    }

    /** tfjs-layers calls it before `build` where it will set the weights next. */
    override setFastWeightInitDuringBuild(valuesFollow: boolean): void {
      this.#valuesFollow = valuesFollow;
    }

    override build(): void {
      if (!this.#valuesFollow) initializeParameters(this.#own);
      const parameters = [...this.#part.parameters.values()];
      this.trainableWeights = parameters.map((parameter) =>
        shareParameter(parameter, this.#valuesFollow ? this.#own.get(parameter.name) : undefined),
      );
      this.built = true;
    }

    override call(inputs: tf.Tensor | tf.Tensor[], { training = false }: { readonly training?: boolean }): tf.Tensor {
      const [x] = [inputs].flat();
      const { pixels, run, stride } = this.#part;
      return tf.tidy(() => {
        const nhwc = pixels ? checkPixels(x, { layout: this.#layout, ...pixels }) : toNHWC(x, this.#layout);
        // as in a backbone, what is frozen draws nothing at random
        const y = run(nhwc, { training: training && this.trainableWeights.length > 0 });
        return stride === undefined ? y : inLayout(y as tf.Tensor4D, this.#layout);
      });
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      const { stride, channels } = this.#part;
      const [n, ...axes] = inputShape as Shape;
      if (stride === undefined) return [n, channels];
      const sides = this.#layout === 'NHWC' ? axes.slice(0, 2) : axes.slice(1);
      const smaller = sides.map((side) => (side === null ? null : Math.floor(side / stride)));
      return this.#layout === 'NHWC' ? [n, ...smaller, channels] : [n, channels, ...smaller];
    }

    /** The weights of a model are the model's to free. */
    protected override disposeWeights(): number {
      return this.#own.size > 0 ? super.disposeWeights() : 0;
    }
  };
}

/** A map in the layout as [n, h, w, c]; what is pooled stays as it is. */
function toNHWC(x: tf.Tensor, layout: Layout): tf.Tensor {
  return layout === 'NHWC' || x.rank !== 4 ? x : tf.transpose(x, [0, 2, 3, 1]);
}

function readSavedPart(form: LayersForm, { name, trainable, model }: tf.serialization.ConfigDict): PartLayerArgs {
  const file = `layer ${show(name)}`;
  const ensure = (key: string, holds: boolean, wanted: string, got: unknown) => {
    if (!holds) throw new ConvNextV2Error('E_CONFIG', { path: `${file}: /${key}`, wanted, got: show(got) });
  };
  const text = Object(model).name;
  ensure('model/name', typeof text === 'string', 'what the layer is, as JSON text', text);
  const saved = Object(parseJson(text, file));
  ensure('layout', saved.layout === 'NHWC' || saved.layout === 'NCHW', '"NHWC" or "NCHW"', saved.layout);
  const config = readConfig(form.Model.Config, saved.config, { file, unknownKeys: 'keep' }, {});
  const scope = createScope();
  const parts = form.parts(scope, config);
  const part = parts.find((part) => part.name === saved.part)!;
  ensure('part', part !== undefined, `one of ${parts.map(({ name }) => name).join(', ')}`, saved.part);
  const own = new Map([...part.parameters.keys()].map((key) => [key, scope.parameters.get(key)!]));
  return { part, config, layout: saved.layout, trainable: trainable !== false, own };
}
