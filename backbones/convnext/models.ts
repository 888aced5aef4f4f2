import type * as tf from '@tensorflow/tfjs-core';
import type { Layout, Mode, Scope } from '../../src/contracts.js';
import { inLayout } from '../../src/nn/layout.js';
import { classificationLoss, inferProblemType, type ProblemType } from '../../src/nn/losses.js';
import { checkForwardOptions } from '../../src/nn/mode.js';
import { type ModelOutput, modelOutput, tidyOutput } from '../../src/nn/outputs.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { ConvNextConfig, type ConvNextConfigBase, ConvNextV2Config } from './config.js';
import { classifierLayers, type Pooling, pooling } from './head.js';
import { type Body, convNextBody, runBody, strideAt } from './network.js';

/** How one call runs; without `training` it is inference. */
export interface ForwardOptions extends Partial<Mode> {
  /** Whether to give the map after the stem and after each stage. Default: the config's `outputHiddenStates`. */
  readonly outputHiddenStates?: boolean;
}

/** What both models do: the body, then pooling. */
abstract class PooledModel<Config extends ConvNextConfigBase> extends PretrainedModel<Config> {
  readonly #body: Body;
  readonly #pool: Pooling;

  constructor(scope: Scope, config: Config, layout: Layout | undefined, inside: Scope) {
    super(scope, config, layout);
    this.#body = convNextBody(inside, config);
    this.#pool = pooling(inside, config);
  }

  protected run(pixels: tf.Tensor4D, options: ForwardOptions) {
    checkForwardOptions(options, ['outputHiddenStates']);
    const maps = runBody(this.#body, pixels, this, options);
    const wanted = options.outputHiddenStates ?? this.config.outputHiddenStates;
    return {
      last: lastOf(maps),
      pooled: this.#pool(lastOf(maps)),
      hiddenStates: wanted ? maps.map((map) => inLayout(map, this.layout)) : undefined,
    };
  }
}

/** What a whole model gives. */
export interface ConvNextModelFields {
  /** The last stage's map [n, h, w, c], raw. */
  readonly lastHiddenState: tf.Tensor4D;
  /** The norm of its mean over height and width [n, c], or the mean of its norm: see `headNormFirst`. */
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
  /** [n, numLabels]; where there are no labels, what a classifier would be given. */
  readonly logits: tf.Tensor2D;
  /** The maps after the stem and after each stage, raw. */
  readonly hiddenStates?: readonly tf.Tensor4D[];
}

/** The body with a linear classifier over the pooled map. */
abstract class ConvNextForImageClassificationBase<Config extends ConvNextConfigBase> extends PooledModel<Config> {
  readonly #head: readonly ((x: tf.Tensor2D) => tf.Tensor2D)[];
  #problemType: ProblemType | undefined;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout, scope.within(config.modelType));
    this.#head = classifierLayers(scope, config).map(({ run }) => run);
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
      const logits = this.#head.reduce((x, layer) => layer(x), pooled);
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
