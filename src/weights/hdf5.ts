import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { Checkpoint, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, type PackedError, unpackError } from '../errors.js';
import type { OpenFile } from './file.js';
import { startWorker } from './start-worker.js';
import { tensorCalled } from './tensor-called.js';

/** What the worker is told. */
export type Hdf5File = Pick<OpenFile, 'path' | 'size'>;

/** What the worker says. */
export type Hdf5Reply =
  | { readonly ready: true }
  | { readonly tensors: readonly (readonly [string, StoredTensor])[] }
  | { readonly values: Float32Array }
  | { readonly error: PackedError };

/** Milliseconds: for the library to be loaded; for it to open a file, a thousand times what that takes; and a megabyte. */
const PATIENCE = { load: 60_000, open: 10_000, megabyte: 100 };

/**
 * Opens the weights of a Keras model, as transformers' tf_model.h5: a tensor for each of the `weight_names` of its layers. The
 * library runs in a worker, and sees this one file alone, whatever links it may hold. Throws E_PEER without h5wasm, and in a bundle
 * without the worker's program, E_HDF5.
 */
export async function openHdf5({ path, size, handle }: OpenFile): Promise<Checkpoint> {
  const workerData: Hdf5File = { path, size };
  const worker = startWorker('hdf5-worker', workerData);
  const ask = asker(worker, path);
  try {
    await ask(PATIENCE.load);
    const opened = await ask(PATIENCE.open);
    const tensors = new Map('tensors' in opened ? opened.tensors : []);
    await handle.close();
    return {
      path,
      recognised: ['Keras HDF5'],
      tensors,
      async readFloat32(name) {
        tensorCalled(name, tensors, path);
        const reply = await ask(Math.ceil(PATIENCE.open + (PATIENCE.megabyte * size) / 2 ** 20), name);
        return 'values' in reply ? reply.values : new Float32Array();
      },
      close: async () => {
        await worker.terminate();
      },
    };
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

/** Sends a name, where there is one, and waits for the next reply, one after the other. Throws what it reports, E_HDF5. */
function asker(worker: Worker, path: string) {
  const gone = new AbortController();
  worker.once('exit', () => gone.abort());
  worker.on('error', () => {}); // the worker exits, and that is seen
  const ask = async (milliseconds: number, name?: string): Promise<Hdf5Reply> => {
    const late = AbortSignal.timeout(milliseconds);
    worker.ref();
    try {
      const message = once(worker, 'message', { signal: AbortSignal.any([gone.signal, late]) });
      if (name !== undefined) worker.postMessage(name);
      return (await message)[0];
    } catch (cause) {
      worker.terminate();
      const got = late.aborted ? `one that takes more than ${milliseconds} ms` : 'one that it broke down over';
      throw new ConvNextV2Error('E_HDF5', { path, wanted: 'an HDF5 file that the library can read', got }, { cause });
    } finally {
      worker.unref();
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  return async (milliseconds: number, name?: string): Promise<Hdf5Reply> => {
    const reply = last.then(() => ask(milliseconds, name));
    last = reply.catch(() => {});
    const given = await reply;
    if ('error' in given) throw unpackError(given.error);
    return given;
  };
}
