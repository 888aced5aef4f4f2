import * as tf from '@tensorflow/tfjs-core';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';

/** The one kind of depthwise convolution that the native kernels compute: 7 x 7, 3 rows and columns of zeros, stride 1. */
const [KERNEL, PADDING] = [7, 3];

/** ConvNeXt's depthwise convolution with its bias; any other is left to `cpu`. */
export function depthwise(
  backend: SimdBackend,
  { x, filter, bias }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { strides, pad, dilations, dimRoundingMode, activation = 'linear' } = attributes;
  const [n, height, width, channels] = x.shape;
  if (!is7x7(filter.shape, channels) || activation !== 'linear' || !bias || !allFloat(x, filter, bias))
    return undefined;
  const { padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth } = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    true,
  );
  const around = [padInfo.top, padInfo.bottom, padInfo.left, padInfo.right];
  const ones = strideHeight * strideWidth * dilationHeight * dilationWidth;
  if (ones !== 1 || around.some((side) => side !== PADDING)) return undefined;
  const packed = backend.packed(filter, () => backend.native.packDepthwise(backend.floats(filter), channels), 'taps');
  return backend.output(x.shape, (out) => {
    backend.native.depthwise(backend.floats(x), packed, backend.floats(bias), n, height, width, channels, out);
  });
}

/** The gradients of its input and its filter. */
export function depthwiseGradient(backend: SimdBackend, { x, filter, dy }: Inputs): tf.TensorInfo[] {
  const [n, height, width, channels] = x.shape;
  const [values, slopes] = [backend.floats(x), backend.floats(dy)];
  const pack = () => backend.native.packDepthwise(turned(backend.floats(filter), channels), channels);
  const flipped = backend.packed(filter, pack, 'turned');
  return backend.outputs([x.shape, filter.shape], (dx, dfilter) => {
    backend.native.depthwiseInput(slopes, flipped, n, height, width, channels, dx);
    backend.native.depthwiseFilter(values, slopes, n, height, width, channels, dfilter);
  });
}

const is7x7 = ([height, width, channels, multiplier]: readonly number[], inChannels: number) =>
  height === KERNEL && width === KERNEL && channels === inChannels && multiplier === 1;

/** The taps in reverse order. */
function turned(filter: Float32Array, channels: number): Float32Array {
  const taps = KERNEL * KERNEL;
  return filter.map((_, i) => filter[(taps - 1 - Math.floor(i / channels)) * channels + (i % channels)]);
}
