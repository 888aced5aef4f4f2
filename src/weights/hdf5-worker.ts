import { openSync, readSync } from 'node:fs';
import { type MessagePort, workerData } from 'node:worker_threads';
import { ConvNextV2Error, packError } from '../errors.js';
import type { Hdf5File, Hdf5Reply } from './hdf5.js';
import { loadHdf5 } from './hdf5-reader.js';
import { workerPort } from './worker-port.js';

/*
 * The program of a worker that reads one HDF5 file: says that it is ready, then what tensors there are, then gives the values
 * of each that it is asked for by name. The library can loop for ever over a broken file; in here it can be stopped.
 */

const PAGE = 65536;

/** Lets the library's memory grow by so many bytes: a broken file can have it ask for gigabytes, and it says so when there are none. */
function boundMemory(bytes: number): void {
  const memory = WebAssembly.Memory.prototype;
  const { grow } = memory;
  let left = bytes;
  memory.grow = function (pages) {
    if (pages * PAGE > left) throw new RangeError('no more memory for this file');
    left -= pages * PAGE;
    return grow.call(this, pages);
  };
}

async function serve(parent: MessagePort, { path, size }: Hdf5File): Promise<void> {
  const post = (reply: Hdf5Reply, buffers: readonly ArrayBuffer[] = []) => parent.postMessage(reply, [...buffers]);
  const report = (error: unknown) => {
    if (!(error instanceof ConvNextV2Error)) throw error;
    post({ error: packError(error) });
  };
  try {
    boundMemory(4 * size + 2 ** 20);
    const open = await loadHdf5();
    post({ ready: true });
    const descriptor = openSync(path, 'r');
    const { tensors, readValues } = open({ path, size, read: (...place) => readSync(descriptor, ...place) });
    parent.on('message', (name: string) => {
      try {
        const values = readValues(name);
        post({ values }, [values.buffer]);
      } catch (error) {
        report(error);
      }
    });
    post({ tensors: [...tensors] });
  } catch (error) {
    report(error);
  }
}

serve(workerPort(), workerData);
