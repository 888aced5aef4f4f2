import * as tf from '@tensorflow/tfjs-core';
import type { Layout } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { decodeImage } from './decode.js';
import { type ImageSource, nameOf } from './image-source.js';
import type { ImageLimits } from './limits.js';
import { type ValueSettings, valueTables } from './preprocess.js';
import type { RawImage } from './raw-image.js';

/** The layout that a call asks for. Throws E_ARGUMENT for none that there is. */
export function readLayout(layout: Layout = 'NHWC'): Layout {
  if (layout === 'NHWC' || layout === 'NCHW') return layout;
  throw new ConvNextV2Error('E_ARGUMENT', { path: 'layout', wanted: 'NHWC or NCHW', got: show(layout) });
}

/**
 * Pictures to a tensor: decoded, made alike by `resize`, and their bytes turned into values. Throws what `decodeImage`, `resize`
 * and `valueTables` throw, and E_SHAPE where the pictures come out unequal.
 */
export async function toPixels(
  images: ImageSource | readonly ImageSource[],
  settings: ValueSettings,
  { layout, limits }: { readonly layout: Layout; readonly limits: Required<ImageLimits> },
  resize: (image: RawImage, name: string) => RawImage,
): Promise<{ readonly pixelValues: tf.Tensor4D }> {
  const pictures = named(images);
  const processed: RawImage[] = [];
  for (const [source, name] of pictures) {
    const image = resize(await decodeImage(source, { ...limits, name }), name);
    processed.push(image);
    checkAlike(image, processed[0], name, pictures[0][1]);
  }
  return { pixelValues: asTensor(processed, valueTables(processed[0], settings, pictures[0][1]), layout) };
}

/** Pictures of one size as a tensor: each byte as the table of its channel has it. */
export function asTensor(images: readonly RawImage[], tables: readonly Float32Array[], layout: Layout): tf.Tensor4D {
  const { height, width, channels } = images[0];
  const n = images.length;
  const shape: [number, number, number, number] =
    layout === 'NHWC' ? [n, height, width, channels] : [n, channels, height, width];
  return tf.tensor4d(fill(images, tables, layout), shape);
}

/** Each picture and what to call it in messages. */
function named(images: ImageSource | readonly ImageSource[]): readonly (readonly [ImageSource, string])[] {
  const list = Array.isArray(images) ? (images as readonly ImageSource[]) : [images as ImageSource];
  if (list.length === 0) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'images', wanted: 'at least one picture', got: 'an empty list' });
  }
  return list.map((source, i) => [source, nameOf(source, list === images ? `images[${i}]` : 'image')]);
}

/** Throws E_SHAPE for a picture that cannot be of one batch with the first. */
export function checkAlike(image: RawImage, first: RawImage, name: string, firstName: string): void {
  const [got, wanted] = [image, first].map(({ height, width, channels }) => `${height} x ${width} x ${channels}`);
  if (got === wanted) return;
  throw new ConvNextV2Error('E_SHAPE', {
    path: name,
    wanted: `${wanted}, as ${firstName} is, resized and cropped`,
    got,
    suggestion: 'pass them one by one, or let doResize, doCenterCrop and doConvertRgb make them alike',
  });
}

/** The values of pictures of one size, by the tables of their channels. */
function fill(images: readonly RawImage[], tables: readonly Float32Array[], layout: 'NHWC' | 'NCHW'): Float32Array {
  const { height, width, channels } = images[0];
  const plane = height * width;
  const [pixelStep, channelStep] = layout === 'NHWC' ? [channels, 1] : [1, plane];
  const values = new Float32Array(images.length * plane * channels);
  for (const [i, { data }] of images.entries()) {
    for (const [c, table] of tables.entries()) {
      let to = i * plane * channels + c * channelStep;
      for (let from = c; from < data.length; from += channels, to += pixelStep) values[to] = table[data[from]];
    }
  }
  return values;
}
