import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ConvNextV2Error } from '../src/errors.js';
import { readSafetensors } from '../src/weights/checkpoint.js';
import { toBytes } from '../src/weights/dtypes.js';
import type { OpenFile } from '../src/weights/file.js';

/** A file of the goldens. */
export function golden(...names: readonly string[]): string {
  return join(fileURLToPath(new URL('./golden', import.meta.url)), ...names);
}

/** The bytes of a safetensors file: a header (an object, or its text) after its length, then the data. */
export function safetensorsFile(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json =
    header instanceof Uint8Array ? header : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return new Uint8Array(Buffer.concat([length, json, data]));
}

/** A safetensors file of floats with a tensor `extra` more, and it and those of these names in a dtype that is not read. */
export async function withUnreadable(path: string, names: readonly string[]): Promise<Uint8Array> {
  const loaded = readSafetensors(await readBytes(path), path);
  loaded.set('extra', { dtype: 'F32', shape: [2], data: new Float32Array(2) });
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let begin = 0;
  for (const [name, { shape, data }] of loaded) {
    const isOdd = name === 'extra' || names.includes(name);
    parts.push(isOdd ? new Uint8Array(data.length) : toBytes('F32', data));
    const end = begin + parts.at(-1)!.length;
    header[name] = { dtype: isOdd ? 'F8_E4M3' : 'F32', shape, data_offsets: [begin, end] };
    begin = end;
  }
  return safetensorsFile(header, Buffer.concat(parts));
}

/** Milliseconds after which a process is taken to hang: far more than any needs, on a machine as busy as can be. */
export const PATIENCE = 600_000;

/** Waits until this is so; throws where it has not come about after PATIENCE. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const start = performance.now(); !(await isSo()); await pause(20)) {
    if (performance.now() - start > PATIENCE) throw new Error(`not so after ${PATIENCE} ms: ${isSo}`);
  }
}

/** Runs in a new folder that is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'convnextv2-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The error that this throws, which has to be one of ours. */
export async function failure(work: () => unknown): Promise<ConvNextV2Error> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ConvNextV2Error) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** How many files of this folder the process has open, where the system tells (Linux). */
export async function openFiles(folder: string): Promise<number> {
  const descriptors = await readdir('/proc/self/fd').catch(() => []);
  const paths = await Promise.all(descriptors.map((name) => readlink(join('/proc/self/fd', name)).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder)).length;
}

export async function readBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path));
}

/** These bytes as a file that is open. */
export function inMemory(bytes: Uint8Array): OpenFile {
  const read = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
    const part = bytes.subarray(position, position + length);
    buffer.set(part, offset);
    return { bytesRead: part.length };
  };
  return { path: 'file', size: bytes.length, handle: { read, close: async () => {} } };
}
