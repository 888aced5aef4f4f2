import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, type PackedError, unpackError } from '../errors.js';
import { loadSharp } from '../image/sharp.js';
import { startWorker } from '../weights/start-worker.js';
import { END, packPicture, type Reply, type Run, type Setup, unpackThrown } from './crossing.js';
import type { Extractor, ExtractorOptions } from './extractor.js';
import { refuseAborted } from './stream.js';

/** Milliseconds for a worker to finish the batch that it is at. */
const PATIENCE = 10_000;

/**
 * An extractor that does all its work in a thread of its own; an idle one keeps no process alive. Errors come across with
 * their problems, without their causes. Throws what opening the source throws, E_ARGUMENT for options that cannot cross,
 * and E_PEER in a bundle without the worker's program.
 */
export async function openInWorker(source: string | URL, options: ExtractorOptions): Promise<Extractor> {
  refuseFunctions(options);
  await loadSharp(); // as its authors ask: in the main thread first, or its libraries are unloaded with the worker
  const workerData: Setup = { source: String(source), options, backend: tf.getBackend() };
  const worker = startWorker('worker', workerData);
  const gone = new AbortController();
  worker.once('exit', () => gone.abort());
  const dispose = async () => {
    if (gone.signal.aborted) return;
    // not terminated at once: the files that it is just opening would stay open in this process
    const exit = once(worker, 'exit');
    worker.ref();
    worker.postMessage(END);
    const late = setTimeout(() => worker.terminate(), PATIENCE);
    await exit.finally(() => clearTimeout(late));
  };
  try {
    const [failure] = (await once(worker, 'message')) as [PackedError | Error | undefined];
    if (failure) throw unpackThrown(failure);
  } catch (error) {
    await dispose();
    throw error;
  }
  worker.on('error', () => {}); // such as a lack of memory: the worker exits, and that is seen
  worker.unref();
  return {
    async *extract(pictures, { signal, ...options }) {
      const packed = pictures.map((picture, i) => packPicture(picture, `pictures[${i}]`));
      const { port1: port, port2 } = new MessageChannel();
      const run: Run = { pictures: packed, options, port: port2 };
      worker.postMessage(run, [port2]);
      const stop = AbortSignal.any([gone.signal, ...(signal ? [signal] : [])]);
      try {
        for (const path of pictures) {
          const { result, error, end } = await ask(port, stop).catch((cause) => {
            refuseAborted(signal);
            throw ended(cause);
          });
          if (end) throw unpackThrown(end);
          yield error ? { path, error: unpackError(error) } : { path, result };
        }
      } finally {
        port.close();
      }
    },
    dispose,
  };
}

/** The worker's next reply; rejects where it is told to stop. */
async function ask(port: MessagePort, stop: AbortSignal): Promise<Reply> {
  const reply = once(port, 'message', { signal: stop });
  port.postMessage(undefined);
  return (await reply)[0];
}

function ended(cause: unknown): ConvNextV2Error {
  const problem = { path: 'worker', wanted: 'a worker that runs', got: 'one that was disposed, or broke down' };
  return new ConvNextV2Error('E_DISPOSED', problem, { cause });
}

function refuseFunctions(options: object): void {
  for (const path of ['registry', 'onProgress', 'processor']) {
    if (Object(options)[path] === undefined) continue;
    throw new ConvNextV2Error('E_ARGUMENT', {
      path,
      wanted: 'none, with a worker',
      got: 'one, which cannot cross to another thread',
      suggestion: 'leave it out, or do without worker',
    });
  }
}
