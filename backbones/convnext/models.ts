import * as tf from '@tensorflow/tfjs-core';
import type { Backbone, FeatureMaps, FeatureSpec, Layout, Mode, Scope } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { type ChannelLayer, layerNorm, linear } from '../../src/nn/layers.js';
import { checkPixels, inLayout } from '../../src/nn/layout.js';
import { classificationLoss, inferProblemType, type ProblemType } from '../../src/nn/losses.js';
import { type ModelOutput, modelOutput, tidyOutput } from '../../src/nn/outputs.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { ConvNextConfig, type ConvNextConfigBase, ConvNextV2Config } from './config.js';
import { type Body, convNextBody, NORM_EPSILON, runBody, sideAt, strideAt } from './network.js';

/** How one call runs; without `training` it is inference. */
export interface ForwardOptions extends Partial<Mode> {
  /** Whether to give the map after the stem and after each stage. Default: the config's `outputHiddenStates`. */
  readonly outputHiddenStates?: boolean;
}

/** Pictures [n, h, w, channels] through the whole network. */
abstract class ConvNextModelBase<Config extends ConvNextConfigBase> extends PretrainedModel<Config> {
  readonly #body: Body;
  readonly #layernorm: ChannelLayer;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout);
    this.#body = convNextBody(scope, config);
    this.#layernorm = poolerNorm(scope, config);
  }

  /**
   * `lastHiddenState` [n, h, w, c] is the last stage's map, raw; `poolerOutput` [n, c] the norm of its mean over the map;
   * `hiddenStates` the maps after the stem and each stage, raw. The caller disposes them. Throws E_SHAPE, E_ARGUMENT.
   */
  forward(pixels: tf.Tensor4D, options: ForwardOptions = {}): ModelOutput<ConvNextModelFields> {
    return tidyOutput(() => {
      const maps = runAll(this, this.#body, pixels, options);
      const last = maps[maps.length - 1];
      return modelOutput({
        lastHiddenState: inLayout(last, this.layout),
        poolerOutput: this.#layernorm(tf.mean<tf.Tensor2D>(last, [1, 2])),
        hiddenStates: hiddenStates(this, maps, options),
      });
    });
  }
}

export interface ConvNextModelFields {
  readonly lastHiddenState: tf.Tensor4D;
  readonly poolerOutput: tf.Tensor2D;
  readonly hiddenStates?: readonly tf.Tensor4D[];
}

/** Pictures to multi-scale feature maps: the body, and a norm of its own for each map that is asked for. */
abstract class ConvNextBackboneBase<Config extends ConvNextConfigBase>
  extends PretrainedModel<Config>
  implements Backbone
{
  readonly stageNames: readonly string[];
  readonly outFeatures: readonly string[];
  readonly outIndices: readonly number[];
  /** The channels of every stage, the stem first. */
  readonly numFeatures: readonly number[];
  readonly featureSpecs: readonly FeatureSpec[];
  readonly #body: Body;
  readonly #outputs: readonly { readonly name: string; readonly level: number; readonly norm: ChannelLayer }[];
  #frozen = 0;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout);
    this.stageNames = config.stageNames;
    this.outFeatures = config.outFeatures;
    this.outIndices = config.outIndices;
    this.numFeatures = [config.hiddenSizes[0], ...config.hiddenSizes];
    const levels = config.outFeatures.map((name) => config.stageNames.indexOf(name));
    this.#body = convNextBody(scope, config, config.outputHiddenStates ? undefined : Math.max(0, ...levels));
    this.#outputs = levels.map((level) => {
      const name = config.stageNames[level];
      const options = { channels: this.numFeatures[level], epsilon: NORM_EPSILON, part: 'head' } as const;
      return { name, level, norm: layerNorm(scope.within('hidden_states_norms').within(name), options) };
    });
    this.featureSpecs = this.#outputs.map(({ name, level }) => {
      return { name, channels: this.numFeatures[level], stride: strideAt(level, config) };
    });
  }

  /** The channels of each map that `forward` gives. */
  get channels(): readonly number[] {
    return this.featureSpecs.map(({ channels }) => channels);
  }

  outputShape(height: number, width: number): Readonly<Record<string, readonly [number, number]>> {
    const smallest = strideAt(this.#body.length - 1, this.config);
    if (!(Number.isInteger(height) && Number.isInteger(width) && Math.min(height, width) >= smallest)) {
      throw new ConvNextV2Error('E_SHAPE', {
        path: 'outputShape',
        wanted: `whole sides of at least ${smallest} pixels`,
        got: `${height} x ${width}`,
      });
    }
    const sides = (level: number) => [sideAt(level, height, this.config), sideAt(level, width, this.config)] as const;
    return Object.fromEntries(this.#outputs.map(({ name, level }) => [name, sides(level)]));
  }

  /** Maps by stage name, fine to coarse; stages deeper than the last one asked for do not run. Throws E_SHAPE, E_ARGUMENT. */
  forward(pixels: tf.Tensor4D, mode?: Mode): FeatureMaps {
    return tf.tidy(() => this.#featureMaps(this.#run(pixels, mode)));
  }

  /** The same, and the raw map after the stem and each stage. The backbone must have been opened with `outputHiddenStates`. */
  forwardWithHiddenStates(pixels: tf.Tensor4D, mode?: Mode): ModelOutput<BackboneFields> {
    if (!this.config.outputHiddenStates) {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'forwardWithHiddenStates',
        wanted: 'a backbone with all its stages',
        got: `one that ends with ${this.stageNames[this.#body.length - 1]}`,
        suggestion: 'open it with { outputHiddenStates: true }',
      });
    }
    return tidyOutput(() => {
      const maps = this.#run(pixels, mode);
      return modelOutput({
        featureMaps: this.#featureMaps(maps),
        hiddenStates: maps.map((map) => inLayout(map, this.layout)),
      });
    });
  }

  stageOf(parameterName: string): number | undefined {
    const [root, , stage] = parameterName.split('.');
    return root === 'embeddings' ? 0 : root === 'encoder' ? Number(stage) + 1 : undefined;
  }

  freeze(stages: number): void {
    if (!(Number.isInteger(stages) && stages >= 0 && stages <= this.stageNames.length)) {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'freeze',
        wanted: `0 to ${this.stageNames.length} stages`,
        got: String(stages),
      });
    }
    this.#frozen = stages;
    for (const [name, parameter] of this.parameters) {
      parameter.trainable = (this.stageOf(name) ?? stages) >= stages;
    }
  }

  #run(pixels: tf.Tensor4D, mode: Mode | undefined): tf.Tensor4D[] {
    return runAll(this, this.#body, pixels, mode ?? {}, this.#frozen);
  }

  #featureMaps(maps: readonly tf.Tensor4D[]): FeatureMaps {
    return Object.fromEntries(
      this.#outputs.map(({ name, level, norm }) => [name, inLayout(norm(maps[level]), this.layout)]),
    );
  }
}

