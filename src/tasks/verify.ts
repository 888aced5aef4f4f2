import type { Checkpoint } from '../contracts.js';
import type { Registry } from '../registry.js';
import type { SourceOptions } from '../weights/source.js';
import { withCheckpoint } from './convert.js';

/** How the tensors of two checkpoints compare. */
export interface Verification {
  /** Whether both hold the same tensors, with values no further apart than the tolerance. */
  readonly same: boolean;
  /** How many tensors both have. */
  readonly compared: number;
  /** Names of the model that one has and the other lacks. */
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  /** Tensors of different shapes, axes of one aside. */
  readonly misshaped: readonly string[];
  /** Tensors that cannot be read in one of the two, or in both. */
  readonly unreadable: readonly string[];
  /** Tensors whose values are further apart than the tolerance, and how far: Infinity where NaN meets a number. */
  readonly different: readonly { readonly name: string; readonly distance: number }[];
}

/**
 * Compares the tensors of two sources, whatever their containers and namings, as float32. `tolerance` is the largest difference
 * of two values that passes; default 0. Throws what opening the sources throws.
 */
export function verifyCheckpoints(
  first: string | URL,
  second: string | URL,
  { tolerance = 0, ...options }: SourceOptions & { readonly tolerance?: number; readonly registry?: Registry } = {},
): Promise<Verification> {
  return withCheckpoint(first, options, (a) => withCheckpoint(second, options, (b) => compare(a, b, tolerance)));
}

async function compare(a: Checkpoint, b: Checkpoint, tolerance: number): Promise<Verification> {
  const [unreadable, misshaped]: string[][] = [[], []];
  const different: { name: string; distance: number }[] = [];
  const both = [...a.tensors.keys()].filter((name) => b.tensors.has(name));
  for (const name of both) {
    if ([a, b].some(({ tensors }) => tensors.get(name)!.unreadable !== undefined)) {
      unreadable.push(name);
      continue;
    }
    const [one, other] = [a, b].map(({ tensors }) => tensors.get(name)!.shape.filter((length) => length !== 1));
    if (`${one}` !== `${other}`) misshaped.push(name);
    else {
      const distance = largestDifference(await a.readFloat32(name), await b.readFloat32(name));
      if (distance > tolerance) different.push({ name, distance });
    }
  }
  const onlyInFirst = [...a.tensors.keys()].filter((name) => !b.tensors.has(name));
  const onlyInSecond = [...b.tensors.keys()].filter((name) => !a.tensors.has(name));
  const isSame = [unreadable, misshaped, different, onlyInFirst, onlyInSecond].every(({ length }) => length === 0);
  return { same: isSame, compared: both.length, onlyInFirst, onlyInSecond, misshaped, unreadable, different };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const distance = Math.abs(a[i] - b[i]);
    largest = Math.max(largest, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
  }
  return largest;
}
