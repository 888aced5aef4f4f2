import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import { type LoadedTensor, readSafetensors } from '../../src/weights/checkpoint.js';

/** A case.json, as far as every family has it. */
export interface Case {
  readonly family: string;
  readonly name: string;
  readonly call: string;
  readonly layout: string;
  readonly files: Readonly<Record<string, string>>;
  readonly tolerance: Readonly<Record<string, number>>;
  readonly args?: Readonly<Record<string, any>>;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly [key: string]: any;
}

/** Runs a case, and gives a line for each thing that is wrong. */
export type Family = (folder: string, spec: any) => Promise<string[]>;

export interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** The tensors of one of the case's files, by name. */
export async function readTensors(
  folder: string,
  spec: Case,
  role: string,
): Promise<ReadonlyMap<string, LoadedTensor>> {
  const path = join(folder, spec.files[role]);
  return readSafetensors(await readFile(path), path);
}

export async function readJson(folder: string, spec: Case, role: string): Promise<any> {
  return JSON.parse(await readFile(join(folder, spec.files[role]), 'utf8'));
}

/** A tensor's values; the tensor is disposed. */
export async function take(tensor: tf.Tensor): Promise<Values> {
  const values = { shape: tensor.shape, data: await tensor.data() };
  tensor.dispose();
  return values;
}

/** Compares everything wanted with everything got: names on both sides, shapes, NaN, and max |got - want| / max |want|. */
export function compareAll(
  label: string,
  got: ReadonlyMap<string, Values>,
  want: ReadonlyMap<string, Values>,
  tolerance: number,
): string[] {
  const failures: string[] = [];
  for (const name of got.keys()) if (!want.has(name)) failures.push(`${label} ${name}: not among the wanted`);
  for (const [name, wanted] of want) {
    const values = got.get(name);
    const failure = values ? compare(values, wanted, tolerance) : 'missing';
    if (failure) failures.push(`${label} ${name}: ${failure}`);
  }
  return failures;
}

/** What is wrong with these values, or undefined. A wanted NaN must be NaN. */
export function compare(got: Values, want: Values, tolerance: number): string | undefined {
  if (got.shape.join() !== want.shape.join())
    return `shape [${got.shape.join(', ')}], wanted [${want.shape.join(', ')}]`;
  let largest = 0;
  let worst = 0;
  let at = 0;
  for (let i = 0; i < want.data.length; i++) {
    const [g, w] = [got.data[i], want.data[i]];
    if (Number.isNaN(w) && Number.isNaN(g)) continue;
    largest = Math.max(largest, Math.abs(w));
    const difference = g === w ? 0 : Math.abs(g - w);
    if (!(difference <= worst)) {
      worst = difference;
      at = i;
      if (Number.isNaN(difference)) break;
    }
  }
  // a NaN on one side alone is never within
  if (worst <= tolerance * largest) return undefined;
  const error = (worst / Math.max(largest, 1e-12)).toExponential(2);
  return `off by ${error} of the largest value (tolerance ${tolerance}): got ${got.data[at]}, wanted ${want.data[at]} at ${at}`;
}

/** Compares whole numbers, texts and decisions, exactly. */
export function compareJson(got: any, want: any, path = 'outputs'): string[] {
  if (typeof want !== 'object' || want === null) {
    return Object.is(got, want) ? [] : [`${path}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(want)}`];
  }
  const names = new Set([...Object.keys(want), ...Object.keys(Object(got))]);
  return [...names].flatMap((name) => compareJson(Object(got)[name], want[name], `${path}.${name}`));
}
