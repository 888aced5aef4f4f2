import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { readJsonFile } from '../config/read-json.js';
import { ConvNextV2Error } from '../errors.js';
import { makeFolder, writeFileAtomically } from '../weights/atomic.js';
import { checkModelJson } from './model-json.js';

const SCHEME = 'file://';
const MODEL = 'model.json';
const WEIGHTS = 'weights.bin';

/**
 * Lets tfjs save models to files and load them, by `file://PATH`, where nothing else does: tfjs has no handler for files in
 * Node but that of its TensorFlow package. PATH is taken as it is, relative or absolute; to save, a folder; to load, it or the
 * model.json in it.
 */
export function registerFileHandler(): void {
  register(tf.io.getSaveHandlers, tf.io.registerSaveRouter);
  register(tf.io.getLoadHandlers, tf.io.registerLoadRouter);
}

type Router = Parameters<typeof tf.io.registerSaveRouter>[0];

function register(find: (url: string) => readonly tf.io.IOHandler[], add: (router: Router) => void): void {
  if (find(`${SCHEME}x`).length > 0) return;
  let isAsking = false;
  const router = (url: string | string[]) => {
    if (isAsking || typeof url !== 'string' || !url.startsWith(SCHEME)) return null;
    isAsking = true; // for another's handler, which may have come later: tfjs takes none where there are two
    try {
      return find(url).length > 0 ? null : fileHandler(url.slice(SCHEME.length));
    } finally {
      isAsking = false;
    }
  };
  add(router as Router);
}

function fileHandler(path: string): tf.io.IOHandler {
  return { save: (artifacts) => save(artifacts, path), load: () => load(path) };
}

/** Writes weights.bin and model.json, each whole or not at all. Throws E_OUTPUT. */
async function save(artifacts: tf.io.ModelArtifacts, folder: string): Promise<tf.io.SaveResult> {
  const { weightData = [], weightSpecs = [], getWeightStream, ...rest } = artifacts;
  const modelArtifactsInfo = tf.io.getModelArtifactsInfoForJSON(artifacts);
  const model = { ...rest, weightsManifest: [{ paths: [WEIGHTS], weights: weightSpecs }] };
  await makeFolder(folder);
  await writeFileAtomically(join(folder, WEIGHTS), async (handle) => {
    for (const buffer of [weightData].flat()) await handle.writeFile(new Uint8Array(buffer));
  });
  await writeFileAtomically(join(folder, MODEL), (handle) => handle.writeFile(JSON.stringify(model)));
  return { modelArtifactsInfo };
}

/** Throws E_SOURCE, E_JSON, E_LIMIT, E_CONFIG for a model.json that is not in order, E_WEIGHTS where the sizes do not fit. */
async function load(path: string): Promise<tf.io.ModelArtifacts> {
  const file = path.endsWith('.json') ? path : join(path, MODEL);
  return readModel(await readJsonFile(file), file);
}

/** What a model.json of tfjs and the files that it names hold; `file` is where it lies. Throws as loading it does. */
export async function readModel(modelJson: unknown, file: string): Promise<tf.io.ModelArtifacts> {
  const { json, groups } = checkModelJson(modelJson, file);
  const weightData: ArrayBuffer[] = [];
  for (const { paths, bytes } of groups) {
    const files = paths.map((name) => join(dirname(file), name));
    const sizes = await Promise.all(files.map(sizeOf));
    const size = sizes.reduce((sum, size) => sum + size, 0);
    if (size !== bytes) {
      const wanted = `${bytes} bytes, as ${basename(file)} says`;
      throw new ConvNextV2Error('E_WEIGHTS', { path: files.join(', '), wanted, got: `${size} bytes` });
    }
    for (const [i, file] of files.entries()) weightData.push(await readBytes(file, sizes[i]));
  }
  // where the last is longer than the others, which are alike, tfjs reads zeros from it
  weightData.push(new ArrayBuffer(0));
  return tf.io.getModelArtifactsForJSON(json, async (manifest) => [tf.io.getWeightSpecs(manifest), weightData]);
}

async function sizeOf(path: string): Promise<number> {
  const found = await reading(path, () => stat(path));
  // opening a named pipe would wait for its other end
  if (!found.isFile())
    throw new ConvNextV2Error('E_SOURCE', { path, wanted: 'a file of weights', got: 'no plain file' });
  return found.size;
}

/** At most so many bytes in one request: the system takes no more than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

function readBytes(path: string, size: number): Promise<ArrayBuffer> {
  return reading(path, async () => {
    const bytes = new Uint8Array(size);
    const handle = await open(path);
    try {
      for (let done = 0; done < size; ) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(size - done, MAX_READ_BYTES));
        if (bytesRead === 0)
          throw new ConvNextV2Error('E_WEIGHTS', { path, wanted: `${size} bytes`, got: `${done} bytes` });
        done += bytesRead;
      }
    } finally {
      await handle.close();
    }
    return bytes.buffer;
  });
}

/** Runs what reads a file; what the system says against it becomes an error of ours. */
async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const isTooLarge = cause instanceof RangeError;
    const got = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : code;
    const wanted = isTooLarge ? 'weights that fit in memory' : 'a file of weights';
    throw new ConvNextV2Error(isTooLarge ? 'E_LIMIT' : 'E_SOURCE', { path, wanted, got }, { cause });
  }
}
