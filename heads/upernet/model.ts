import * as tf from '@tensorflow/tfjs-core';
import type { Backbone, BackbonePlugin, Layout, Mode, PluginList, Scope, Segmenter } from '../../src/contracts.js';
import { inLayout } from '../../src/nn/layout.js';
import { type SegmentationLossOptions, segmentationLoss } from '../../src/nn/losses.js';
import { checkForwardOptions } from '../../src/nn/mode.js';
import { type ModelOutput, modelOutput, tidyOutput } from '../../src/nn/outputs.js';
import { checkSides } from '../../src/nn/stages.js';
import { resample } from '../../src/ops/resample.js';
import { defaultRegistry } from '../../src/registry.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { shippedPreprocessor } from '../../src/weights/source.js';
import { UperNetConfig } from './config.js';
import { fcnHead, type SegmentationHead, uperNetHead } from './network.js';

/** What a segmenter gives. */
export interface SegmenterFields {
  /** A scalar, where labels were given. */
  readonly loss?: tf.Scalar;
  /** [n, height, width, numLabels], at the size of the pictures. */
  readonly logits: tf.Tensor4D;
}

/** How one call runs; without `training` it is inference. */
export interface SegmenterForwardOptions
  extends Partial<Mode>,
    Pick<SegmentationLossOptions, 'classWeights' | 'reduceLabels'> {
  /** The class of each pixel, int32 [n, height, width]. */
  readonly labels?: tf.Tensor3D;
}

/** The index of the map that the auxiliary head takes; written out in the reference, too. */
const AUXILIARY_INDEX = 2;

/** A backbone of any kind, with the head of UperNet (Xiao et al. 2018) and, for training, an auxiliary one. */
export class UperNetForSemanticSegmentation extends PretrainedModel<UperNetConfig> implements Segmenter {
  static readonly Config = UperNetConfig;
  readonly backbone: Backbone;
  /** The backbone's coarsest stride: a smaller picture would leave its map without a cell. */
  readonly smallest: number;
  readonly #head: SegmentationHead;
  readonly #auxiliary: SegmentationHead | undefined;

  constructor(
    scope: Scope,
    config: UperNetConfig,
    layout?: Layout,
    backbones: PluginList<BackbonePlugin> = defaultRegistry(),
  ) {
    super(scope, config, layout);
    this.backbone = config.createBackbone(scope, backbones);
    const { featureSpecs } = this.backbone;
    if (featureSpecs.length === 0)
      throw config.problem('backbone_config', 'a backbone that gives maps', 'one with none');
    this.smallest = Math.max(...featureSpecs.map(({ stride }) => stride));
    this.#head = uperNetHead(scope.within('decode_head'), featureSpecs, config);
    this.#auxiliary = config.useAuxiliaryHead ? this.#auxiliaryHead(scope.within('auxiliary_head')) : undefined;
  }

  /**
   * Pictures [n, h, w, c] to logits at their size, and the loss where labels are given: the mean cross-entropy over the pixels that
   * are not `lossIgnoreIndex`, and the same of the auxiliary head times `auxiliaryLossWeight`. The caller disposes the output.
   * Throws E_SHAPE, E_ARGUMENT.
   */
  forward(pixels: tf.Tensor4D, options: SegmenterForwardOptions = {}): ModelOutput<SegmenterFields> {
    checkForwardOptions(options, ['labels', 'classWeights', 'reduceLabels']);
    const { labels, classWeights, reduceLabels, training = false, ...mode } = options;
    return tidyOutput(() => {
      const runs = { training, ...mode };
      const { maps, size } = this.#maps(pixels, runs);
      const atSize = (head: SegmentationHead) => resample(head(maps, runs), size, 'bilinear');
      const lossOf = (logits: tf.Tensor4D) => {
        const ignoreIndex = this.config.lossIgnoreIndex;
        return segmentationLoss(logits, labels!, { ignoreIndex, classWeights, reduceLabels });
      };
      const logits = atSize(this.#head);
      let loss = labels == null ? undefined : lossOf(logits);
      if (loss && this.#auxiliary) {
        loss = tf.add(loss, tf.mul(lossOf(atSize(this.#auxiliary)), this.config.auxiliaryLossWeight));
      }
      return modelOutput({ loss, logits: inLayout(logits, this.layout) });
    });
  }

  coarseLogits(pixels: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => inLayout(this.#head(this.#maps(pixels).maps), this.layout));
  }

  /** Takes the first stages of the backbone out of training: see `Backbone.freeze`. */
  freeze(stages: number): void {
    this.backbone.freeze(stages);
  }

  protected override defaultPreprocessor() {
    return shippedPreprocessor('ade20k-512');
  }

  /** The maps of pictures, and the [height, width] of these. */
  #maps(pixels: tf.Tensor4D, mode?: Mode) {
    const isTurned = this.layout === 'NCHW' && pixels.rank === 4;
    const nhwc = isTurned ? tf.transpose(pixels, [0, 2, 3, 1]) : pixels;
    const [, height, width] = nhwc.shape;
    if (pixels.rank === 4) checkSides(height, width, this.smallest);
    const maps = this.backbone.forward(nhwc, mode); // which refuses what is no batch of pictures
    return { maps, size: [height, width] as const };
  }

  #auxiliaryHead(scope: Scope): SegmentationHead {
    const spec = this.backbone.featureSpecs[AUXILIARY_INDEX];
    const { auxiliaryInChannels } = this.config;
    if (!spec) {
      const wanted = `a backbone that gives at least ${AUXILIARY_INDEX + 1} maps, for the auxiliary head`;
      const got = String(this.backbone.featureSpecs.length);
      throw this.config.problem('backbone_config', wanted, got, 'name them in its out_features');
    }
    if (auxiliaryInChannels !== null && auxiliaryInChannels !== spec.channels) {
      const wanted = `${spec.channels}, the channels of ${spec.name}`;
      throw this.config.problem('auxiliary_in_channels', wanted, String(auxiliaryInChannels));
    }
    return fcnHead(scope, spec, this.config);
  }
}
