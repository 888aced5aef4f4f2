import { dirname, join } from 'node:path';
import type { FeatureMapData } from '../tasks/extractor.js';
import { makeFolder, writeFileAtomically } from '../weights/atomic.js';
import { toBytes } from '../weights/dtypes.js';
import { writeSafetensors } from '../weights/write-safetensors.js';
import { STATE } from './journal.js';
import { toNpy } from './npy.js';

/** How features are written: a file for each picture, one for each map, or one for all. */
export const FORMATS = ['safetensors', 'npy', 'json', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

/** Writes a file and the folders above it. Throws E_OUTPUT. */
export async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileAtomically(path, (handle) => handle.writeFile(bytes));
}

/**
 * Writes the maps of a picture, and gives the files, seen from `out`. For the formats with one file for all that is a part,
 * for `merge`. Throws E_OUTPUT.
 */
export async function writeMaps(
  format: Format,
  out: string,
  name: string,
  maps: readonly FeatureMapData[],
): Promise<readonly string[]> {
  if (format === 'npy') {
    const files = maps.map((map) => `${name}.${map.name}.npy`);
    for (const [i, { data, shape }] of maps.entries()) await writeFile(join(out, files[i]), toNpy(data, shape));
    return files;
  }
  const file = `${format === 'safetensors' ? name : join(STATE, name)}.safetensors`;
  const tensors = maps.map(({ name, shape, data }) => {
    return { name, dtype: 'F32', shape, bytes: toBytes('F32', data) } as const;
  });
  await makeFolder(dirname(join(out, file)));
  await writeSafetensors(join(out, file), tensors);
  return [file];
}
