import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error } from '../errors.js';
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
    if (problemType === 'single_label_classification') return crossEntropy(logits, targets as tf.Tensor1D);
    const y = tf.cast(targets, 'float32');
    if (problemType === 'regression') return tf.mean(tf.square(tf.sub(logits, y)));
    // -log(sigmoid(x)) * y - log(1 - sigmoid(x)) * (1 - y), without overflow
    const present = tf.mul(y, tf.softplus(tf.neg(logits)));
    return tf.mean(tf.add(present, tf.mul(tf.sub(1, y), tf.softplus(logits))));
  });
}

function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const k = logits.shape[1];
  const classes = [...labels.dataSync()];
  const problem = (wanted: string, got: string) => new ConvNextV2Error('E_ARGUMENT', { path: 'labels', wanted, got });
  const wrong = classes.findIndex(
    (label) => label !== IGNORE_INDEX && !(Number.isInteger(label) && label >= 0 && label < k),
  );
  if (wrong >= 0) throw problem(`classes from 0 to ${k - 1}, or ${IGNORE_INDEX}`, `${classes[wrong]} at ${wrong}`);
  const counted = classes.filter((label) => label !== IGNORE_INDEX).length;
  if (counted === 0) throw problem(`a label that is not ${IGNORE_INDEX}`, 'none, so no mean to take');
  // an ignored label's row is all zeros
  const chosen = tf.mul(tf.oneHot(tf.cast(labels, 'int32'), k), tf.logSoftmax(logits));
  return tf.div(tf.neg(tf.sum(chosen)), counted);
}
