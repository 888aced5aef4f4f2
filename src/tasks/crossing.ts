import type { MessagePort } from 'node:worker_threads';
import { ConvNextV2Error, type PackedError, packError, show, unpackError } from '../errors.js';
import { type ImageSource, isBody, resolveBlob } from '../image/image-source.js';
import { isSharp } from '../image/sharp.js';
import type { ExtractorOptions, FeatureMapData } from './extractor.js';
import type { StreamOptions } from './stream.js';

/*
 * What crosses between a thread and its worker. The worker is made with a Setup, opens its model, and says so by one message:
 * an error, or nothing. Each Run then has a port of its own: every message to the worker asks for one Reply; closing the port
 * ends the run.
 */

/** Tells a worker to finish what it is at, and to end. */
export const END = 'end';

export interface Setup {
  readonly source: string;
  readonly options: ExtractorOptions;
  /** The backend of the thread that asks, where it has chosen one. */
  readonly backend: string | undefined;
}

export interface Run {
  readonly pictures: readonly ImageSource[];
  readonly options: StreamOptions;
  readonly port: MessagePort;
}

/** The maps of the next picture, what is wrong with it, or what ended the run. */
export type Reply =
  | { readonly result: readonly FeatureMapData[]; readonly error?: undefined; readonly end?: undefined }
  | { readonly result?: undefined; readonly error: PackedError; readonly end?: undefined }
  | { readonly result?: undefined; readonly error?: undefined; readonly end: PackedError | Error };

/** A picture as it crosses; of a view its part of a buffer alone. Throws E_ARGUMENT for one that cannot, E_IMAGE. */
export function packPicture(picture: ImageSource, path: string): ImageSource {
  if (isBody(picture) || isSharp(picture)) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path,
      wanted: 'what can cross to a worker: a path, a URL, bytes, a Blob or decoded pixels',
      got: show(picture),
      suggestion: 'read it first, a Response by `await response.blob()`',
    });
  }
  if (ArrayBuffer.isView(picture))
    return new Uint8Array(picture.buffer, picture.byteOffset, picture.byteLength).slice();
  const source = picture instanceof URL ? picture.href : picture;
  return typeof source === 'string' && /^blob:/i.test(source) ? resolveBlob(source, source) : source;
}

/** What was thrown, be it ours or not. */
export const packThrown = (thrown: unknown): PackedError | Error =>
  thrown instanceof ConvNextV2Error ? packError(thrown) : new Error(String(thrown));

export const unpackThrown = (packed: PackedError | Error): Error =>
  packed instanceof Error ? packed : unpackError(packed);
