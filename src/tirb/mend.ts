import * as tf from '@tensorflow/tfjs-core';
import { tirb } from './load.js';

/** Where a method of tfjs-image-recognition-base does not do what it says, this one does. */
export function mend(): void {
  const { Box, NeuralNetwork } = tirb;

  // its own leaves every parameter flat, so that the network no longer runs
  NeuralNetwork.prototype.freeze = function () {
    for (const { path, tensor } of this.getTrainableParams()) this.reassignParamFromPath(path, detached(tensor));
  };

  // its own takes seconds for a million floats
  NeuralNetwork.prototype.serializeParams = function () {
    const tensors = this.getParamList().map(({ tensor }) => tensor);
    const all = new Float32Array(tensors.reduce((sum, { size }) => sum + size, 0));
    let at = 0;
    for (const tensor of tensors) {
      all.set(tensor.dataSync(), at);
      at += tensor.size;
    }
    return all;
  };

  // its own gives a box beside the picture a negative side, or leaves it outside
  Box.prototype.clipAtImageBorders = function (imageWidth, imageHeight) {
    const within = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    const [left, right] = [this.left, this.right].map((x) => within(x, imageWidth));
    const [top, bottom] = [this.top, this.bottom].map((y) => within(y, imageHeight));
    return new Box({ x: left, y: top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) }).floor();
  };
}

/** The values again, as a tensor that is no variable. */
function detached(tensor: tf.Tensor): tf.Tensor {
  return tf.keep(tf.tensor(tensor.dataSync(), tensor.shape, tensor.dtype as tf.NumericDataType));
}
