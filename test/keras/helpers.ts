import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { ConvNextV2Config, TFConvNextV2ForImageClassification } from '../../backbones/convnext/index.js';

/** Three classes; three stages, so that the last has a cell for 16 x 16 pixels. */
export const small = new ConvNextV2Config({
  depths: [1, 2, 1],
  hiddenSizes: [4, 6, 8],
  initializerRange: 0.3,
  id2label: { 0: 'Cat', 1: 'big_Dog', 2: 'fish' },
});

export const pictures = (n = 1, height = 21, width = 34): tf.Tensor4D =>
  tf.randomNormal<tf.Rank.R4>([n, height, width, 3], 0, 1, 'float32', 5);

export const toNCHW = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 3, 1, 2]);

export const values = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];

/** What the layers model gives for these pictures, as numbers. */
export function predict(model: LayersModel, x: tf.Tensor): number[][] {
  return tf.tidy(() => [model.predict(x)].flat().map(values));
}

/** A small classifier and its layers model, for pictures of any size, while the work runs. */
export async function withClassifier(
  work: (keras: TFConvNextV2ForImageClassification, layers: LayersModel) => unknown,
  config: ConvNextV2Config = small,
): Promise<void> {
  const keras = await TFConvNextV2ForImageClassification.fromConfig(config, { seed: 1 });
  try {
    await work(keras, await keras.asLayersModel());
  } finally {
    keras.dispose();
  }
}

/** The mean cross-entropy of logits and one-hot labels, as tfjs has it. */
export const crossEntropy = (labels: tf.Tensor, logits: tf.Tensor): tf.Tensor =>
  tf.losses.softmaxCrossEntropy(labels, logits);

export const bitsOf = (tensor: tf.Tensor): string =>
  Buffer.from((tensor.dataSync() as Float32Array).slice().buffer).toString('hex');
