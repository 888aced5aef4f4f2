import type { Checkpoint } from '../contracts.js';
import { ConvNextV2Error, checkKnown } from '../errors.js';
import { openShardedSafetensors, readSafetensorsFile } from './checkpoint.js';
import { type OpenFile, readRange, withFile } from './file.js';
import { openHdf5 } from './hdf5.js';
import { recogniseOther, START_BYTES } from './other-files.js';
import { type CheckpointOptions, openTorchLegacy, openTorchZip } from './torch.js';

/**
 * Opens a file of weights by what it holds, whatever its name: safetensors, the index of several of these, what torch.save
 * writes (as a zip file, or as before 1.6), or Keras' HDF5. Throws E_SOURCE where it is none of these, and what the reader of
 * each throws: E_SAFETENSORS, E_ZIP, E_PICKLE, E_HDF5, E_JSON, E_LIMIT, E_PEER, and E_ARGUMENT for a `key` that is not there.
 */
export async function openCheckpoint(path: string, options: CheckpointOptions = {}): Promise<Checkpoint> {
  checkKnown(options, ['key']);
  return withFile(path, (file) => readCheckpoint(file, options));
}

/** As `openCheckpoint`, of a file that is open: whoever closes the checkpoint closes it. */
export async function readCheckpoint(file: OpenFile, options: CheckpointOptions = {}): Promise<Checkpoint> {
  const start = await readRange(file, 0, Math.min(START_BYTES, file.size));
  const text = Buffer.from(start).toString('latin1');
  if (text.startsWith('PK\x03\x04')) return openTorchZip(file, options);
  if (start[0] === 0x80 && start[1] >= 2 && start[1] <= 5) return openTorchLegacy(file, options);
  if (text.startsWith('\x89HDF\r\n\x1a\n')) return openHdf5(file);
  if (isSafetensors(text, file.path)) return readSafetensorsFile(file);
  if (!text.trimStart().startsWith('{')) return refuse(file, start);
  await file.handle.close(); // an index is read by its path, as the files that it names
  return openShardedSafetensors(file.path);
}

/** It begins with the length of its header, of less than 2^32 bytes. Its name counts only where nothing else is recognised. */
function isSafetensors(text: string, path: string): boolean {
  return text.slice(4, 8) === '\0\0\0\0' || path.endsWith('.safetensors');
}

function refuse({ path, size }: OpenFile, start: Uint8Array): never {
  const wanted = 'a safetensors, PyTorch or HDF5 file of weights';
  throw new ConvNextV2Error('E_SOURCE', {
    path,
    wanted,
    ...(recogniseOther(start, size) ?? { got: 'something else' }),
  });
}
