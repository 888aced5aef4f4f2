import { type FileHandle, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { writeFileAtomically } from '../weights/atomic.js';
import { readSafetensors } from '../weights/checkpoint.js';

/** A picture, and the part that `writeMaps` made of it. */
export interface Part {
  readonly picture: string;
  readonly file: string;
}

/** Puts the parts into one file, in this order; gives the file. Throws E_OUTPUT. */
export async function merge(format: 'json' | 'parquet', out: string, parts: readonly Part[]): Promise<string> {
  const path = join(out, `features.${format}`);
  await writeFileAtomically(path, (handle) => (format === 'json' ? writeJson : writeParquet)(handle, rowsOf(parts)));
  return path;
}

/** A map of a picture. */
interface Row {
  readonly path: string;
  readonly map: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

async function* rowsOf(parts: readonly Part[]): AsyncGenerator<Row> {
  for (const { picture, file } of parts) {
    for (const [map, { shape, data }] of readSafetensors(await readFile(file), file)) {
      yield { path: picture, map, shape, values: Array.from(data) };
    }
  }
}

async function writeJson(handle: FileHandle, rows: AsyncIterable<Row>): Promise<void> {
  let before = '';
  await handle.writeFile('[');
  for await (const row of rows) {
    await handle.writeFile(`${before}\n${JSON.stringify(row)}`);
    before = ',';
  }
  await handle.writeFile('\n]\n');
}

const list = (name: string, type: 'INT32' | 'FLOAT'): SchemaElement[] => [
  { name, repetition_type: 'REQUIRED', converted_type: 'LIST', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'REQUIRED', type },
];
const text = (name: string): SchemaElement => ({
  name,
  repetition_type: 'REQUIRED',
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
});
const SCHEMA = [
  { name: 'root', num_children: 4 },
  text('path'),
  text('map'),
  ...list('shape', 'INT32'),
  ...list('values', 'FLOAT'),
];

/** A group of rows ends with so many values, since it is made in memory. */
const VALUES_IN_A_GROUP = 2 ** 18;

async function writeParquet(handle: FileHandle, rows: AsyncIterable<Row>): Promise<void> {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({ writer: bytes, schema: SCHEMA, codec: 'UNCOMPRESSED', statistics: false });
  const flush = async () => {
    await handle.writeFile(bytes.getBytes());
    bytes.index = 0;
  };
  let group: Row[] = [];
  let size = 0;
  const writeGroup = async () => {
    const columnData = (['path', 'map', 'shape', 'values'] as const).map((name) => ({
      name,
      data: group.map((row) => row[name]),
    }));
    writer.write({ columnData, rowGroupSize: group.length });
    await flush();
    group = [];
    size = 0;
  };
  for await (const row of rows) {
    group.push(row);
    size += row.values.length;
    if (size >= VALUES_IN_A_GROUP) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  writer.finish();
  await flush();
}
