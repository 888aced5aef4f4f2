import * as tf from '@tensorflow/tfjs-core';
import type { BackbonePlugin, Detections, Layout, PluginList, Scope } from '../../src/contracts.js';
import type { Layer } from '../../src/nn/layers.js';
import { FasterRCNNConfig, MaskRCNNConfig } from '../detection/config.js';
import type { DetectionLosses, DetectorInput } from '../detection/detector.js';
import { finiteValues } from '../detection/observe.js';
import type { BatchTarget } from '../detection/transform.js';
import { maskHead } from '../roi/mask-head.js';
import { pasteMasks } from '../roi/paste.js';
import { sigmoid } from '../rpn/proposals.js';
import { RCNN } from './rcnn.js';
import { maskLoss, ownClass, type Samples, withMasks } from './roi-losses.js';

/** Faster R-CNN (Ren et al. 2015) with a feature pyramid, on a backbone of any kind. */
export class FasterRCNN extends RCNN<FasterRCNNConfig> {
  static readonly Config = FasterRCNNConfig;

  protected findMore(_: DetectorInput, __: readonly Detections[], found: readonly Detections[]): readonly Detections[] {
    return found;
  }

  protected moreLosses(): DetectionLosses {
    return {};
  }
}

/** Mask R-CNN (He et al. 2017) with a feature pyramid, on a backbone of any kind. */
export class MaskRCNN extends RCNN<MaskRCNNConfig> {
  static readonly Config = MaskRCNNConfig;
  readonly #masks: Layer;

  constructor(scope: Scope, config: MaskRCNNConfig, layout?: Layout, backbones?: PluginList<BackbonePlugin>) {
    super(scope, config, layout, backbones);
    const { outChannels: channels, maskLayers: layers, maskDimReduced: reduced, background } = config.settings;
    const classes = background === 'first' ? this.classes : config.numLabels;
    this.#masks = maskHead(scope.within('roi_heads'), { channels, layers, reduced, classes });
  }

  protected findMore(
    input: DetectorInput,
    found: readonly Detections[],
    inOriginals: readonly Detections[],
  ): readonly Detections[] {
    const labels = Int32Array.from(found.flatMap(({ labels }) => [...labels]));
    if (labels.length === 0) return inOriginals.map((own) => ({ ...own, masks: [] }));
    const { maskPaste, maskPoolSize } = this.config.settings;
    const pooled = this.pool(
      input,
      found.map(({ boxes }) => boxes),
      maskPoolSize,
    );
    const logits = tf.tidy(() => ownClass(this.#masks(pooled), labels));
    input.observe('mask.logits', logits);
    const probabilities = finiteValues('mask.logits', logits).map(sigmoid);
    const side = logits.shape[1];
    let first = 0;
    return inOriginals.map((own, i) => {
      const cells = probabilities.subarray(first * side * side);
      first += own.labels.length;
      return { ...own, masks: pasteMasks(own, cells, side, input.batch.originals[i], maskPaste) };
    });
  }

  protected moreLosses(
    input: DetectorInput,
    samples: readonly Samples[],
    targets: readonly BatchTarget[],
  ): DetectionLosses {
    const { outChannels, maskPoolSize } = this.config.settings;
    const objects = samples.map((sample, picture) => withMasks(sample, targets[picture]));
    const boxes = objects.map(({ boxes }) => boxes);
    if (boxes.every(({ length }) => length === 0)) {
      // by way of the head, so that its parameters have gradients: of 0
      const nothing = tf.zeros<tf.Rank.R4>([1, maskPoolSize, maskPoolSize, outChannels]);
      return { loss_mask: tf.tidy(() => tf.sum(tf.mul(this.#masks(nothing), 0))) };
    }
    const logits = this.#masks(this.pool(input, boxes, maskPoolSize));
    return { loss_mask: maskLoss(logits, objects, targets) };
  }
}
