import * as tf from '@tensorflow/tfjs-core';
import { around, type ConvolutionShape, convolveOnce, geometry, repeated } from './convolution.js';
import { boxOf } from './copies.js';
import { type Attributes, allFloat, type Inputs, type SimdBackend } from './kernel.js';
import { convolutionOfPatches } from './products.js';

type Shape4 = [number, number, number, number];

/** ConvNextV2ConvolveGrad: see src/ops/convolve.ts. */
export function convolveGradient(
  backend: SimdBackend,
  { x, filter, dy }: Inputs,
  given: Attributes,
): tf.TensorInfo[] | undefined {
  const attributes = { ...given, strides: 1, pad: around(given.padding) };
  const [inputShape, filterShape] = [x.shape as Shape4, filter.shape as Shape4];
  const ofFilter = convolutionFilter(backend, { x, dy }, { ...attributes, filterShape });
  const ofInput = ofFilter && convolutionInput(backend, { dy, filter }, { ...attributes, inputShape });
  return ofInput && [ofInput, ofFilter];
}

/** Conv2DBackpropFilter. */
export function convolutionFilter(
  backend: SimdBackend,
  { x, dy }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const shape = shapeOf(x, attributes.filterShape, dy, attributes, 'full');
  if (!shape) return undefined;
  return backend.output(attributes.filterShape, (out) =>
    backend.native.convolutionFilter(geometry(shape), backend.floats(x), backend.floats(dy), out),
  );
}

/** Conv2DBackpropInput, which is also tf.conv2dTranspose. */
export function convolutionInput(
  backend: SimdBackend,
  { dy, filter }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { inputShape } = attributes;
  const shape = shapeOf({ ...dy, shape: inputShape }, filter.shape, dy, attributes, 'full');
  if (!shape) return undefined;
  const ofPatches = convolutionOfPatches(backend, { dy, filter }, attributes);
  if (ofPatches) return ofPatches;
  const [slopes, weights] = [backend.floats(dy), backend.floats(filter)];
  const back = backwards(shape);
  return backend.output(inputShape, (dx) => {
    if (back) convolveOnce(backend, slopes, turned(backend, weights, filter.shape), back, dx);
    else backend.native.convolutionInput(geometry(shape), slopes, weights, dx);
  });
}

/** DepthwiseConv2dNativeBackpropFilter. Several outputs for a channel are one each for as many channels. */
export function depthwiseFilter(
  backend: SimdBackend,
  { x, dy }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const shape = shapeOf(x, attributes.filterShape, dy, attributes, 'depthwise');
  if (!shape) return undefined;
  const { inChannels, outChannels } = shape;
  const values = repeated(backend, backend.floats(x), outChannels / inChannels);
  return backend.output(attributes.filterShape, (out) =>
    backend.native.depthwiseAnyFilter(geometry({ ...shape, inChannels: outChannels }), values, backend.floats(dy), out),
  );
}

/** DepthwiseConv2dNativeBackpropInput. */
export function depthwiseInput(
  backend: SimdBackend,
  { dy, filter }: Inputs,
  attributes: Attributes,
): tf.TensorInfo | undefined {
  const { inputShape } = attributes;
  const shape = shapeOf({ ...dy, shape: inputShape }, filter.shape, dy, attributes, 'depthwise');
  if (!shape) return undefined;
  const { inChannels, outChannels } = shape;
  const times = outChannels / inChannels;
  const alone = { ...shape, inChannels: outChannels };
  return backend.output(inputShape, (dx) => {
    const all = times === 1 ? dx : new Float32Array(times * dx.length);
    backend.native.depthwiseAnyInput(geometry(alone), backend.floats(dy), backend.floats(filter), all);
    if (times > 1) backend.native.sum(all, dx.length, times, 1, 1, dx);
  });
}

/** The convolution whose gradient is asked for, as tfjs has it: undefined for what the native kernels do not compute. */
function shapeOf(
  x: tf.TensorInfo,
  filterShape: readonly number[],
  dy: tf.TensorInfo,
  { strides, pad, dilations, dataFormat, dimRoundingMode }: Attributes,
  kind: 'full' | 'depthwise',
): ConvolutionShape | undefined {
  const isEmpty = [...x.shape, ...filterShape].includes(0);
  if (dataFormat === 'NCHW' || isEmpty || !allFloat({ ...x, shape: dy.shape }, dy)) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filterShape as Shape4,
    strides,
    // tfjs has no gradient of dilated convolutions, and its kernels take no dilation
    kind === 'full' ? 1 : (dilations ?? 1),
    pad,
    dimRoundingMode,
    kind === 'depthwise',
  );
  return tf.util.arraysEqual(info.outShape, dy.shape) ? info : undefined;
}

/**
 * The convolution of stride 1 from dy to dx by the filter turned around: each place of x gave to the outputs around it. Undefined for
 * another stride, and for padding that is wider than the filter reaches.
 */
function backwards(shape: ConvolutionShape): ConvolutionShape | undefined {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = shape;
  const top = shape.filterHeight - 1 - padInfo.top;
  const left = shape.filterWidth - 1 - padInfo.left;
  if (shape.strideHeight * shape.strideWidth !== 1 || top < 0 || left < 0) return undefined;
  return {
    ...shape,
    ...{ inHeight: outHeight, inWidth: outWidth, inChannels: outChannels },
    ...{ outHeight: inHeight, outWidth: inWidth, outChannels: inChannels },
    padInfo: { top, left },
  };
}

/** The filter [k, l, from, to] as [k, l, to, from], its places in reverse order. */
function turned({ native }: SimdBackend, filter: Float32Array, [k, l, from, to]: readonly number[]): Float32Array {
  const out = new Float32Array(filter.length);
  const box = boxOf([
    { size: to, from: 1, to: from },
    { size: from, from: to, to: 1 },
  ])!;
  for (let place = 0; place < k * l; place++) {
    native.copyBox(box, filter, place * from * to, out, (k * l - 1 - place) * from * to);
  }
  return out;
}
