import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, resizeBoxes, type Size } from '../../src/boxes/boxes.js';
import type {
  Backbone,
  BackbonePlugin,
  Detections,
  DetectionTarget,
  Detector,
  Layout,
  Mode,
  PluginList,
  Scope,
} from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { anySeed, createRandom, type Random } from '../../src/nn/random.js';
import { defaultRegistry } from '../../src/registry.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { EXTRA_LEVELS, featurePyramid, type Pyramid } from '../fpn/index.js';
import { type Anchors, createAnchors } from './anchors.js';
import type { AnyDetectorConfig } from './config.js';
import type { Observe } from './observe.js';
import type { CommonSettings } from './settings.js';
import { type BatchTarget, batchPictures, batchTargets, type PictureBatch } from './transform.js';

/** The losses of a training step by torchvision's names, each a scalar. */
export type DetectionLosses = Readonly<Record<string, tf.Scalar>>;

/** What the heads of a detector are given. */
export interface DetectorInput {
  /** The levels of the pyramid, [n, h, w, channels] each. */
  readonly levels: readonly tf.Tensor4D[];
  readonly batch: PictureBatch;
  readonly observe: Observe;
}

/** What all detectors do: pictures to a batch, the backbone and its pyramid; and back to the pictures' own pixels. */
export abstract class DetectorBase<Config extends AnyDetectorConfig & { readonly settings: CommonSettings }>
  extends PretrainedModel<Config>
  implements Detector
{
  readonly backbone: Backbone;
  protected readonly pyramid: Pyramid;
  readonly #anchors: Anchors;

  constructor(
    scope: Scope,
    config: Config,
    layout: Layout = 'NHWC',
    backbones: PluginList<BackbonePlugin> = defaultRegistry(),
  ) {
    super(scope, config, layout);
    if (layout !== 'NHWC') {
      const wanted = 'NHWC, as pictures come to a detector one by one';
      throw new ConvNextV2Error('E_ARGUMENT', { path: 'layout', wanted, got: layout });
    }
    const {
      outChannels: channels,
      extraLevels: extra,
      extraLevelsActivation: activation,
      anchorSizes,
    } = config.settings;
    this.backbone = config.createBackbone(scope, backbones, anchorSizes.length - EXTRA_LEVELS[extra].length);
    this.pyramid = featurePyramid(scope.within('backbone').within('fpn'), this.backbone.featureSpecs, {
      channels,
      extra,
      activation,
    });
    this.#anchors = createAnchors(config, config.settings, this.pyramid.levels);
  }

  /** Anchors of a cell. */
  protected get anchorsPerCell(): number {
    return this.#anchors.perCell;
  }

  /**
   * What is in pictures [height, width, channels] of values from 0 to 1, of any sizes; `observe` sees what is computed on the
   * way. Throws E_ARGUMENT, E_SHAPE for what is no picture, E_NON_FINITE where the model gives NaN or Infinity.
   */
  detect(
    pictures: readonly tf.Tensor3D[],
    { observe = () => {} }: { readonly observe?: Observe } = {},
  ): readonly Detections[] {
    let found: readonly Detections[] = [];
    tf.tidy(() => {
      const batch = batchPictures(pictures, this.config.settings);
      observe('batch', batch.pixels);
      observe('image_sizes', batch.sizes.flat());
      const levels = this.#levels(batch.pixels);
      for (const [i, { name }] of this.pyramid.levels.entries()) observe(`pyramid.${name}`, levels[i]);
      found = this.find({ levels, batch, observe });
    });
    return found;
  }

  /**
   * The losses of a training step on pictures and what is to be found in them, by torchvision's names, to be added up; `seed`
   * makes what is drawn repeatable. The caller disposes them. Throws E_ARGUMENT, E_SHAPE for pictures or targets that are none.
   */
  losses(
    pictures: readonly tf.Tensor3D[],
    targets: readonly DetectionTarget[],
    mode: Mode = { training: true },
  ): DetectionLosses {
    return tf.tidy(() => {
      const batch = batchPictures(pictures, this.config.settings);
      const truths = batchTargets(targets, batch, this.config.numLabels);
      const random = createRandom(mode.seed ?? anySeed(), 'samples');
      const levels = this.#levels(batch.pixels, mode);
      return this.lossesOf({ levels, batch, observe: () => {} }, truths, random);
    });
  }

  /** Takes the first stages of the backbone out of training: see `Backbone.freeze`. */
  freeze(stages: number): void {
    this.backbone.freeze(stages);
  }

  /** The anchors of each level, which are the same for all pictures of a batch. */
  protected anchorsOver({ levels, batch }: DetectorInput): readonly Boxes[] {
    const [, height, width] = batch.pixels.shape;
    return this.#anchors.over(
      levels.map(({ shape: [, rows, columns] }): Size => [rows, columns]),
      [height, width],
    );
  }

  /** What is in each picture of the batch, in the pixels that it came with. */
  protected abstract find(input: DetectorInput): readonly Detections[];

  protected abstract lossesOf(input: DetectorInput, targets: readonly BatchTarget[], random: Random): DetectionLosses;

  protected override async defaultPreprocessor() {
    return undefined;
  }

  #levels(pixels: tf.Tensor4D, mode?: Mode): tf.Tensor4D[] {
    const maps = this.backbone.forward(pixels, mode);
    return this.pyramid.forward(this.backbone.featureSpecs.map(({ name }) => maps[name]));
  }
}

/** Detections in the pixels of pictures as they came, without masks. */
export function inOriginals(found: readonly Detections[], { sizes, originals }: PictureBatch): readonly Detections[] {
  return found.map((own, i) => ({ ...own, boxes: resizeBoxes(own.boxes, sizes[i], originals[i]) }));
}
