import { readFileSync } from 'node:fs';
import type * as tf from '@tensorflow/tfjs-core';
import { packageFile } from '../config/package-files.js';
import type { Detections, Detector, FeatureMaps, HeadModels, HeadPlugin, Scope } from '../contracts.js';
import { ConvNextV2Error, requireThat } from '../errors.js';
import { readLimits } from '../image/limits.js';
import { resizeAndCrop, valueTables } from '../image/preprocess.js';
import { asTensor, checkAlike } from '../image/to-pixels.js';
import {
  AutoModelForObjectDetection,
  ConvNextImageProcessor,
  ConvNextV2Backbone,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  defaultRegistry,
  type PretrainedOptions,
} from '../index.js';
import { type ClassScore, checkTopK, surest } from '../tasks/classification.js';
import { detectIn, wanted } from '../tasks/detection.js';
import { nonFinite } from '../tasks/stream.js';
import { type NetPicture, type OnePicture, type PictureInput, rawImages, toNetInput } from './input.js';
import { ModelNetwork, type NetworkModel } from './network.js';
import { toObjectDetections } from './objects.js';
import type { NetInput, ObjectDetection } from './surface.js';

type SourceOptions = Omit<PretrainedOptions, 'layout' | 'config'>;

/** How a network is made. Besides these, the options of `fromPretrained`, for what it loads. */
export interface ConvNextV2NetOptions extends SourceOptions {
  /** For weights that come without one. Default: that of what is loaded, and the tiny size where nothing is. */
  readonly config?: ConvNextV2Config;
  /** What makes pictures to the model's input. Default: the source's own, and ImageNet's at the config's size. */
  readonly processor?: ConvNextImageProcessor;
}

/** What the networks for whole pictures do: bring these to the model's input, exactly as the model's processor does. */
abstract class ProcessingNet<Model extends NetworkModel> extends ModelNetwork<Model> {
  readonly #options: SourceOptions;
  readonly #given: ConvNextImageProcessor | undefined;
  readonly #givenConfig: ConvNextV2Config | undefined;
  #processor: ConvNextImageProcessor | undefined;

  constructor(name: string, modelName: string, { config, processor, ...options }: ConvNextV2NetOptions) {
    super(name, modelName);
    requireThat('config', config === undefined || config instanceof ConvNextV2Config, 'a ConvNextV2Config', config);
    this.#givenConfig = config;
    this.#given = processor;
    this.#options = options;
  }

  /** What makes pictures to the model's input. */
  get processor(): ConvNextImageProcessor {
    return this.#given ?? this.#processor ?? imageNetProcessor(this.config);
  }

  protected get config(): ConvNextV2Config {
    const { outFeatures, outIndices } = this.#options;
    const config = this.#givenConfig ?? new ConvNextV2Config();
    return outFeatures || outIndices ? config.with({ outFeatures, outIndices }) : config;
  }

  protected abstract openModel(source: string | URL, options: PretrainedOptions): Promise<Model>;

  protected async open(source: string | URL): Promise<Model> {
    const config = this.#givenConfig;
    const options = config ? { ...this.#options, config } : this.#options;
    const processor = this.#given ?? (await ConvNextImageProcessor.fromPretrained(source, options));
    const model = await this.openModel(source, options);
    this.#processor = processor;
    return model;
  }

  /** Runs the model on pictures; what it gives is the caller's. */
  protected run<T>(
    input: NetInput,
    inputSize: number | undefined,
    forward: (model: Model, pixels: tf.Tensor4D) => T,
  ): T {
    const { model, processor: own } = this;
    const settings = inputSize === undefined ? own : new ConvNextImageProcessor({ ...own, size: inputSize });
    const limits = readLimits({});
    const name = (i: number) => `input[${i}]`;
    const pictures = rawImages(input).map((image, i) => resizeAndCrop(image, settings, limits, name(i)));
    for (const [i, picture] of pictures.entries()) checkAlike(picture, pictures[0], name(i), name(0));
    const pixels = asTensor(pictures, valueTables(pictures[0], settings, name(0)), 'NHWC');
    try {
      return forward(model, pixels);
    } finally {
      pixels.dispose();
    }
  }
}

/** ConvNeXt V2 as a feature extractor for programs of tfjs-image-recognition-base: `ConvNextV2Backbone` as a `NeuralNetwork`. */
export class ConvNextV2Net extends ProcessingNet<ConvNextV2Backbone> {
  constructor(options: ConvNextV2NetOptions = {}) {
    super('ConvNextV2Net', 'convnextv2', options);
  }

