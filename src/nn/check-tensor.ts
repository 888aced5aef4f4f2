import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';

/**
 * Throws E_ARGUMENT for what is no tensor of one of these dtypes, E_DISPOSED for one that is gone. `wanted` says what it should
 * be, in words.
 */
export function checkTensor(path: string, tensor: tf.Tensor, wanted: string, dtypes: readonly tf.DataType[]): void {
  if (!(tensor instanceof tf.Tensor)) {
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: show(tensor) });
  }
  if (tensor.isDisposed) {
    throw new ConvNextV2Error('E_DISPOSED', { path, wanted: 'a tensor in use', got: 'one that was disposed' });
  }
  if (!dtypes.includes(tensor.dtype)) {
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'a tensor of numbers', got: `dtype ${tensor.dtype}` });
  }
}
