import { dirname, join } from 'node:path';
import { readJsonFile } from '../config/read-json.js';
import type { Checkpoint, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { toFloat32, toNumbers } from './dtypes.js';
import { type OpenFile, reading, readRange, withFile } from './file.js';
import { START_BYTES } from './other-files.js';
import { fail, headerEnd, parseHeader, where } from './safetensors.js';
import { tensorCalled } from './tensor-called.js';

/**
 * Opens a safetensors file and checks its header; tensors are read from the file when asked for.
 * Throws E_SOURCE where there is no such file or it cannot be read, E_SAFETENSORS where it is not in order.
 * `readFloat32` throws E_ARGUMENT for a name that the file lacks, E_SOURCE where the file has become shorter.
 */
export function openSafetensors(path: string): Promise<Checkpoint> {
  return withFile(path, readSafetensorsFile);
}

/** As `openSafetensors`, of a file that is open. */
export async function readSafetensorsFile(file: OpenFile): Promise<Checkpoint> {
  const { path, size } = file;
  const start = headerEnd(await readRange(file, 0, Math.min(START_BYTES, size)), size, path);
  const { tensors, metadata } = parseHeader(await readRange(file, 0, start), size, path);
  return {
    path,
    tensors,
    metadata,
    recognised: ['safetensors'],
    readFloat32: (name) =>
      reading(path, async () => {
        const { dtype, begin, end } = tensorCalled(name, tensors, path);
        return toFloat32(dtype, await readRange(file, begin, end));
      }),
    close: () => file.handle.close(),
  };
}

/**
 * Opens a model that lies in several safetensors files, by its `model.safetensors.index.json`. As in transformers the files
 * say which tensors there are, listed or not; a listed tensor must be in the file that the index says.
 * Throws E_SOURCE, E_JSON, E_LIMIT for an index that cannot be read, E_SAFETENSORS for one that is not in order or names a
 * file outside its folder, and what `openSafetensors` throws for each file.
 */
export async function openShardedSafetensors(indexPath: string): Promise<Checkpoint> {
  const weightMap = await readWeightMap(indexPath);
  const shards = new Map<string, Checkpoint>();
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    const homes = new Map<string, Checkpoint>();
    const tensors = new Map<string, StoredTensor>();
    for (const file of new Set(weightMap.values())) {
      const shard = await openSafetensors(join(dirname(indexPath), file));
      shards.set(file, shard);
      for (const [name, tensor] of shard.tensors) {
        const other = homes.get(name);
        if (other) fail(where(shard.path, name), 'each tensor in one file', `another in ${other.path}`);
        homes.set(name, shard);
        tensors.set(name, tensor);
      }
    }
    for (const [name, file] of weightMap) {
      if (!shards.get(file)!.tensors.has(name))
        fail(where(indexPath, name), `a tensor of this name in ${file}`, 'none');
    }
    return {
      path: indexPath,
      tensors,
      recognised: [`safetensors in ${shards.size} files`],
      readFloat32: async (name) => tensorCalled(name, homes, indexPath).readFloat32(name),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A tensor with its values. Whole numbers and booleans are int32 where all fit, float64 otherwise; other things float32. */
export interface LoadedTensor extends StoredTensor {
  readonly data: Float32Array | Int32Array | Float64Array;
}

/**
 * Reads a whole safetensors file from memory; `path` is for messages. Whole numbers keep their values; tensors of dtypes that
 * are not read, as F8_E4M3, are left out.
 * Throws E_SAFETENSORS where the file is not in order, E_LIMIT where a whole number is beyond 2^53.
 */
export function readSafetensors(bytes: Uint8Array, path: string): Map<string, LoadedTensor> {
  const { tensors } = parseHeader(bytes, bytes.length, path);
  return new Map(
    [...tensors].flatMap(([name, tensor]): [string, LoadedTensor][] => {
      if (tensor.unreadable !== undefined) return [];
      const { dtype, shape, begin, end } = tensor;
      const data = toNumbers(dtype, new Uint8Array(bytes.subarray(begin, end)));
      if (data instanceof Float64Array && !data.every(Number.isSafeInteger)) {
        throw new ConvNextV2Error('E_LIMIT', {
          path: where(path, name),
          wanted: 'whole numbers up to 2^53',
          got: 'a larger one',
        });
      }
      return [[name, { dtype, shape, data }]];
    }),
  );
}

/** The files that an index names. Throws as `openShardedSafetensors`. */
export async function readShardNames(indexPath: string): Promise<readonly string[]> {
  return [...new Set((await readWeightMap(indexPath)).values())];
}

async function readWeightMap(path: string): Promise<ReadonlyMap<string, string>> {
  const json = await readJsonFile(path);
  const { weight_map } = Object(json);
  if (weight_map === undefined) {
    const suggestion = "a server's message may have been saved in place of the file: fetch it again";
    fail(`${path}: weight_map`, 'an object from the names of tensors to files', `none in ${show(json)}`, suggestion);
  }
  if (typeof weight_map !== 'object' || weight_map === null || Array.isArray(weight_map)) {
    fail(`${path}: weight_map`, 'an object from the names of tensors to files', show(weight_map));
  }
  for (const [name, file] of Object.entries<unknown>(weight_map)) {
    if (typeof file !== 'string' || file === '' || leavesFolder(file)) {
      fail(where(`${path}: weight_map`, name), 'a file in the folder of the index', show(file));
    }
  }
  return new Map(Object.entries<string>(weight_map));
}

function leavesFolder(file: string): boolean {
  return /^([\\/]|[a-z]:)/i.test(file) || file.split(/[\\/]/).includes('..');
}