export interface BackboneFields {
  readonly featureMaps: FeatureMaps;
  readonly hiddenStates: readonly tf.Tensor4D[];
}

/** Pictures to logits, and a loss where labels are given. */
abstract class ConvNextForImageClassificationBase<Config extends ConvNextConfigBase> extends PretrainedModel<Config> {
  readonly #body: Body;
  readonly #layernorm: ChannelLayer;
  readonly #classifier: ChannelLayer | undefined;
  #problemType: ProblemType | undefined;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout);
    const { modelType, numLabels, hiddenSizes, initializerRange: deviation } = config;
    this.#body = convNextBody(scope.within(modelType), config);
    this.#layernorm = poolerNorm(scope.within(modelType), config);
    const options = { from: hiddenSizes[hiddenSizes.length - 1], to: numLabels, deviation, part: 'head' } as const;
    this.#classifier = numLabels > 0 ? linear(scope.within('classifier'), options) : undefined;
    this.#problemType = config.problemType;
  }

  /**
   * `logits` [n, numLabels] (the pooled features where there are no labels); `loss` [] where `labels` are given: its kind is
   * the config's `problemType`, or inferred once, from the first labels. Throws E_SHAPE, E_ARGUMENT.
   */
  forward(
    pixels: tf.Tensor4D,
    options: ForwardOptions & { readonly labels?: tf.Tensor } = {},
  ): ModelOutput<ClassifierFields> {
    return tidyOutput(() => {
      const maps = runAll(this, this.#body, pixels, options);
      const pooled = this.#layernorm(tf.mean<tf.Tensor2D>(maps[maps.length - 1], [1, 2]));
      const logits = this.#classifier?.(pooled) ?? pooled;
      return modelOutput({
        loss: options.labels && this.#loss(logits, options.labels),
        logits,
        hiddenStates: hiddenStates(this, maps, options),
      });
    });
  }

  #loss(logits: tf.Tensor2D, labels: tf.Tensor): tf.Scalar {
    this.#problemType ??= inferProblemType(this.config.numLabels, labels);
    return classificationLoss(logits, labels, this.#problemType);
  }
}

export interface ClassifierFields {
  readonly loss?: tf.Scalar;
  readonly logits: tf.Tensor2D;
  readonly hiddenStates?: readonly tf.Tensor4D[];
}

/** The norm after pooling: the one that the config's epsilon reaches. FCMAE checkpoints lack it. */
function poolerNorm(scope: Scope, { hiddenSizes, layerNormEps: epsilon }: ConvNextConfigBase): ChannelLayer {
  return layerNorm(scope.within('layernorm'), { channels: hiddenSizes[hiddenSizes.length - 1], epsilon, part: 'head' });
}

type AnyModel = PretrainedModel<ConvNextConfigBase>;

function runAll(
  { config, layout }: AnyModel,
  body: Body,
  pixels: tf.Tensor4D,
  options: Partial<Mode>,
  frozen = 0,
): tf.Tensor4D[] {
  const nhwc = checkPixels(pixels, {
    layout,
    channels: config.numChannels,
    smallest: strideAt(body.length - 1, config),
  });
  return runBody(body, nhwc, { training: false, ...options }, frozen);
}

function hiddenStates({ config, layout }: AnyModel, maps: readonly tf.Tensor4D[], options: ForwardOptions) {
  if (!(options.outputHiddenStates ?? config.outputHiddenStates)) return undefined;
  return maps.map((map) => inLayout(map, layout));
}

export class ConvNextV2Model extends ConvNextModelBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

export class ConvNextV2Backbone extends ConvNextBackboneBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

export class ConvNextV2ForImageClassification extends ConvNextForImageClassificationBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

export class ConvNextModel extends ConvNextModelBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}

export class ConvNextBackbone extends ConvNextBackboneBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}

export class ConvNextForImageClassification extends ConvNextForImageClassificationBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}
