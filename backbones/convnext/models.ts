import * as tf from '@tensorflow/tfjs-core';
import type { Layout, Mode, Scope } from '../../src/contracts.js';
import { type ChannelLayer, layerNorm, linear } from '../../src/nn/layers.js';
import { inLayout } from '../../src/nn/layout.js';
import { classificationLoss, inferProblemType, type ProblemType } from '../../src/nn/losses.js';
import { checkForwardOptions } from '../../src/nn/mode.js';
import { type ModelOutput, modelOutput, tidyOutput } from '../../src/nn/outputs.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { ConvNextConfig, type ConvNextConfigBase, ConvNextV2Config } from './config.js';
import { type Body, convNextBody, runBody, strideAt } from './network.js';

/** How one call runs; without `training` it is inference. */
export interface ForwardOptions extends Partial<Mode> {
  /** Whether to give the map after the stem and after each stage. Default: the config's `outputHiddenStates`. */
  readonly outputHiddenStates?: boolean;
}

/** What both models do: the body, then the norm of each channel's mean over the last map. */
abstract class PooledModel<Config extends ConvNextConfigBase> extends PretrainedModel<Config> {
  readonly #body: Body;
  readonly #layernorm: ChannelLayer;

  constructor(scope: Scope, config: Config, layout: Layout | undefined, inside: Scope) {
    super(scope, config, layout);
    this.#body = convNextBody(inside, config);
    // the one norm that the config's epsilon reaches; FCMAE checkpoints lack it
    const options = { channels: lastOf(config.hiddenSizes), epsilon: config.layerNormEps, part: 'head' } as const;
    this.#layernorm = layerNorm(inside.within('layernorm'), options);
  }

  protected run(pixels: tf.Tensor4D, options: ForwardOptions) {
    checkForwardOptions(options, ['outputHiddenStates']);
    const maps = runBody(this.#body, pixels, this, options);
    const wanted = options.outputHiddenStates ?? this.config.outputHiddenStates;
    return {
      last: lastOf(maps),
      pooled: this.#layernorm(tf.mean<tf.Tensor2D>(lastOf(maps), [1, 2])),
      hiddenStates: wanted ? maps.map((map) => inLayout(map, this.layout)) : undefined,
    };
  }
}

/** What a whole model gives. */
export interface ConvNextModelFields {
  /** The last stage's map [n, h, w, c], raw. */
  readonly lastHiddenState: tf.Tensor4D;
  /** The norm of its mean over height and width [n, c]. */
  readonly poolerOutput: tf.Tensor2D;
  /** The maps after the stem and after each stage, raw. */
  readonly hiddenStates?: readonly tf.Tensor4D[];
}

/** The body, without a head: its last map, and that pooled. */
abstract class ConvNextModelBase<Config extends ConvNextConfigBase> extends PooledModel<Config> {
  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout, scope);
  }

  /** Pixels of the picture per cell of `lastHiddenState`. */
  get stride(): number {
    return strideAt(this.config.numStages, this.config);
  }

  /** Pictures [n, h, w, channels] through the whole network. The caller disposes the output. Throws E_SHAPE, E_ARGUMENT. */
  forward(pixels: tf.Tensor4D, options: ForwardOptions = {}): ModelOutput<ConvNextModelFields> {
    return tidyOutput(() => {
      const { last, pooled, hiddenStates } = this.run(pixels, options);
      return modelOutput({ lastHiddenState: inLayout(last, this.layout), poolerOutput: pooled, hiddenStates });
    });
  }
}

/** What a classifier gives. */
export interface ClassifierFields {
  /** A scalar, where labels were given. */
  readonly loss?: tf.Scalar;
  /** [n, numLabels]; the pooled features where there are no labels. */
  readonly logits: tf.Tensor2D;
  /** The maps after the stem and after each stage, raw. */
  readonly hiddenStates?: readonly tf.Tensor4D[];
}

/** The body with a linear classifier over the pooled map. */
abstract class ConvNextForImageClassificationBase<Config extends ConvNextConfigBase> extends PooledModel<Config> {
  readonly #classifier: ChannelLayer | undefined;
  #problemType: ProblemType | undefined;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout, scope.within(config.modelType));
    const { numLabels: to, hiddenSizes, initializerRange: deviation } = config;
    const options = { from: lastOf(hiddenSizes), to, deviation, part: 'head' } as const;
    this.#classifier = to > 0 ? linear(scope.within('classifier'), options) : undefined;
    this.#problemType = config.problemType;
  }

  /**
   * Pictures to logits, and a loss where labels are given: of the config's `problemType`, or of the kind that the first
   * labels suggest (see `classificationLoss`). The caller disposes the output. Throws E_SHAPE, E_ARGUMENT.
   */
  forward(
    pixels: tf.Tensor4D,
    { labels, ...options }: ForwardOptions & { readonly labels?: tf.Tensor } = {},
  ): ModelOutput<ClassifierFields> {
    return tidyOutput(() => {
      const { pooled, hiddenStates } = this.run(pixels, options);
      const logits = this.#classifier?.(pooled) ?? pooled;
      return modelOutput({ loss: labels == null ? undefined : this.#loss(logits, labels), logits, hiddenStates });
    });
  }

  #loss(logits: tf.Tensor2D, labels: tf.Tensor): tf.Scalar {
    const problemType = this.#problemType ?? inferProblemType(this.config.numLabels, labels);
    const loss = classificationLoss(logits, labels, problemType);
    this.#problemType = problemType; // only now, since labels that do not fit suggest nothing
    return loss;
  }
}

const lastOf = <T>(list: readonly T[]): T => list[list.length - 1];

/** ConvNeXt V2 without a head. */
export class ConvNextV2Model extends ConvNextModelBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

/** ConvNeXt V2 with a linear classifier. */
export class ConvNextV2ForImageClassification extends ConvNextForImageClassificationBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

/** ConvNeXt V1 without a head. */
export class ConvNextModel extends ConvNextModelBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}

/** ConvNeXt V1 with a linear classifier. */
export class ConvNextForImageClassification extends ConvNextForImageClassificationBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}
