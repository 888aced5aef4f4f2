import type { MessagePort } from 'node:worker_threads';
import { ConvNextV2Error, type PackedError, packError, unpackError } from '../errors.js';
import type { ImageSource } from '../image/image-source.js';
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

/** What was thrown, be it ours or not. */
export const packThrown = (thrown: unknown): PackedError | Error =>
  thrown instanceof ConvNextV2Error ? packError(thrown) : new Error(String(thrown));

export const unpackThrown = (packed: PackedError | Error): Error =>
  packed instanceof Error ? packed : unpackError(packed);
