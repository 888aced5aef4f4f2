import type * as tf from '@tensorflow/tfjs-core';
import type { Boxes } from '../../src/boxes/boxes.js';
import type { BackbonePlugin, Detections, Layout, PluginList, Scope } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import type { Random } from '../../src/nn/random.js';
import type { AnyDetectorConfig } from '../detection/config.js';
import { type DetectionLosses, DetectorBase, type DetectorInput, inOriginals } from '../detection/detector.js';
import type { FasterRCNNSettings } from '../detection/settings.js';
import type { BatchTarget } from '../detection/transform.js';
import { type BoxPredictions, boxHead } from '../roi/box-head.js';
import { poolBoxes } from '../roi/pooling.js';
import { type AnchorPredictions, rpnHead } from '../rpn/head.js';
import { rpnLosses } from '../rpn/losses.js';
import { proposeBoxes } from '../rpn/proposals.js';
import { boxLosses, type Samples, sampleProposals } from './roi-losses.js';
import { selectDetections } from './select.js';

/** What Faster and Mask R-CNN share: proposals, and what each of them is (Ren et al. 2015). Names as torchvision's. */
export abstract class RCNN<
  Config extends AnyDetectorConfig & { readonly settings: FasterRCNNSettings },
> extends DetectorBase<Config> {
  /** Values for each class, the background's included. */
  protected readonly classes: number;
  /** The class that is none. */
  readonly #background: number;
  readonly #rpn: (levels: readonly tf.Tensor4D[]) => AnchorPredictions;
  readonly #boxes: (pooled: tf.Tensor4D) => BoxPredictions;

  constructor(scope: Scope, config: Config, layout?: Layout, backbones?: PluginList<BackbonePlugin>) {
    super(scope, config, layout, backbones);
    const { settings, numLabels } = config;
    const { outChannels: channels, rpnConvDepth: depth, background, boxRegression } = settings;
    this.classes = background === 'first' ? numLabels : numLabels + 1;
    this.#background = background === 'first' ? 0 : numLabels;
    this.#rpn = rpnHead(scope.within('rpn').within('head'), { channels, anchors: this.anchorsPerCell, depth });
    this.#boxes = boxHead(scope.within('roi_heads'), {
      channels,
      side: settings.boxPoolSize,
      hidden: settings.representationSize,
      classes: this.classes,
      boxes: boxRegression === 'class-agnostic' ? 1 : background === 'first' ? this.classes : numLabels,
    });
  }

  protected find(input: DetectorInput): readonly Detections[] {
    const { batch, observe } = input;
    const predicted = this.#rpn(input.levels);
    for (const [i, map] of predicted.objectness.entries()) observe(`rpn.objectness.${i}`, map);
    for (const [i, map] of predicted.deltas.entries()) observe(`rpn.deltas.${i}`, map);
    const proposals = this.#propose(predicted, input, 'Test');
    for (const [i, boxes] of proposals.entries()) observe(`proposals.${i}`, boxes);
    const boxes = this.#boxes(this.pool(input, proposals, this.config.settings.boxPoolSize));
    observe('box.logits', boxes.logits);
    observe('box.deltas', boxes.deltas);
    const found = selectDetections(boxes, proposals, batch.sizes, this.#background, this.config.settings);
    for (const [i, { boxes }] of found.entries()) observe(`found.${i}`, boxes);
    return this.findMore(input, found, inOriginals(found, batch));
  }

  protected lossesOf(input: DetectorInput, targets: readonly BatchTarget[], random: Random): DetectionLosses {
    const { settings } = this.config;
    this.#checkLabels(targets);
    const predicted = this.#rpn(input.levels);
    const truths = targets.map(({ boxes }) => boxes);
    const samples = this.#propose(predicted, input, 'Train').map((proposals, i) =>
      sampleProposals(proposals, targets[i], settings, this.#background, random),
    );
    const boxes = samples.map(({ boxes }) => boxes);
    const ofBoxes = this.#boxes(this.pool(input, boxes, settings.boxPoolSize));
    return {
      ...rpnLosses(predicted, this.anchorsOver(input), truths, {
        high: settings.rpnFgIouThresh,
        low: settings.rpnBgIouThresh,
        count: settings.rpnBatchSizePerImage,
        positiveShare: settings.rpnPositiveFraction,
        beta: settings.rpnLossBeta,
        random,
      }),
      ...boxLosses(ofBoxes, samples, targets, settings),
      ...this.moreLosses(input, samples, targets),
    };
  }

  /** Detections in the pictures' own pixels, with what else the model finds of those in the batch's. */
  protected abstract findMore(
    input: DetectorInput,
    found: readonly Detections[],
    inOriginals: readonly Detections[],
  ): readonly Detections[];

  protected abstract moreLosses(
    input: DetectorInput,
    samples: readonly Samples[],
    targets: readonly BatchTarget[],
  ): DetectionLosses;

  /** What the pyramid holds in boxes; its extra levels are for proposals alone. */
  protected pool({ levels, batch }: DetectorInput, boxes: readonly Boxes[], side: number): tf.Tensor4D {
    const { roiSamplingRatio, roiCentres, roiLevelRule, roiScales } = this.config.settings;
    const count = this.backbone.featureSpecs.length;
    const pooled = { specs: this.pyramid.levels, maps: levels.slice(0, count), sizes: batch.sizes };
    return poolBoxes(pooled, boxes, side, {
      samplingRatio: roiSamplingRatio,
      centres: roiCentres,
      levelRule: roiLevelRule,
      scales: roiScales,
    });
  }

  #propose(predicted: AnchorPredictions, input: DetectorInput, when: 'Train' | 'Test'): readonly Boxes[] {
    const { settings } = this.config;
    return proposeBoxes(predicted, this.anchorsOver(input), input.batch.sizes, {
      before: settings[`rpnPreNmsTopN${when}`],
      after: settings[`rpnPostNmsTopN${when}`],
      nmsThreshold: settings.rpnNmsThresh,
      minSize: settings.rpnMinSize,
      scoreThreshold: settings.rpnScoreThresh,
      clamp: settings.boxClamp,
    });
  }

  #checkLabels(targets: readonly BatchTarget[]): void {
    const wrong = targets.findIndex(({ labels }) => labels.includes(this.#background));
    if (wrong < 0) return;
    const wanted = `labels of objects: ${this.#background} is the background`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: `targets[${wrong}].labels`, wanted, got: 'the background' });
  }
}
