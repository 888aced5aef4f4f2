import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';

it('importing backend/gradients gives tfjs-core the gradients of its operations', () => {
  for (const name of ['DepthwiseConv2dNative', 'Conv2D', 'BatchMatMul', 'Mean', 'Transpose']) {
    expect(tf.getGradient(name), name).to.have.property('gradFunc');
  }
});
