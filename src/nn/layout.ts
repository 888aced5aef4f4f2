import * as tf from '@tensorflow/tfjs-core';
import type { Layout } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { checkTensor } from './check-tensor.js';

export interface PixelsWanted {
  readonly layout: Layout;
  readonly channels: number;
  /** The smallest height and width that still give every map a cell. */
  readonly smallest: number;
}

/**
 * Checks a batch of pictures and gives it as [n, h, w, c] float32.
 * Throws E_ARGUMENT for what is no tensor of numbers, E_DISPOSED for one that is gone, E_SHAPE for another rank, number of
 * channels, or too small a size.
 */
export function checkPixels(pixels: tf.Tensor, { layout, channels, smallest }: PixelsWanted): tf.Tensor4D {
  const axes = layout === 'NHWC' ? '[n, height, width, channels]' : '[n, channels, height, width]';
  const shapeError = (wanted: string, got: string) => new ConvNextV2Error('E_SHAPE', { path: 'pixels', wanted, got });
  checkTensor('pixels', pixels, `a tensor ${axes}`, ['float32', 'int32']);
  const shape = `[${pixels.shape.join(', ')}]`;
  if (pixels.rank !== 4) throw shapeError(`a tensor ${axes}`, `rank ${pixels.rank}, ${shape}`);
  const [n, height, width, count] = toNHWC(pixels.shape, layout);
  if (count !== channels) {
    const other = toNHWC(pixels.shape, layout === 'NHWC' ? 'NCHW' : 'NHWC')[3];
    throw new ConvNextV2Error('E_SHAPE', {
      path: 'pixels',
      wanted: `${channels} channels, as the config's num_channels says`,
      got: `${count} channels in a tensor ${shape}`,
      suggestion: other === channels ? `the layout is ${layout}, ${axes}: was the other one meant?` : undefined,
    });
  }
  if (n === 0) throw shapeError('at least one picture', `a batch of none, ${shape}`);
  if (height < smallest || width < smallest) {
    throw shapeError(`at least ${smallest} x ${smallest} pixels`, `${height} x ${width}`);
  }
  return tf.tidy(() => {
    const nhwc = layout === 'NHWC' ? pixels : tf.transpose(pixels, [0, 2, 3, 1]);
    return tf.cast(nhwc, 'float32') as tf.Tensor4D;
  });
}

function toNHWC(shape: readonly number[], layout: Layout): readonly number[] {
  const [a, b, c, d] = shape;
  return layout === 'NHWC' ? [a, b, c, d] : [a, c, d, b];
}

/** A map [n, h, w, c] in the layout that the model was opened with. */
export function inLayout(map: tf.Tensor4D, layout: Layout): tf.Tensor4D {
  return layout === 'NHWC' ? map : tf.transpose(map, [0, 3, 1, 2]);
}
