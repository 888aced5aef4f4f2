import { cpSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import type { Checkpoint } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { openShardedSafetensors } from '../../src/weights/checkpoint.js';
import { hdf5With, type OpenHdf5 } from '../../src/weights/hdf5-reader.js';
import { readCheckpoint } from '../../src/weights/open-checkpoint.js';
import { golden, inMemory } from '../helpers.js';
import { mutate, random } from './mutate.js';
import { type Reader, SEEDS } from './seeds.js';

export interface FuzzReport {
  readonly inputs: number;
  /** How many were opened all the same. */
  readonly opened: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Milliseconds that the slowest took, and its seed. */
  readonly slowest: readonly [number, number];
  /** The most bytes that one allocated beyond four times its size, and its seed. */
  readonly mostBytes: readonly [number, number];
}

/** What opens mutants and reads their first tensors. */
type Open = (bytes: Uint8Array) => Promise<void>;

/**
 * Opens so many mutants, and reads the first tensors of those that open. Throws what is no error of ours, with the seed of the
 * input. `onInput` is told of each before it is opened.
 */
export async function fuzz(
  reader: Reader,
  count: number,
  seed: number,
  folder: string,
  onInput: (seed: number) => void = () => {},
): Promise<FuzzReport> {
  const originals = SEEDS[reader]();
  const open = await openerOf(reader, folder);
  for (const original of originals) await outcome(open, original); // loads what is loaded once
  const refused: Record<string, number> = {};
  let opened = 0;
  let slowest: readonly [number, number] = [0, seed];
  let mostBytes: readonly [number, number] = [Number.NEGATIVE_INFINITY, seed];
  for (let input = seed; input < seed + count; input++) {
    const below = random(input);
    const bytes = mutate(originals[below(originals.length)], reader, below);
    onInput(input);
    const [before, start] = [memory(), performance.now()];
    const found = await outcome(open, bytes);
    const [milliseconds, more] = [performance.now() - start, memory() - before - 4 * bytes.length];
    if (found === undefined) opened++;
    else if (found instanceof ConvNextV2Error) refused[found.code] = (refused[found.code] ?? 0) + 1;
    else throw new Error(`${reader}, seed ${input}: ${found.stack}`, { cause: found });
    if (milliseconds > slowest[0]) slowest = [milliseconds, input];
    if (more > mostBytes[0]) mostBytes = [more, input];
  }
  return { inputs: count, opened, refused, slowest, mostBytes };
}

/** Undefined where it opens. */
async function outcome(open: Open, bytes: Uint8Array): Promise<Error | undefined> {
  try {
    await open(bytes);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

async function openerOf(reader: Reader, folder: string): Promise<Open> {
  if (reader === 'h5') return hdf5Opener();
  if (reader === 'index') {
    // it is read by its path, and so are the files beside it
    cpSync(golden('checkpoints', 'hf-sharded'), folder, { recursive: true });
    const path = join(folder, 'model.safetensors.index.json');
    return async (bytes) => {
      await writeFile(path, bytes);
      await readFirst(openShardedSafetensors(path));
    };
  }
  return (bytes) => readFirst(readCheckpoint(inMemory(bytes)));
}

/** By its file, so that it can be loaded anew. */
const H5WASM = new URL('../../node_modules/h5wasm/dist/esm/hdf5_hl.js', import.meta.url);

async function hdf5Opener(): Promise<Open> {
  let open: OpenHdf5 | undefined;
  let loaded = 0;
  return async (bytes) => {
    const read = (into: Uint8Array, offset: number, length: number, position: number) => {
      const part = bytes.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    };
    open ??= await hdf5With(await import(`${H5WASM}?${loaded++}`));
    try {
      const { tensors, readValues } = open({ path: 'mutant', size: bytes.length, read });
      for (const name of [...tensors.keys()].slice(0, 3)) readValues(name);
    } catch (error) {
      // it broke down, and is of no use afterwards
      if (Object(error).cause instanceof WebAssembly.RuntimeError) open = undefined;
      throw error;
    }
  };
}

async function readFirst(opening: Promise<Checkpoint>): Promise<void> {
  const checkpoint = await opening;
  try {
    for (const name of [...checkpoint.tensors.keys()].slice(0, 3)) await checkpoint.readFloat32(name);
  } finally {
    await checkpoint.close();
  }
}

/** A collection of garbage in between can only make it less; that happens to one in hundreds. */
function memory(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
