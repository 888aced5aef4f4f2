import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, joinBoxes, takeBoxes } from '../../src/boxes/boxes.js';
import { decodeBoxes, encodeBoxes } from '../../src/boxes/coder.js';
import { IGNORED, matchBoxes } from '../../src/boxes/matcher.js';
import type { BackbonePlugin, Detections, Layout, PluginList, Scope } from '../../src/contracts.js';
import { sigmoidFocalLoss, smoothL1, sumOver } from '../../src/nn/detection-losses.js';
import type { Layer } from '../../src/nn/layers.js';
import { takeRows } from '../../src/ops/take-rows.js';
import { predictOver } from '../dense/predict.js';
import { findDense } from '../dense/select.js';
import { conv3x3, PRIOR_BIAS, tower } from '../dense/tower.js';
import { RetinaNetConfig } from '../detection/config.js';
import { type DetectionLosses, DetectorBase, type DetectorInput, inOriginals } from '../detection/detector.js';
import { finiteValues } from '../detection/observe.js';
import type { BatchTarget } from '../detection/transform.js';
import { sigmoid } from '../rpn/proposals.js';

/** Changes of anchors are not weighted. */
const WEIGHTS = [1, 1, 1, 1] as const;

/** RetinaNet (Lin et al. 2017) on a backbone of any kind: every anchor's class and box at once. Names as torchvision's. */
export class RetinaNet extends DetectorBase<RetinaNetConfig> {
  static readonly Config = RetinaNetConfig;
  readonly #classes: Layer;
  readonly #boxes: Layer;

  constructor(scope: Scope, config: RetinaNetConfig, layout?: Layout, backbones?: PluginList<BackbonePlugin>) {
    super(scope, config, layout, backbones);
    const { outChannels: channels, numConvs } = config.settings;
    const perCell = this.anchorsPerCell;
    const head = (name: string, last: string, to: number, bias?: number) => {
      const own = scope.within('head').within(name);
      const convs = tower(numConvs, (i) => [
        conv3x3(own.within('conv').within(i).within(0), channels, channels, { activation: 'relu' }),
      ]);
      const output = conv3x3(own.within(last), channels, to, { bias });
      return (x: tf.Tensor4D) => tf.tidy(() => output(convs(x)));
    };
    this.#classes = head('classification_head', 'cls_logits', perCell * config.numLabels, PRIOR_BIAS);
    this.#boxes = head('regression_head', 'bbox_reg', 4 * perCell);
  }

  protected find(input: DetectorInput): readonly Detections[] {
    const { batch, observe } = input;
    const { numLabels: classes, settings } = this.config;
    const { logits, deltas } = this.#predict(input);
    observe('head.cls_logits', logits);
    observe('head.bbox_regression', deltas);
    const [allLogits, allDeltas] = [finiteValues('cls_logits', logits), finiteValues('bbox_regression', deltas)];
    const options = { ...settings, classes };
    const found = findDense(this.anchorsOver(input), batch.sizes, options, (own, first) => ({
      score: (i) => sigmoid(allLogits[first * classes + i]),
      boxes: (chosen) =>
        decodeBoxes(takeBoxes(allDeltas.subarray(4 * first), chosen), takeBoxes(own, chosen), {
          weights: WEIGHTS,
          clamp: settings.boxClamp,
        }),
    }));
    return inOriginals(found, batch);
  }

  protected lossesOf(input: DetectorInput, targets: readonly BatchTarget[]): DetectionLosses {
    const { fgIouThresh: high, bgIouThresh: low } = this.config.settings;
    const anchors = joinBoxes(this.anchorsOver(input));
    const { logits, deltas } = this.#predict(input);
    const losses = targets.map(({ boxes, labels }, picture) => {
      const matches = matchBoxes(boxes, anchors, { high, low, rescue: 'best' });
      const found = [...matches.keys()].filter((i) => matches[i] >= 0);
      const own = {
        matches,
        found,
        truths: takeBoxes(
          boxes,
          found.map((i) => matches[i]),
        ),
      };
      const ofPicture = <T extends tf.Tensor>(all: tf.Tensor3D) =>
        tf.squeeze<T>(tf.slice(all, [picture, 0, 0], [1, -1, -1]), [0]);
      return {
        classification: this.#classLoss(ofPicture(logits), own, labels),
        bbox_regression: this.#boxLoss(ofPicture(deltas), own, anchors),
      };
    });
    const mean = (name: keyof (typeof losses)[number]) =>
      sumOver(tf.stack(losses.map((loss) => loss[name])), losses.length);
    return { classification: mean('classification'), bbox_regression: mean('bbox_regression') };
  }

  /** [n, anchors, classes] and [n, anchors, 4] */
  #predict({ levels }: DetectorInput) {
    return {
      logits: predictOver(levels, this.#classes, this.config.numLabels),
      deltas: predictOver(levels, this.#boxes, 4),
    };
  }

  #classLoss(logits: tf.Tensor2D, { matches, found }: Matches, labels: Int32Array): tf.Scalar {
    const classes = this.config.numLabels;
    const counted = [...matches.keys()].filter((i) => matches[i] !== IGNORED);
    const wanted = new Float32Array(counted.length * classes);
    for (const [row, i] of counted.entries()) if (matches[i] >= 0) wanted[row * classes + labels[matches[i]]] = 1;
    const own = takeRows(logits, counted);
    return sumOver(sigmoidFocalLoss(own, tf.tensor2d(wanted, [counted.length, classes])), found.length);
  }

  #boxLoss(deltas: tf.Tensor2D, { found, truths }: Matches, anchors: Boxes): tf.Scalar {
    const wanted = encodeBoxes(truths, takeBoxes(anchors, found), { weights: WEIGHTS });
    const own = takeRows(deltas, found);
    return sumOver(smoothL1(own, tf.tensor2d(wanted, [found.length, 4]), 0), found.length);
  }
}

/** What the anchors of a picture are to find. */
interface Matches {
  /** Of each anchor. */
  readonly matches: Int32Array;
  /** The anchors that find an object. */
  readonly found: readonly number[];
  /** What each of those finds. */
  readonly truths: Boxes;
}
