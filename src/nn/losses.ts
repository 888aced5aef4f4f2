import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';
import { checkTensor } from './check-tensor.js';

/** What a classifier is trained for; named as in the reference's `problem_type`. */
export type ProblemType = 'regression' | 'single_label_classification' | 'multi_label_classification';

/** The reference's rule: one output is a regression, whole-number labels are classes, others a choice of several. */
export function inferProblemType(numLabels: number, labels: tf.Tensor): ProblemType {
  if (numLabels === 1) return 'regression';
  return labels.dtype === 'int32' ? 'single_label_classification' : 'multi_label_classification';
}

/** Labels of this value count for nothing (torch.nn.CrossEntropyLoss's default). */
const IGNORE_INDEX = -100;

export interface SegmentationLossOptions {
  /** Labels of this value count for nothing. */
  readonly ignoreIndex: number;
  /** How much a pixel of each class counts. Default: all the same. */
  readonly classWeights?: readonly number[];
  /** Whether label 0 stands for no class, so that it is ignored and every other label is one above its class. Default false. */
  readonly reduceLabels?: boolean;
}

/**
 * The loss [] of logits [n, k], as the reference's classifiers compute it: regression, mean squared error of labels [n, k]
 * (or [n] where k is 1); single label, mean cross-entropy of classes int32 [n], -100 ignored; multi label, mean binary
 * cross-entropy of labels [n, k]. Throws E_SHAPE, E_DISPOSED, and E_ARGUMENT for labels that are no tensor of numbers, for a
 * class out of range, and for a batch without any.
 */
export function classificationLoss(logits: tf.Tensor2D, labels: tf.Tensor, problemType: ProblemType): tf.Scalar {
  checkTensor('labels', labels, 'a tensor', ['float32', 'int32', 'bool']);
  const [n, k] = logits.shape;
  const wanted = problemType === 'single_label_classification' ? [n] : [n, k];
  const flat = labels.size === n && wanted.length !== labels.rank && (k === 1 || wanted.length === 1);
  if (!flat && (labels.rank !== wanted.length || labels.shape.some((length, axis) => length !== wanted[axis]))) {
    throw new ConvNextV2Error('E_SHAPE', {
      path: 'labels',
      wanted: `[${wanted.join(', ')}] for ${problemType}`,
      got: `[${labels.shape.join(', ')}]`,
    });
  }
  return tf.tidy(() => {
    const targets = tf.reshape(labels, wanted);
    if (problemType === 'single_label_classification') return crossEntropy(logits, [...targets.dataSync()]);
    const y = tf.cast(targets, 'float32');
    if (problemType === 'regression') return tf.mean(tf.square(tf.sub(logits, y)));
    // -log(sigmoid(x)) * y - log(1 - sigmoid(x)) * (1 - y), without overflow
    const present = tf.mul(y, tf.softplus(tf.neg(logits)));
    return tf.mean(tf.add(present, tf.mul(tf.sub(1, y), tf.softplus(logits))));
  });
}

/**
 * The mean cross-entropy [] of logits [n, h, w, k] and labels [n, h, w], int32: over the pixels that are not ignored, each
 * weighed as its class is. Throws E_SHAPE, E_DISPOSED, and E_ARGUMENT for labels that are no tensor of numbers, for one that is no
 * class, with its place, for as many weights as there are no classes, and where all pixels are ignored.
 */
export function segmentationLoss(
  logits: tf.Tensor4D,
  labels: tf.Tensor,
  { ignoreIndex, classWeights, reduceLabels = false }: SegmentationLossOptions,
): tf.Scalar {
  checkTensor('labels', labels, 'a tensor', ['float32', 'int32']);
  const [n, h, w, k] = logits.shape;
  if (labels.shape.join() !== [n, h, w].join()) {
    const got = `[${labels.shape.join(', ')}]`;
    throw new ConvNextV2Error('E_SHAPE', { path: 'labels', wanted: `[${n}, ${h}, ${w}]`, got });
  }
  if (classWeights && (classWeights.length !== k || !classWeights.every((weight) => weight >= 0))) {
    const wanted = `${k} numbers of at least 0`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'classWeights', wanted, got: show(classWeights) });
  }
  const given = [...labels.dataSync()];
  const classes = reduceLabels ? given.map((label) => (label === 0 ? ignoreIndex : label - 1)) : given;
  const place = (i: number) => `picture ${Math.floor(i / (h * w))}, row ${Math.floor(i / w) % h}, column ${i % w}`;
  return tf.tidy(() => {
    return crossEntropy(tf.reshape(logits, [n * h * w, k]), classes, { ignoreIndex, classWeights, place });
  });
}

interface CrossEntropyOptions extends Partial<SegmentationLossOptions> {
  /** Where label i is, in words. */
  readonly place?: (i: number) => string;
}

function crossEntropy(
  logits: tf.Tensor2D,
  classes: readonly number[],
  { ignoreIndex = IGNORE_INDEX, classWeights, place = String }: CrossEntropyOptions = {},
): tf.Scalar {
  const k = logits.shape[1];
  const problem = (wanted: string, got: string) => new ConvNextV2Error('E_ARGUMENT', { path: 'labels', wanted, got });
  const wrong = classes.findIndex(
    (label) => label !== ignoreIndex && !(Number.isInteger(label) && label >= 0 && label < k),
  );
  if (wrong >= 0)
    throw problem(`classes from 0 to ${k - 1}, or ${ignoreIndex}`, `${classes[wrong]} at ${place(wrong)}`);
  const weights = Float32Array.from(classes, (label) => (label === ignoreIndex ? 0 : (classWeights?.[label] ?? 1)));
  const counted = weights.reduce((sum, weight) => sum + weight, 0);
  if (counted === 0) throw problem(`a label that is not ${ignoreIndex}`, 'none, so no mean to take');
  const chosen = tf.mul(tf.oneHot(tf.tensor1d(Int32Array.from(classes)), k), tf.logSoftmax(logits));
  return tf.div(tf.neg(tf.sum(tf.mul(chosen, tf.tensor2d(weights, [weights.length, 1])))), counted);
}
