import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, type ErrorCode, show } from '../errors.js';
import type { ImageSource } from '../image/image-source.js';
import type { ImageLimits } from '../image/limits.js';
import type { ConvNextImageProcessor } from '../image/processor.js';

/** How pictures go through a network. */
export interface StreamOptions {
  /** How many are computed at once, at most. Default 4. */
  readonly batchSize?: number;
  /** How many are read and decoded ahead of those that are computed. Default 4. */
  readonly concurrency?: number;
  /** Stops the work: E_ABORTED. */
  readonly signal?: AbortSignal;
  /** How much a picture from a stranger may ask for. */
  readonly limits?: ImageLimits;
}

export const STREAM_OPTIONS = [
  'batchSize',
  'concurrency',
  'signal',
  'limits',
] as const satisfies readonly (keyof StreamOptions)[];

/** What reads pictures: an image processor. */
export type PictureProcessor = Pick<ConvNextImageProcessor, 'preprocess'>;

/** An output of a network for one picture, without the axis of the batch. */
export interface Output {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** What came of one picture; `path` is what was given for it. */
export type Streamed<Picture, Result> =
  | { readonly path: Picture; readonly result: Result; readonly error?: undefined }
  | { readonly path: Picture; readonly result?: undefined; readonly error: ConvNextV2Error };

/** The outputs of a network for one picture, by name. */
export type Outputs = Readonly<Record<string, Output>>;

/** Pixels [n, h, w, c] to tensors by name, all with n as their first axis. Runs inside tf.tidy. */
export type Network = (pixels: tf.Tensor4D) => Readonly<Record<string, tf.Tensor>>;

/** What can be wrong with one picture alone; anything else ends the work. */
const OF_A_PICTURE: readonly ErrorCode[] = ['E_IMAGE', 'E_LIMIT', 'E_NETWORK', 'E_NON_FINITE', 'E_SHAPE'];

/** A picture that was read, decoded and processed, or what was thrown instead. */
interface Prepared<Picture> {
  readonly path: Picture;
  readonly pixels?: tf.Tensor4D;
  readonly error?: unknown;
}

/**
 * Sends pictures through a network, in their order and in bounded memory: while `batchSize` of them are computed, the next
 * `concurrency` are read and decoded. Of each `batchSize` in turn, those of equal size are computed at once. A picture that
 * cannot be read or computed gives its error, and the others go on. However it ends, nothing is left behind; an abort and a
 * `break` wait for what is being decoded. Throws E_ABORTED, E_ARGUMENT, and what is no fault of one picture's.
 */
export async function* streamPictures<Picture extends ImageSource>(
  network: Network,
  processor: PictureProcessor,
  pictures: readonly Picture[],
  { signal, limits, ...counts }: StreamOptions,
): AsyncGenerator<Streamed<Picture, Outputs>, void, undefined> {
  const batchSize = readCount('batchSize', counts.batchSize);
  const concurrency = readCount('concurrency', counts.concurrency);
  const ahead: Promise<Prepared<Picture>>[] = [];
  const window: Prepared<Picture>[] = [];
  let begun = 0;
  const lookAhead = () => {
    refuseAborted(signal);
    while (ahead.length < concurrency && begun < pictures.length) {
      ahead.push(prepare(processor, pictures[begun++], limits));
    }
  };
  try {
    for (let done = 0; done < pictures.length; ) {
      while (window.length < batchSize && done + window.length < pictures.length) {
        lookAhead();
        window.push(await ahead.shift()!);
      }
      await tf.nextFrame(); // computing gives way to nothing else: neither to what has been read meanwhile, nor to an abort
      lookAhead();
      const results = await computeWindow(network, window);
      for (const { pixels } of window.splice(0)) pixels?.dispose();
      for (const result of results) {
        refuseAborted(signal);
        yield result;
      }
      done += results.length;
    }
  } finally {
    for (const { pixels } of [...window, ...(await Promise.all(ahead))]) pixels?.dispose();
  }
}

/** Throws E_ABORTED where the signal says so. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  const got = show(String(reason));
  throw new ConvNextV2Error('E_ABORTED', { path: 'signal', wanted: 'the work to go on', got }, { cause: reason });
}

function readCount(option: string, count = 4): number {
  if (Number.isInteger(count) && count > 0) return count;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: option,
    wanted: 'a whole number of at least 1',
    got: show(count),
  });
}

/** Never rejects: nobody may be waiting yet. */
async function prepare<Picture extends ImageSource>(
  processor: PictureProcessor,
  path: Picture,
  limits: ImageLimits | undefined,
): Promise<Prepared<Picture>> {
  try {
    return { path, pixels: (await processor.preprocess(path, { limits })).pixelValues };
  } catch (error) {
    return { path, error };
  }
}

async function computeWindow<Picture>(
  network: Network,
  window: readonly Prepared<Picture>[],
): Promise<readonly Streamed<Picture, Outputs>[]> {
  const found = new Map<Prepared<Picture>, Outputs | ConvNextV2Error>();
  const sizes = new Map<string, Prepared<Picture>[]>();
  for (const picture of window) {
    if (picture.pixels) {
      const size = `${picture.pixels.shape}`;
      sizes.set(size, [...(sizes.get(size) ?? []), picture]);
    } else {
      found.set(picture, ofAPicture(picture.error));
    }
  }
  for (const batch of sizes.values()) {
    const pixels = batch.map(({ pixels }) => pixels!);
    const results = await computeBatch(network, pixels).catch((error) => batch.map(() => ofAPicture(error)));
    for (const [i, picture] of batch.entries()) found.set(picture, results[i]);
  }
  return window.map((picture) => {
    const result = found.get(picture)!;
    const { path } = picture;
    return result instanceof ConvNextV2Error ? { path, error: result } : { path, result };
  });
}

/** The error where it is of one picture; throws any other. */
function ofAPicture(error: unknown): ConvNextV2Error {
  if (error instanceof ConvNextV2Error && OF_A_PICTURE.includes(error.code)) return error;
  throw error;
}

/** Pictures of one size, each with a first axis of 1, to the outputs of each. */
async function computeBatch(
  network: Network,
  pixels: readonly tf.Tensor4D[],
): Promise<readonly (Outputs | ConvNextV2Error)[]> {
  const tensors = tf.tidy(() => network(pixels.length === 1 ? pixels[0] : tf.concat([...pixels])));
  try {
    const read = await Promise.all(
      Object.entries(tensors).map(async ([name, tensor]) => {
        const values = (await tensor.data()) as Float32Array;
        return { name, values, size: values.length / pixels.length, shape: tensor.shape.slice(1) };
      }),
    );
    return pixels.map((_, i) => {
      const outputs = read.map(({ name, values, size, shape }) => {
        // a copy: a backend may hand out the memory that it computes in
        return [name, { data: values.slice(i * size, (i + 1) * size), shape }] as const;
      });
      return nonFinite(outputs) ?? Object.fromEntries(outputs);
    });
  } finally {
    tf.dispose(tensors);
  }
}

/** An E_NON_FINITE of the first value that is none, if there is one. */
export function nonFinite(outputs: readonly (readonly [name: string, output: Output])[]): ConvNextV2Error | undefined {
  for (const [path, { data }] of outputs) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue;
      return new ConvNextV2Error('E_NON_FINITE', { path, wanted: 'finite values', got: `${data[i]} at ${i}` });
    }
  }
  return undefined;
}