  /**
   * The feature maps of pictures by stage, [n, h, w, channels] each; the caller disposes them. `inputSize` is what the processor
   * brings the pictures to, in place of its own size. Throws what `toNetInput` throws; E_DISPOSED while nothing is loaded, E_SHAPE.
   */
  async forward(input: PictureInput, inputSize?: number): Promise<FeatureMaps> {
    return this.forwardInput(await toNetInput(input), inputSize);
  }

  /** The same for a `NetInput`, at once. */
  forwardInput(input: NetInput, inputSize?: number): FeatureMaps {
    return this.run(input, inputSize, (model, pixels) => model.forward(pixels));
  }

  protected create(scope: Scope): ConvNextV2Backbone {
    return new ConvNextV2Backbone(scope, this.config);
  }

  protected openModel(source: string | URL, options: PretrainedOptions): Promise<ConvNextV2Backbone> {
    return ConvNextV2Backbone.fromPretrained(source, options);
  }
}

/** ConvNeXt V2 as a classifier: `ConvNextV2ForImageClassification` as a `NeuralNetwork`. */
export class ConvNextV2ClassifierNet extends ProcessingNet<ConvNextV2ForImageClassification> {
  constructor(options: Omit<ConvNextV2NetOptions, 'outFeatures' | 'outIndices'> = {}) {
    super('ConvNextV2ClassifierNet', 'convnextv2_classifier', options);
  }

  /** The logits of pictures [n, classes]; the caller disposes them. Otherwise as `ConvNextV2Net.forward`. */
  async forward(input: PictureInput, inputSize?: number): Promise<tf.Tensor2D> {
    return this.forwardInput(await toNetInput(input), inputSize);
  }

  /** The same for a `NetInput`, at once. */
  forwardInput(input: NetInput, inputSize?: number): tf.Tensor2D {
    return this.run(input, inputSize, (model, pixels) => model.forward(pixels).logits);
  }

  /**
   * The surest classes of one picture, and a list of them for a batch. Throws as `forward`; E_CONFIG for a model without classes,
   * E_NON_FINITE for logits that are none.
   */
  async classify(input: OnePicture, topK?: number): Promise<readonly ClassScore[]>;
  async classify(input: readonly NetPicture[], topK?: number): Promise<readonly (readonly ClassScore[])[]>;
  async classify(
    input: PictureInput,
    topK?: number,
  ): Promise<readonly ClassScore[] | readonly (readonly ClassScore[])[]>;
  async classify(input: PictureInput, topK = 5): Promise<readonly ClassScore[] | readonly (readonly ClassScore[])[]> {
    const { config } = this.model;
    checkTopK(topK);
    if (config.numLabels < 1) {
      throw new ConvNextV2Error('E_CONFIG', { path: 'num_labels', wanted: 'at least one class', got: '0' });
    }
    const netInput = await toNetInput(input);
    const logits = this.forwardInput(netInput);
    const values = (await logits.data()) as Float32Array;
    const [count, classes] = logits.shape;
    logits.dispose();
    const error = nonFinite([['logits', { data: values, shape: [count, classes] }]]);
    if (error) throw error;
    const rows = Array.from({ length: count }, (_, i) => values.subarray(i * classes, (i + 1) * classes));
    return oneOrAll(
      rows.map((row) => surest(row, config, topK)),
      netInput,
    );
  }

  protected create(scope: Scope): ConvNextV2ForImageClassification {
    return new ConvNextV2ForImageClassification(scope, this.config);
  }

