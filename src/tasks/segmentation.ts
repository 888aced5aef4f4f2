import * as tf from '@tensorflow/tfjs-core';
import type { Segmenter } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { cutOut, mirrored } from '../image/cut.js';
import { decodeImage } from '../image/decode.js';
import type { ImageSource } from '../image/image-source.js';
import { checkPixels, readLimits } from '../image/limits.js';
import { Mask } from '../image/mask.js';
import { resizePil } from '../image/pil-resize.js';
import { valueTables } from '../image/preprocess.js';
import type { RawImage } from '../image/raw-image.js';
import { SegformerImageProcessor } from '../image/segformer-processor.js';
import { asTensor } from '../image/to-pixels.js';
import { AutoModelForSemanticSegmentation, type AutoOptions } from '../weights/auto.js';
import { type Classes, classesOf } from './class-map.js';
import { type CoarseLogits, gridRows, resizeRows } from './logit-rows.js';
import { makePipeline, type Pipeline } from './make-pipeline.js';
import { gridSize, readSegmentOptions, type SegmentOptions } from './segment-options.js';
import { refuseAborted } from './stream.js';
import { placeWindows, type Size, type Window } from './windows.js';

/** A class that a picture shows. */
export interface Segment {
  readonly label: string;
  /** The index of the class. */
  readonly id: number;
  /** Its pixels. */
  readonly area: number;
  /** Where they are; made when it is asked for. */
  readonly mask: Mask;
}

/** The class of each pixel of a picture, at its own size. */
export interface Segmentation {
  /** The index of each pixel's class, row after row; 16 bits where there are more than 256 classes. */
  readonly classes: Classes;
  readonly width: number;
  readonly height: number;
  /** The classes that there are, the largest first. */
  readonly segments: readonly Segment[];
}

/** One picture to its classes, several to a list of these. */
export type SemanticSegmentationPipeline = Pipeline<Segmentation, SegmentOptions, Segmenter['config']>;

/** `pipeline('semantic-segmentation', source, options)`. */
export async function openSegmentationPipeline(
  source: string | URL,
  options: Omit<AutoOptions, 'outFeatures' | 'outIndices' | 'outputHiddenStates'> = {},
): Promise<SemanticSegmentationPipeline> {
  const model = await AutoModelForSemanticSegmentation.fromPretrained(source, {
    ...options,
    strict: options.strict ?? 'model',
  });
  const processor = await SegformerImageProcessor.fromPretrained(source, options).catch((error) => {
    model.dispose();
    throw error;
  });
  return makePipeline<Segmentation, SegmentOptions, Segmenter['config']>({
    async *run(pictures, options) {
      for (const path of pictures) yield { path, result: await segmentImage(model, processor, path, options) };
    },
    config: model.config,
    dispose: async () => model.dispose(),
  });
}

/**
 * The class of each pixel of a picture, by a model that is open. The logits are brought to the size of the network's input and
 * from there to the picture's, bilinear, as the reference does it, but row by row: they never lie there at full size.
 * Throws what `decodeImage` throws, E_ARGUMENT for an option that cannot be, E_SHAPE, E_LIMIT, E_NON_FINITE, E_ABORTED.
 */
export async function segmentImage(
  model: Segmenter,
  processor: SegformerImageProcessor,
  picture: ImageSource,
  options: SegmentOptions = {},
): Promise<Segmentation> {
  const checked = readSegmentOptions(options, model.smallest);
  const limits = readLimits(checked.limits ?? {});
  const image = await decodeImage(picture, limits);
  const { numLabels } = model.config;
  const tables = valueTables(image, processor, 'image');
  const own: Size = [image.height, image.width];
  const plans = checked.scales.flatMap((scale) => {
    const size = gridSize(image, processor, checked, scale, model.smallest);
    checkPixels('image, resized', ...size, limits);
    const windows = checked.mode === 'whole' ? [[allOf(size)]] : placeWindows(size, checked.crop, checked.stride);
    return (checked.flip === 'none' ? [false] : [false, true]).map((isMirrored) => ({ size, windows, isMirrored }));
  });
  const total = plans.reduce((sum, { windows }) => sum + windows.length * windows[0].length, 0);
  let done = 0;
  const views = plans.map(({ size, windows, isMirrored }) => {
    const resized = resizePil(image, ...size, processor.resample);
    const seen = isMirrored ? mirrored(resized) : resized;
    const compute = async (window: Window) => {
      refuseAborted(checked.signal);
      const logits = await coarseLogits(model, cutOut(seen, window), tables);
      checked.onProgress?.({ done: ++done, total });
      return logits;
    };
    const rows = resizeRows(gridRows(size, numLabels, windows, compute), size, own, numLabels);
    return { rows, isMirrored };
  });
  const classes = await classesOf(views, own, numLabels);
  return { classes, width: image.width, height: image.height, segments: segmentsOf(classes, image, model.config) };
}

const allOf = ([height, width]: Size): Window => ({ top: 0, left: 0, height, width });

async function coarseLogits(model: Segmenter, image: RawImage, tables: readonly Float32Array[]): Promise<CoarseLogits> {
  const logits = tf.tidy(() => model.coarseLogits(asTensor([image], tables, 'NHWC')));
  try {
    const [, height, width] = logits.shape;
    const data = Float32Array.from(await logits.data()); // a copy: a backend may hand out the memory that it computes in
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return { data, height, width };
    const got = `${data[at]} at ${at}`;
    throw new ConvNextV2Error('E_NON_FINITE', { path: 'logits', wanted: 'finite values', got });
  } finally {
    logits.dispose();
  }
}

function segmentsOf(
  classes: Classes,
  { height, width }: Pick<RawImage, 'height' | 'width'>,
  { id2label, numLabels }: Segmenter['config'],
): readonly Segment[] {
  const areas = new Float64Array(numLabels);
  for (const id of classes) areas[id] += 1;
  return Array.from(areas, (area, id) => ({
    label: id2label[id] ?? `LABEL_${id}`,
    id,
    area,
    get mask() {
      return Mask.fromValues(
        classes.map((other) => Number(other === id)),
        height,
        width,
      );
    },
  }))
    .filter(({ area }) => area > 0)
    .sort((a, b) => b.area - a.area);
}
