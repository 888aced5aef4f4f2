import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { type Format, writeMaps } from '../../src/cli/formats.js';
import { merge } from '../../src/cli/merge.js';
import { toNpy } from '../../src/cli/npy.js';
import { readSafetensors } from '../../src/index.js';
import { inFolder } from '../helpers.js';

const MAPS = [
  { name: 'stage1', data: Float32Array.of(0.1, -2, 3, 4, 5, 6), shape: [1, 3, 2], stride: 4 },
  { name: 'pooler_output', data: Float32Array.of(1e-30, 0.5), shape: [2], stride: 32 },
];

describe('cli: formats of features', () => {
  it('safetensors: a file a picture', () =>
    inFolder(async (out) => {
      expect(await writeMaps('safetensors', out, 'a/b', MAPS)).to.deep.equal(['a/b.safetensors']);
      const written = readSafetensors(readFileSync(join(out, 'a/b.safetensors')), 'b');
      expect(new Set(written.keys())).to.deep.equal(new Set(['stage1', 'pooler_output']));
      for (const { name, data, shape } of MAPS) expect(written.get(name)).to.deep.equal({ dtype: 'F32', data, shape });
    }));

  it('npy: a file a map', () =>
    inFolder(async (out) => {
      const files = ['a/b.stage1.npy', 'a/b.pooler_output.npy'];
      expect(await writeMaps('npy', out, 'a/b', MAPS)).to.deep.equal(files);
      const bytes = readFileSync(join(out, files[1]));
      // 10 bytes, a header of 118, and 2 values of 4 bytes, little end first
      expect(bytes).to.have.length(128 + 8);
      expect([...new Float32Array(new Uint8Array(bytes.subarray(128)).buffer)]).to.deep.equal([...MAPS[1].data]);
    }));

  it('npy: the header that numpy writes', () => {
    // numpy.save of float32 zeros [3, 4], as numpy 2 wrote it
    const header = `\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }${' '.repeat(58)}\n`;
    const bytes = Buffer.from(toNpy(new Float32Array(12), [3, 4]));
    expect(bytes.subarray(0, 128).toString('latin1')).to.equal(header);
    expect(bytes).to.have.length(128 + 48);
    const vector = Buffer.from(toNpy(new Float32Array(3), [3])).toString('latin1');
    expect(vector).to.contain("'shape': (3,), }");
    for (let digits = 1; digits < 80; digits++) {
      const shape = Array(digits).fill(1);
      const start = Buffer.from(toNpy(new Float32Array(1), shape)).length - 4;
      expect([start % 64, start - 10]).to.deep.equal([
        0,
        Buffer.from(toNpy(new Float32Array(1), shape)).readUInt16LE(8),
      ]);
    }
  });

  /** Merges the maps of two pictures. */
  async function merged(format: Format & ('json' | 'parquet'), out: string, maps = MAPS): Promise<string> {
    const parts = [];
    for (const picture of ['p/z.png', 'p/a "☃".png']) {
      const [file] = await writeMaps(format, out, picture, maps);
      parts.push({ picture, file: join(out, file) });
    }
    const path = await merge(format, out, parts);
    expect(path).to.equal(join(out, `features.${format}`));
    return path;
  }

  /** The rows of both pictures, in the order of the parts; of each the maps by their names. */
  const ROWS = ['p/z.png', 'p/a "☃".png'].flatMap((path) =>
    [MAPS[1], MAPS[0]].map(({ name, shape, data }) => ({ path, map: name, shape, values: [...data] })),
  );

  it('json: one file, a line a map', () =>
    inFolder(async (out) => {
      const text = readFileSync(await merged('json', out), 'utf8');
      expect(JSON.parse(text)).to.deep.equal(ROWS);
      expect(text.split('\n')).to.have.length(1 + 4 + 2);
      expect(JSON.parse(readFileSync(await merge('json', out, []), 'utf8'))).to.deep.equal([]);
    }));

  it('parquet: one file, a row a map', () =>
    inFolder(async (out) => {
      const file = await asyncBufferFromFile(await merged('parquet', out));
      expect(await parquetReadObjects({ file })).to.deep.equal(ROWS);
      expect(Number((await parquetMetadataAsync(file)).num_rows)).to.equal(4);
    }));

  it('parquet: ends a group of rows before it fills the memory', () =>
    inFolder(async (out) => {
      const data = Float32Array.from({ length: 150_000 }, (_, i) => i);
      const large = ['a', 'b', 'c'].map((name) => ({ name, data, shape: [150_000], stride: 1 }));
      const file = await asyncBufferFromFile(await merged('parquet', out, large));
      const { row_groups } = await parquetMetadataAsync(file);
      // two rows have more than 2^18 values
      expect(row_groups.map(({ num_rows }) => Number(num_rows))).to.deep.equal([2, 2, 2]);
      const [row] = await parquetReadObjects({ file, rowStart: 5, rowEnd: 6 });
      expect([row.path, row.map, row.values[149_999]]).to.deep.equal(['p/a "☃".png', 'c', 149_999]);
    }));
});
