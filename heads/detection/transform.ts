import * as tf from '@tensorflow/tfjs-core';
import { type Boxes, resizeBoxes, type Size } from '../../src/boxes/boxes.js';
import type { BinaryMask, DetectionTarget } from '../../src/contracts.js';
import { ConvNextV2Error, show } from '../../src/errors.js';
import { Mask } from '../../src/image/mask.js';
import { checkTensor } from '../../src/nn/check-tensor.js';
import { nearestSource, resample } from '../../src/ops/resample.js';

export interface TransformOptions {
  /** What the shorter side becomes, in pixels, unless the longer would exceed `maxSize`. */
  readonly minSize: number;
  readonly maxSize: number;
  /** Batches are padded to a multiple of it. */
  readonly sizeDivisible: number;
  readonly imageMean: readonly number[];
  readonly imageStd: readonly number[];
}

/** Pictures of several sizes, as one batch. */
export interface PictureBatch {
  /** [n, height, width, channels], zeros below and to the right of each picture. */
  readonly pixels: tf.Tensor4D;
  /** The size of each picture in the batch, without the zeros. */
  readonly sizes: readonly Size[];
  /** The size of each picture as it came. */
  readonly originals: readonly Size[];
}

/**
 * Normalises pictures [height, width, channels] of values from 0 to 1, resizes each bilinearly and pads them to one size, as
 * torchvision's GeneralizedRCNNTransform. Throws E_ARGUMENT for what is no tensor, and none at all; E_SHAPE for another rank or
 * other channels; E_NON_FINITE is left to what is found in them.
 */
export function batchPictures(pictures: readonly tf.Tensor3D[], options: TransformOptions): PictureBatch {
  const { imageMean, imageStd, sizeDivisible } = options;
  if (pictures.length === 0) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'pictures', wanted: 'at least one picture', got: 'none' });
  }
  for (const [i, picture] of pictures.entries()) checkPicture(picture, `pictures[${i}]`, imageMean.length);
  const originals = pictures.map(({ shape: [height, width] }): Size => [height, width]);
  const sizes = originals.map((size) => resizedSize(size, options));
  const padded = [0, 1].map((axis) => {
    const largest = Math.max(...sizes.map((size) => size[axis]));
    return Math.ceil(largest / sizeDivisible) * sizeDivisible;
  });
  const pixels = tf.tidy(() => {
    const rows = pictures.map((picture, i) => {
      const normalised = tf.div(tf.sub(tf.cast(picture, 'float32'), [...imageMean]), [...imageStd]);
      const resized = resample(tf.expandDims(normalised, 0), sizes[i], 'bilinear');
      const [below, right] = [0, 1].map((axis) => padded[axis] - sizes[i][axis]);
      return tf.pad(resized, [
        [0, 0],
        [0, below],
        [0, right],
        [0, 0],
      ]);
    });
    return tf.concat(rows, 0);
  });
  return { pixels, sizes, originals };
}

function checkPicture(picture: tf.Tensor, path: string, channels: number): void {
  checkTensor(path, picture, 'a tensor [height, width, channels]', ['float32', 'int32']);
  if (picture.rank === 3 && picture.shape[2] === channels && picture.size > 0) return;
  const wanted = `[height, width, ${channels}], of at least one pixel`;
  throw new ConvNextV2Error('E_SHAPE', { path, wanted, got: `[${picture.shape.join(', ')}]` });
}

/** The size that a picture is resized to; a side never vanishes. */
function resizedSize(size: Size, { minSize, maxSize }: TransformOptions): Size {
  const scale = Math.min(minSize / Math.min(...size), maxSize / Math.max(...size));
  const [height, width] = size.map((side) => Math.max(1, Math.floor(side * scale)));
  return [height, width];
}

/** Targets in the pixels of a batch; masks become a tensor [objects, height, width, 1] of 0 and 1, by nearest pixels. */
export interface BatchTarget {
  readonly boxes: Boxes;
  readonly labels: Int32Array;
  /** Whether a mask is known of each object; zeros stand for the others in `masks`. */
  readonly hasMask: readonly boolean[];
  masks(): tf.Tensor4D;
}

/**
 * The targets of each picture as its batch has it. Throws E_ARGUMENT for what does not go together, boxes without area, and
 * labels that are none of `numLabels`.
 */
export function batchTargets(
  targets: readonly DetectionTarget[],
  { sizes, originals }: PictureBatch,
  numLabels: number,
): readonly BatchTarget[] {
  const refuse = (path: string, wanted: string, got: string): never => {
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got });
  };
  if (targets.length !== sizes.length)
    refuse('targets', `one of each of ${sizes.length} pictures`, `${targets.length}`);
  return targets.map((target, i) => {
    const { boxes, labels, masks }: DetectionTarget = Object(target);
    const path = `targets[${i}]`;
    if (!(boxes instanceof Float32Array && labels instanceof Int32Array)) {
      refuse(path, 'boxes as a Float32Array, labels as an Int32Array', `${show(boxes)}, ${show(labels)}`);
    }
    if (boxes.length !== 4 * labels.length) {
      refuse(`${path}.boxes`, `four numbers for each of ${labels.length} labels`, `${boxes.length}`);
    }
    for (const [at, label] of labels.entries()) {
      const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * at, 4 * at + 4);
      const hasArea = xmin < xmax && ymin < ymax && Number.isFinite(xmax - xmin + ymax - ymin);
      if (!hasArea) refuse(`${path}.boxes[${at}]`, 'a box with an area', `${[xmin, ymin, xmax, ymax]}`);
      if (!(label >= 0 && label < numLabels)) refuse(`${path}.labels[${at}]`, `below ${numLabels}`, `${label}`);
    }
    return {
      boxes: resizeBoxes(boxes, originals[i], sizes[i]),
      labels,
      hasMask: Array.from(labels, (_, at) => masks?.[at] !== null),
      masks() {
        const [height, width] = originals[i];
        if (masks?.length !== labels.length) refuse(`${path}.masks`, `${labels.length} masks`, `${masks?.length}`);
        const odd = masks!.find((mask) => mask && (mask.height !== height || mask.width !== width));
        if (odd) refuse(`${path}.masks`, `masks of ${height} x ${width}`, `one of ${odd.height} x ${odd.width}`);
        return resizeMasks(masks!, originals[i], sizes[i]);
      },
    };
  });
}

function resizeMasks(
  masks: readonly (BinaryMask | null)[],
  [fromHeight, fromWidth]: Size,
  [height, width]: Size,
): tf.Tensor4D {
  const values = new Float32Array(masks.length * height * width);
  const [rows, columns] = [
    Array.from({ length: height }, (_, y) => nearestSource(y, fromHeight, height)),
    Array.from({ length: width }, (_, x) => nearestSource(x, fromWidth, width)),
  ];
  for (const [i, own] of masks.entries()) {
    if (!own) continue;
    const mask = new Mask(own.bits, own.height, own.width);
    let at = i * height * width;
    for (const y of rows) for (const x of columns) values[at++] = Number(mask.has(x, y));
  }
  return tf.tensor4d(values, [masks.length, height, width, 1]);
}
