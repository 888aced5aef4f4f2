import { type MessagePort, parentPort } from 'node:worker_threads';
import { ConvNextV2Error } from '../errors.js';

/** The port of the thread that started this worker. Throws E_ARGUMENT in the main thread. */
export function workerPort(): MessagePort {
  if (parentPort) return parentPort;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'worker',
    wanted: 'a thread that convnextv2 started',
    got: 'the main thread',
    suggestion: 'do not import the program of a worker: bundle it as an entry point of its own',
  });
}
