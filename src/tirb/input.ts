import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, show } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import type { ImageSource } from '../image/image-source.js';
import type { RawImage } from '../image/raw-image.js';
import { isSharp } from '../image/sharp.js';
import { checkTensor } from '../nn/check-tensor.js';
import { Canvas } from './canvas.js';
import type { CanvasRenderingContext2D } from './context.js';
import { tirb } from './load.js';
import { Image } from './picture.js';
import { withAlpha } from './raster.js';
import type { CanvasElement, NetInput, TMediaElement } from './surface.js';

/** A picture for a network; a tensor is [height, width, 3] of values from 0 to 255, or a batch of such. */
export type NetPicture = OnePicture | tf.Tensor4D;
/** A picture for a network that is no batch. */
export type OnePicture = ImageSource | TMediaElement | tf.Tensor3D;
/** What the networks take. */
export type PictureInput = NetPicture | readonly NetPicture[] | NetInput;

/** A batch in one tensor, which stays its owner's. */
class TensorBatch extends tirb.NetInput {
  readonly #batch: tf.Tensor4D;

  constructor(batch: tf.Tensor4D) {
    super([]);
    this.#batch = batch;
    const [count, ...size] = batch.shape;
    Object.assign(this, { _batchSize: count, _imageTensors: [batch], _inputDimensions: Array(count).fill(size) });
  }

  /**
   * A new tensor [1, height, width, channels], for the caller to dispose where it is not in a `tf.tidy`. Throws E_DISPOSED,
   * E_ARGUMENT where the batch is no longer there, or not of numbers.
   */
  override getInput(index: number): tf.Tensor4D {
    checkPictures(this.#batch, 'input');
    return tf.slice(this.#batch, [index, 0, 0, 0], [1, -1, -1, -1]);
  }
}

/**
 * Pictures as a `NetInput`: tensors, one of a whole batch included; all that `decodeImage` takes; canvases and images, which are waited for. Throws E_ARGUMENT for an empty list, E_SHAPE for a batch within a
 * list, and what `decodeImage` throws: E_IMAGE for what is none of these.
 */
export async function toNetInput(input: PictureInput): Promise<NetInput> {
  if (input instanceof tirb.NetInput) {
    await Promise.all(input.canvases.map((canvas) => canvas instanceof Canvas && canvas.render()));
    return input;
  }
  if (tirb.isTensor4D(input) && input.shape[0] > 1) return new TensorBatch(input);
  const isList = Array.isArray(input);
  const list: readonly NetPicture[] = isList ? input : [input];
  if (list.length === 0) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'input', wanted: 'at least one picture', got: 'an empty list' });
  }
  const resolved = await Promise.all(list.map((picture, i) => resolve(picture, isList ? `input[${i}]` : 'input')));
  return new tirb.NetInput(resolved, isList);
}

async function resolve(picture: NetPicture, path: string): Promise<tf.Tensor3D | tf.Tensor4D | TMediaElement> {
  if (picture instanceof tf.Tensor) {
    checkPicture(picture, path);
    return picture;
  }
  if (picture instanceof Canvas) await picture.render();
  else if (picture instanceof Image) await picture.decode();
  if (tirb.isMediaElement(picture)) {
    await tirb.awaitMediaLoaded(picture as TMediaElement);
    return picture as TMediaElement;
  }
  return canvasOf(await read(picture, path));
}

/** The pixels of what is no media element of the environment. */
async function read(picture: ImageSource | TMediaElement, path: string): Promise<RawImage> {
  if (picture instanceof Canvas) return picture.toRawImage();
  if (picture instanceof Image) return picture.raw;
  return decodeImage(picture as ImageSource, { name: path, mode: isSharp(picture) ? 'as-is' : 'rgb' });
}

/** A canvas of the environment, which may be another package's, with this picture on it. */
export function canvasOf(image: RawImage): CanvasElement {
  const { data, width, height } = withAlpha(image);
  const canvas = tirb.createCanvas({ width, height });
  const Data = tirb.env.getEnv().ImageData as typeof ImageData;
  contextOf(canvas).putImageData(new Data(new Uint8ClampedArray(data), width, height), 0, 0);
  return canvas;
}

const contextOf = (canvas: CanvasElement) => canvas.getContext('2d') as CanvasRenderingContext2D;

/**
 * The pictures of an input as bytes: those of a canvas without its alpha, those of a tensor rounded. Throws E_ARGUMENT for what is
 * no input, or an empty one, E_SHAPE, E_DISPOSED, E_NON_FINITE.
 */
export function rawImages(input: NetInput): readonly RawImage[] {
  if (!(input instanceof tirb.NetInput) || input.batchSize === 0) {
    const got = input instanceof tirb.NetInput ? 'one without pictures' : show(input);
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'input',
      wanted: 'a NetInput',
      got,
      suggestion: 'await toNetInput(pictures)',
    });
  }
  const images: RawImage[] = [];
  tf.tidy(() => {
    for (let i = 0; i < input.batchSize; i++) {
      const own = input.getInput(i);
      images.push(own instanceof tf.Tensor ? ofTensor(own, `input[${i}]`) : ofCanvas(own));
    }
  });
  return images;
}

function checkPictures(tensor: tf.Tensor, path: string): void {
  checkTensor(path, tensor, 'pictures [height, width, 3]', ['float32', 'int32']);
}

/** Throws E_ARGUMENT, E_SHAPE, E_DISPOSED for a tensor that is no picture. */
function checkPicture(tensor: tf.Tensor, path: string): void {
  checkPictures(tensor, path);
  const { rank, shape, size } = tensor;
  if (size > 0 && (rank === 3 || (rank === 4 && shape[0] === 1))) return;
  throw new ConvNextV2Error('E_SHAPE', {
    path,
    wanted: '[height, width, 3] or [1, height, width, 3]',
    got: show(shape),
    suggestion: rank === 4 && shape[0] > 1 && path.endsWith(']') ? 'give a batch by itself' : undefined,
  });
}

/** A picture's values as bytes, rounded and between 0 and 255. Throws E_ARGUMENT, E_SHAPE, E_DISPOSED, E_NON_FINITE. */
export function ofTensor(tensor: tf.Tensor, path: string): RawImage {
  checkPicture(tensor, path);
  const [height, width, channels] = tensor.shape.slice(-3);
  const values = tensor.dataSync();
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const wanted = 'values from 0 to 255';
    throw new ConvNextV2Error('E_NON_FINITE', { path, wanted, got: `${values[bad]} at ${bad}` });
  }
  return { data: new Uint8Array(Uint8ClampedArray.from(values).buffer), width, height, channels };
}

function ofCanvas(canvas: CanvasElement): RawImage {
  const { width, height } = canvas;
  const { data } = contextOf(canvas).getImageData(0, 0, width, height);
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) rgb[3 * pixel + c] = data[4 * pixel + c];
  }
  return { data: rgb, width, height, channels: 3 };
}
