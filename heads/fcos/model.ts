import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, joinBoxes, takeBoxes } from '../../src/boxes/boxes.js';
import { decodeSides, encodeSides } from '../../src/boxes/coder.js';
import type { BackbonePlugin, Detections, Layout, PluginList, Scope } from '../../src/contracts.js';
import { binaryCrossEntropy, generalizedIouLoss, sigmoidFocalLoss, sumOver } from '../../src/nn/detection-losses.js';
import { groupNorm } from '../../src/nn/group-norm.js';
import type { Layer } from '../../src/nn/layers.js';
import { takeRows } from '../../src/ops/take-rows.js';
import { predictOver } from '../dense/predict.js';
import { findDense } from '../dense/select.js';
import { conv3x3, PRIOR_BIAS, tower } from '../dense/tower.js';
import { FCOSConfig } from '../detection/config.js';
import { type DetectionLosses, DetectorBase, type DetectorInput, inOriginals } from '../detection/detector.js';
import { finiteValues } from '../detection/observe.js';
import type { BatchTarget } from '../detection/transform.js';
import { sigmoid } from '../rpn/proposals.js';
import { matchCentres } from './match.js';

/** Of the norms in the heads; torchvision's own. */
const GROUPS = 32;
/** Convolution, norm and ReLU stand one after the other in the checkpoint. */
const LAYERS = 3;

/** FCOS (Tian et al. 2019) on a backbone of any kind: of every cell the class, the four sides, and how central it is. */
export class FCOS extends DetectorBase<FCOSConfig> {
  static readonly Config = FCOSConfig;
  readonly #classes: Layer;
  readonly #sides: Layer;
  readonly #boxes: Layer;
  readonly #centrality: Layer;

  /** Throws E_CONFIG where the pyramid's channels do not fall into the groups of its norms, or a cell has several anchors. */
  constructor(scope: Scope, config: FCOSConfig, layout?: Layout, backbones?: PluginList<BackbonePlugin>) {
    super(scope, config, layout, backbones);
    const { outChannels: channels, numConvs } = config.settings;
    if (channels % GROUPS !== 0) throw config.problem('out_channels', `a multiple of ${GROUPS}`, `${channels}`);
    const perCell = this.anchorsPerCell;
    if (perCell !== 1) throw config.problem('anchor_sizes', 'one size and one ratio', `${perCell} anchors a cell`);
    const convs = (head: Scope) =>
      tower(numConvs, (i) => [
        conv3x3(head.within('conv').within(LAYERS * i), channels, channels),
        groupNorm(head.within('conv').within(LAYERS * i + 1), GROUPS, channels),
        (x: tf.Tensor4D) => tf.relu(x),
      ]);
    const [classification, regression] = ['classification_head', 'regression_head'].map((name) =>
      scope.within('head').within(name),
    );
    const classConvs = convs(classification);
    const logits = conv3x3(classification.within('cls_logits'), channels, config.numLabels, { bias: PRIOR_BIAS });
    this.#classes = (x) => tf.tidy(() => logits(classConvs(x)));
    this.#boxes = convs(regression);
    this.#sides = conv3x3(regression.within('bbox_reg'), channels, 4, { activation: 'relu' });
    this.#centrality = conv3x3(regression.within('bbox_ctrness'), channels, 1);
  }

  protected find(input: DetectorInput): readonly Detections[] {
    const { batch, observe } = input;
    const { numLabels: classes, settings } = this.config;
    const { logits, sides, centrality } = this.#predict(input);
    observe('head.cls_logits', logits);
    observe('head.bbox_regression', sides);
    observe('head.bbox_ctrness', centrality);
    const allLogits = finiteValues('cls_logits', logits);
    const allSides = finiteValues('bbox_regression', sides);
    const allCentres = finiteValues('bbox_ctrness', centrality);
    const options = { ...settings, classes };
    const found = findDense(this.anchorsOver(input), batch.sizes, options, (own, first) => ({
      score(i) {
        const central = sigmoid(allCentres[first + Math.floor(i / classes)]);
        return Math.fround(Math.sqrt(Math.fround(sigmoid(allLogits[first * classes + i]) * central)));
      },
      boxes: (chosen) => decodeSides(takeBoxes(allSides.subarray(4 * first), chosen), takeBoxes(own, chosen)),
    }));
    return inOriginals(found, batch);
  }

