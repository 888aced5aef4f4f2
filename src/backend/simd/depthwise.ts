import * as tf from '@tensorflow/tfjs-core';
import type { Attributes, Inputs, Pack, SimdBackend } from './kernel.js';

/** The gradients of ConvNeXt's depthwise convolution, 7 x 7 with 3 rows and columns of zeros: of its input and its filter. */
export function depthwiseGradient(
  backend: SimdBackend,
  { x, filter, dy }: Inputs,
  { padding }: Attributes,
): tf.TensorInfo[] | undefined {
  const [n, height, width, channels] = x.shape;
  if (padding !== 3 || !tf.util.arraysEqual(filter.shape, [7, 7, channels, 1])) return undefined;
  const [values, slopes] = [backend.floats(x), backend.floats(dy)];
  const pack: Pack = (packed) =>
    backend.native.packDepthwise(turned(backend.floats(filter), channels), channels, packed);
  const flipped = backend.packed(filter, 49 * channels, pack, 'turned');
  return backend.outputs([x.shape, filter.shape], (dx, dfilter) => {
    backend.native.depthwiseInput(slopes, flipped, n, height, width, channels, dx);
    backend.native.depthwiseFilter(values, slopes, n, height, width, channels, dfilter);
  });
}

/** The taps in reverse order. */
function turned(filter: Float32Array, channels: number): Float32Array {
  const taps = filter.length / channels;
  return filter.map((_, i) => filter[(taps - 1 - Math.floor(i / channels)) * channels + (i % channels)]);
}
