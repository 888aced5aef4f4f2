import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConvNextV2Error } from '../../src/errors.js';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { golden } from '../helpers.js';
import { mutate, random } from './mutate.js';

/** For each reader the files that mutants are made from. */
export const SEEDS: Readonly<Record<string, readonly string[]>> = {
  safetensors: ['checkpoints/timm-features.safetensors', 'checkpoints-bad/name-proto.safetensors'],
  pickle: ['checkpoints/hf-bin-legacy/pytorch_model.bin', 'checkpoints-bad/calls-system-raw.bin'],
  zip: [
    'checkpoints-bad/view-past-its-storage.bin',
    'checkpoints-bad/unknown-class.bin',
    'checkpoints/fcmae-dense.pth',
  ],
  index: ['checkpoints/hf-sharded/model.safetensors.index.json'],
  h5: ['checkpoints/tf/tf_model.h5'],
};

/** The first bytes of a file count most: there lie header, pickle and directory. */
const INTERESTING_BYTES = 12_000;

export interface FuzzReport {
  readonly inputs: number;
  /** How many were opened all the same. */
  readonly opened: number;
  readonly refused: Readonly<Record<string, number>>;
  /** The longest that one took, in milliseconds. */
  readonly slowest: number;
  /** The most bytes that one allocated beyond four times its size. */
  readonly mostBytes: number;
}

/**
 * Opens so many mutants, and reads the first tensors of those that open. Throws what is no error of ours, with the seed of the
 * input.
 */
export async function fuzz(reader: string, count: number, seed: number, folder: string): Promise<FuzzReport> {
  const originals = SEEDS[reader].map((file) => new Uint8Array(readFileSync(golden(...file.split('/')))));
  const path = join(folder, `mutant-of-${reader}`);
  const refused: Record<string, number> = {};
  let [opened, slowest, mostBytes] = [0, 0, Number.NEGATIVE_INFINITY];
  const descriptor = openSync(path, 'w');
  for (let input = 0; input < count; input++) {
    const below = random(seed + input);
    const original = originals[below(originals.length)];
    const bytes = mutantOf(original, reader, below);
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    const [before, start] = [memory(), performance.now()];
    try {
      await openAndRead(path);
      opened++;
    } catch (error) {
      if (!(error instanceof ConvNextV2Error))
        throw new Error(`${reader}, seed ${seed + input}: ${error}`, { cause: error });
      refused[error.code] = (refused[error.code] ?? 0) + 1;
    }
    slowest = Math.max(slowest, performance.now() - start);
    mostBytes = Math.max(mostBytes, memory() - before - 4 * bytes.length);
  }
  closeSync(descriptor);
  return { inputs: count, opened, refused, slowest, mostBytes };
}

/** A mutant; in most of them the changes are where they matter, and the rest of a large file is kept. */
function mutantOf(original: Uint8Array, reader: string, below: (limit: number) => number): Uint8Array {
  if (original.length <= INTERESTING_BYTES || below(4) === 0) return mutate(original, below);
  // a zip file's directory is at its end
  const atEnd = reader === 'zip' && below(2) === 0;
  const cut = atEnd ? original.length - INTERESTING_BYTES : INTERESTING_BYTES;
  const parts = [original.subarray(0, cut), original.subarray(cut)];
  const changed = parts.map((part, i) => (i === (atEnd ? 1 : 0) ? mutate(part, below) : part));
  return new Uint8Array(Buffer.concat(changed));
}

async function openAndRead(path: string): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  try {
    for (const name of [...checkpoint.tensors.keys()].slice(0, 3)) await checkpoint.readFloat32(name);
  } finally {
    await checkpoint.close();
  }
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
