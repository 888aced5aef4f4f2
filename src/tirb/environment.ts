import type * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error } from '../errors.js';
import { Canvas } from './canvas.js';
import { CanvasRenderingContext2D } from './context.js';
import { canvasOf, ofTensor } from './input.js';
import { tirb } from './load.js';
import { Image, ImageData, loadImage } from './picture.js';
import type { CanvasElement } from './surface.js';

/** Gives tfjs-image-recognition-base our canvas, where the program has made none known before. */
export function prepareEnvironment(): void {
  const { env } = tirb;
  if (env.isBrowser() || 'Canvas' in globalThis || 'HTMLCanvasElement' in globalThis) return;
  env.setEnv({
    ...env.getEnv(),
    Canvas,
    CanvasRenderingContext2D,
    Image,
    ImageData,
    createCanvasElement: () => new Canvas(),
    createImageElement: () => new Image(),
  });
}

/**
 * Draws a tensor [height, width, channels] of values from 0 to 255, or a batch of one, on a canvas: a new one where none is
 * given. Throws E_ARGUMENT, E_SHAPE, E_NON_FINITE for what is no picture.
 */
export async function imageTensorToCanvas(tensor: tf.Tensor, canvas?: CanvasElement): Promise<CanvasElement> {
  const drawn = canvasOf(ofTensor(tensor, 'tensor'));
  if (!canvas) return drawn;
  const { width, height } = drawn;
  Object.assign(canvas, { width, height });
  (canvas.getContext('2d') as CanvasRenderingContext2D).drawImage(drawn, 0, 0);
  return canvas;
}

/** The picture in the bytes of a file. Throws what `decodeImage` throws. */
export async function bufferToImage(file: Blob): Promise<Image> {
  return loadImage(new Uint8Array(await file.arrayBuffer()));
}

/** The picture at a URL. Throws E_IMAGE for what is none, and what the environment's `fetch` throws. */
export async function fetchImage(uri: string): Promise<Image> {
  const file = await (await tirb.fetchOrThrow(uri)).blob();
  if (file.type.startsWith('image/')) return bufferToImage(file);
  throw new ConvNextV2Error('E_IMAGE', { path: uri, wanted: 'a picture', got: file.type });
}