  protected lossesOf(input: DetectorInput, targets: readonly BatchTarget[]): DetectionLosses {
    const classes = this.config.numLabels;
    const levels = this.anchorsOver(input);
    const anchors = joinBoxes(levels);
    const { logits, sides, centrality } = this.#predict(input);
    const perPicture = anchors.length / 4;
    const wanted = new Float32Array(targets.length * perPicture * classes);
    const found: number[] = [];
    const truths: Boxes[] = [];
    for (const [picture, { boxes, labels }] of targets.entries()) {
      const matches = matchCentres(boxes, levels, this.config.settings.centerSamplingRadius);
      for (const [i, match] of matches.entries()) {
        if (match < 0) continue;
        const place = picture * perPicture + i;
        wanted[place * classes + labels[match]] = 1;
        found.push(place);
        truths.push(boxes.subarray(4 * match, 4 * match + 4));
      }
    }
    const own = takeBoxes(
      anchors,
      found.map((place) => place % perPicture),
    );
    const boxes = joinBoxes(truths);
    const rows = (all: tf.Tensor3D, width: number) => takeRows(tf.reshape(all, [-1, width]), found) as tf.Tensor2D;
    const over = (losses: tf.Tensor) => sumOver(losses, found.length);
    const shape = [found.length, 4] as [number, number];
    return {
      classification: over(sigmoidFocalLoss(logits, tf.tensor3d(wanted, logits.shape))),
      bbox_regression: over(generalizedIouLoss(decoded(rows(sides, 4), own), tf.tensor2d(boxes, shape))),
      bbox_ctrness: over(
        binaryCrossEntropy(rows(centrality, 1), tf.tensor2d(howCentral(encodeSides(boxes, own)), [found.length, 1])),
      ),
    };
  }

  /** [n, anchors, classes], [n, anchors, 4] and [n, anchors, 1] */
  #predict({ levels }: DetectorInput) {
    const features = levels.map((map) => this.#boxes(map));
    return {
      logits: predictOver(levels, this.#classes, this.config.numLabels),
      sides: predictOver(features, this.#sides, 4),
      centrality: predictOver(features, this.#centrality, 1),
    };
  }
}

/** The boxes whose sides lie at these distances [n, 4] from the centres of anchors, in their sides: on the tape. */
function decoded(sides: tf.Tensor2D, anchors: Boxes): tf.Tensor2D {
  const count = anchors.length / 4;
  const values = { centre: new Float32Array(4 * count), scale: new Float32Array(4 * count) };
  for (let i = 0; i < anchors.length; i++) {
    const [low, high] = [anchors[i - (i % 4) + (i % 2)], anchors[i - (i % 4) + (i % 2) + 2]];
    values.centre[i] = 0.5 * Math.fround(low + high);
    values.scale[i] = i % 4 < 2 ? low - high : high - low; // the first two sides lie before the centre
  }
  const [centre, scale] = [values.centre, values.scale].map((data) => tf.tensor2d(data, [count, 4]));
  return tf.add(centre, tf.mul(sides, scale));
}

/** 1 for a cell at the centre of its box, to 0 at its sides: the root of the product of the lesser over the greater distances. */
function howCentral(sides: Float32Array): Float32Array {
  return Float32Array.from({ length: sides.length / 4 }, (_, i) => {
    const [left, top, right, bottom] = sides.subarray(4 * i, 4 * i + 4);
    const across = Math.min(left, right) / Math.max(left, right);
    const down = Math.min(top, bottom) / Math.max(top, bottom);
    return Math.sqrt(Math.fround(across) * Math.fround(down));
  });
}
