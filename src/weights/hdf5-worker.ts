import { openSync, readSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { ConvNextV2Error, packError } from '../errors.js';
import type { Hdf5File, Hdf5Reply } from './hdf5.js';
import { loadHdf5 } from './hdf5-reader.js';

/*
 * The program of a worker that reads one HDF5 file: says that it is ready, then what tensors there are, then gives the values
 * of each that it is asked for by name. The library can loop for ever over a broken file; in here it can be stopped.
 */

async function serve(parent: MessagePort, { path, size }: Hdf5File): Promise<void> {
  const post = (reply: Hdf5Reply, buffers: readonly ArrayBuffer[] = []) => parent.postMessage(reply, [...buffers]);
  const report = (error: unknown) => {
    if (!(error instanceof ConvNextV2Error)) throw error;
    post({ error: packError(error) });
  };
  try {
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

serve(parentPort!, workerData);
