import * as tf from '@tensorflow/tfjs-core';
import type { Detections, Detector } from '../contracts.js';
import { ConvNextV2Error, didYouMean, requireThat, show } from '../errors.js';
import { convertRgb } from '../image/convert-rgb.js';
import { decodeImage } from '../image/decode.js';
import type { ImageSource } from '../image/image-source.js';
import type { ImageLimits } from '../image/limits.js';
import { Mask } from '../image/mask.js';
import type { RawImage } from '../image/raw-image.js';
import { AutoModelForInstanceSegmentation, AutoModelForObjectDetection, type AutoOptions } from '../weights/auto.js';
import { readCallOptions } from './call-options.js';
import { makePipeline, type Pipeline } from './make-pipeline.js';
import { refuseAborted } from './stream.js';

/** Something that was found in a picture. */
export interface DetectedObject {
  /** How sure the model is, from 0 to 1. */
  readonly score: number;
  readonly label: string;
  /** The index of the class. */
  readonly id: number;
  /** In pixels of the picture. */
  readonly box: { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number };
  /** Which pixels of the picture belong to it, where the model finds that. */
  readonly mask?: Mask;
}

/** How a call of the detection pipelines goes. */
export interface DetectOptions {
  /** Only what scores as much or more. Default 0.5. */
  readonly threshold?: number;
  /** Only objects of these classes. Default: of all. */
  readonly classes?: readonly string[];
  /** How many pictures are computed at once. Default 1: of several, the smaller ones are padded to the largest. */
  readonly batchSize?: number;
  /** Stops the work between batches: E_ABORTED. */
  readonly signal?: AbortSignal;
  /** How much a picture from a stranger may ask for. */
  readonly limits?: ImageLimits;
}

/** One picture to what is in it, the surest first, several to a list of these. */
export type ObjectDetectionPipeline = Pipeline<readonly DetectedObject[], DetectOptions, Detector['config']>;

type DetectionPipelineOptions = Omit<AutoOptions, 'outFeatures' | 'outIndices' | 'outputHiddenStates'>;

/** `pipeline('object-detection', source, options)`. */
export async function openDetectionPipeline(
  source: string | URL,
  options: DetectionPipelineOptions = {},
): Promise<ObjectDetectionPipeline> {
  return detectionPipeline(
    await AutoModelForObjectDetection.fromPretrained(source, { ...options, strict: options.strict ?? 'model' }),
  );
}

/** `pipeline('instance-segmentation', source, options)`. */
export async function openInstancePipeline(
  source: string | URL,
  options: DetectionPipelineOptions = {},
): Promise<ObjectDetectionPipeline> {
  return detectionPipeline(
    await AutoModelForInstanceSegmentation.fromPretrained(source, { ...options, strict: options.strict ?? 'model' }),
  );
}

function detectionPipeline(model: Detector): ObjectDetectionPipeline {
  return makePipeline<readonly DetectedObject[], DetectOptions, Detector['config']>({
    async *run(pictures, given) {
      const options = readCallOptions<DetectOptions>(given, ['threshold', 'classes', 'batchSize', 'signal', 'limits']);
      const { batchSize, isWanted } = readOptions(options, model.config);
      for (let done = 0; done < pictures.length; done += batchSize) {
        refuseAborted(options.signal);
        const batch = pictures.slice(done, done + batchSize);
        const found = await detectBatch(model, batch, options.limits);
        for (const [i, path] of batch.entries()) {
          yield { path, result: objectsOf(found[i], model.config).filter(isWanted) };
        }
      }
    },
    config: model.config,
    dispose: async () => model.dispose(),
  });
}

async function detectBatch(
  model: Detector,
  sources: readonly ImageSource[],
  limits: ImageLimits | undefined,
): Promise<readonly Detections[]> {
  return detectIn(model, await Promise.all(sources.map((source) => decodeImage(source, limits))));
}

/** What a detector finds in decoded pictures, which are taken as RGB. Throws what `Detector.detect` throws. */
export function detectIn(model: Detector, images: readonly RawImage[]): readonly Detections[] {
  const pictures = images.map(convertRgb).map(({ data, height, width }) => {
    const values = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) values[i] = data[i] / 255; // many times as fast as Float32Array.from
    return tf.tensor3d(values, [height, width, 3]);
  });
  try {
    return model.detect(pictures);
  } finally {
    tf.dispose(pictures);
  }
}

function objectsOf({ boxes, scores, labels, masks }: Detections, { id2label }: Detector['config']): DetectedObject[] {
  return Array.from(labels, (id, i) => {
    const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
    const mask = masks?.[i];
    return {
      score: scores[i],
      label: id2label[id] ?? `LABEL_${id}`,
      id,
      box: { xmin, ymin, xmax, ymax },
      ...(mask && { mask: new Mask(mask.bits, mask.height, mask.width) }),
    };
  });
}

function readOptions({ threshold = 0.5, classes, batchSize = 1 }: DetectOptions, config: Detector['config']) {
  const isWanted = wanted('threshold', threshold, classes, config);
  const isCount = Number.isSafeInteger(batchSize) && batchSize >= 1;
  requireThat('batchSize', isCount, 'a whole number of at least 1', batchSize);
  return { batchSize, isWanted };
}

/**
 * Tells which objects a call wants: those of at least a score, which is an option of that name, and of these classes.
 * Throws E_ARGUMENT for what is no score, and for a class that the model does not have.
 */
export function wanted(
  option: string,
  least: number,
  classes: readonly string[] | undefined,
  { id2label }: Detector['config'],
): (found: Pick<DetectedObject, 'score' | 'label'>) => boolean {
  requireThat(option, typeof least === 'number' && least >= 0 && least <= 1, 'a score from 0 to 1', least);
  const known = Object.values(id2label);
  requireThat('classes', classes == null || Array.isArray(classes), 'a list of names of classes', classes);
  const unknown = classes?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'classes',
      wanted: 'names of classes of the model',
      got: show(unknown),
      suggestion: didYouMean(String(unknown), known),
    });
  }
  return ({ score, label }) => score >= least && (classes?.includes(label) ?? true);
}