  protected openModel(source: string | URL, options: PretrainedOptions): Promise<ConvNextV2ForImageClassification> {
    return ConvNextV2ForImageClassification.fromPretrained(source, { ...options, strict: options.strict ?? 'model' });
  }
}

/** How a `DetectorNet` is made. Besides these, the options of `fromPretrained`, for what it loads. */
export interface DetectorNetOptions extends Omit<SourceOptions, 'outFeatures' | 'outIndices' | 'outputHiddenStates'> {
  /** A detector's config, as `FCOSConfig`, for weights that come without one. Default: that of what is loaded. */
  readonly config?: { readonly modelType: string; toJSON(): Readonly<Record<string, unknown>> };
}

/** What of the objects that were found is given. */
export interface DetectorNetCall {
  /** Only what scores as much or more. Default 0.5. */
  readonly scoreThreshold?: number;
  /** Only objects of these classes. Default: of all. */
  readonly classes?: readonly string[];
}

/** Any detector of this package, on any backbone, as a `NeuralNetwork`. */
export class DetectorNet extends ModelNetwork<Detector> {
  readonly #options: DetectorNetOptions;

  constructor(options: DetectorNetOptions = {}) {
    super('DetectorNet', 'convnextv2_detector');
    const { config } = options;
    const isConfig = config === undefined || typeof config?.toJSON === 'function';
    requireThat('config', isConfig, "a detector's config, as new FCOSConfig(...)", config);
    this.#options = options;
  }

  /** What is in each picture, as `Detector.detect` gives it. Throws what `toNetInput` and that throw; E_DISPOSED while nothing is loaded. */
  async forward(input: PictureInput): Promise<readonly Detections[]> {
    return this.forwardInput(await toNetInput(input));
  }

  /** The same for a `NetInput`, at once. */
  forwardInput(input: NetInput): readonly Detections[] {
    return detectIn(this.model, rawImages(input));
  }

  /**
   * The objects in one picture, the surest first, and a list of them for a batch; boxes are in pixels of the picture. Throws as
   * `forward`, and E_ARGUMENT for an option that cannot be.
   */
  async detect(input: OnePicture, options?: DetectorNetCall): Promise<ObjectDetection[]>;
  async detect(input: readonly NetPicture[], options?: DetectorNetCall): Promise<ObjectDetection[][]>;
  async detect(input: PictureInput, options?: DetectorNetCall): Promise<ObjectDetection[] | ObjectDetection[][]>;
  async detect(
    input: PictureInput,
    { scoreThreshold = 0.5, classes }: DetectorNetCall = {},
  ): Promise<ObjectDetection[] | ObjectDetection[][]> {
    const { config } = this.model;
    const isWanted = wanted('scoreThreshold', scoreThreshold, classes, config);
    const netInput = await toNetInput(input);
    const found = this.forwardInput(netInput).map((own, i) => {
      const size = { width: netInput.getInputWidth(i), height: netInput.getInputHeight(i) };
      const objects = toObjectDetections(own, size, config.id2label);
      return objects.filter(({ score, className }) => isWanted({ score, label: className }));
    });
    return oneOrAll(found, netInput);
  }

  protected create(scope: Scope): Detector {
    const { config, registry = defaultRegistry() } = this.#options;
    if (!config) {
      const wanted = "a detector's config, for weights without one";
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'config',
        wanted,
        got: 'none',
        suggestion: 'new DetectorNet({ config })',
      });
    }
    const plugin = registry.heads.get(config.modelType);
    if (plugin.task === 'semantic-segmentation') {
      throw new ConvNextV2Error('E_PLUGIN', { path: plugin.type, wanted: 'a detector', got: `one for ${plugin.task}` });
    }
    return (plugin as HeadPlugin<unknown, 'object-detection'>).create(
      scope,
      config,
      registry,
    ) as HeadModels['object-detection'];
  }

  protected open(source: string | URL): Promise<Detector> {
    const { strict = 'model', ...options } = this.#options;
    return AutoModelForObjectDetection.fromPretrained(source, { ...options, strict });
  }
}

/** As face-api.js and its like do: of a single picture its own answer, of a batch a list. */
const oneOrAll = <T>(answers: readonly T[], { isBatchInput }: NetInput): T | T[] =>
  isBatchInput ? [...answers] : answers[0];

/** ImageNet's preprocessing at the size of a config, as the published checkpoints have it. */
function imageNetProcessor({ imageSize }: ConvNextV2Config): ConvNextImageProcessor {
  const file = packageFile('configs', 'preprocessors', 'imagenet-224.json');
  const side = typeof imageSize === 'number' ? imageSize : Math.max(...imageSize);
  const json = { ...JSON.parse(readFileSync(file, 'utf8')), size: { shortest_edge: side } };
  return ConvNextImageProcessor.fromJSON(json, file);
}
