import type * as tf from '@tensorflow/tfjs-core';
import type { Attributes, Inputs, SimdBackend } from './kernel.js';

/** ConvNextV2RoiAlign: see src/ops/roi-align.ts. */
export function roiAlign(backend: SimdBackend, { x, rois }: Inputs, attributes: Attributes): tf.TensorInfo {
  const { height, width, scale } = attributes;
  const align = alignOf(x.shape as [number, number, number, number], attributes);
  return backend.output([rois.shape[0], height, width, x.shape[3]], (out) => {
    backend.native.roiAlign(backend.floats(x), align, scale, backend.floats(rois), out);
  });
}

/** ConvNextV2RoiAlignGrad. */
export function roiAlignGradient(backend: SimdBackend, { rois, dy }: Inputs, attributes: Attributes): tf.TensorInfo {
  const { batch, mapHeight, mapWidth, scale } = attributes;
  const shape = [batch, mapHeight, mapWidth, dy.shape[3]] as const;
  return backend.output(shape, (dx) => {
    backend.native.roiAlignGradient(backend.floats(dy), alignOf(shape, attributes), scale, backend.floats(rois), dx);
  });
}

function alignOf(
  [n, mapHeight, mapWidth, channels]: readonly [n: number, height: number, width: number, channels: number],
  { height, width, samplingRatio, centres }: Attributes,
): Int32Array {
  return Int32Array.of(
    n,
    mapHeight,
    mapWidth,
    channels,
    height,
    width,
    samplingRatio,
    centres === 'half-pixel' ? 1 : 0,
  );
}
