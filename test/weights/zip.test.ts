import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { readZip } from '../../src/weights/zip.js';
import { failure, inFolder, inMemory } from '../helpers.js';
import { float32, rebuilt, zipOf } from './torch-files.js';

const open = async (folder: string, file: Uint8Array) => {
  const path = join(folder, 'file.pt');
  await writeFile(path, file);
  return openCheckpoint(path);
};

describe('zip files', () => {
  const pickled = `}X\x01\0\0\0x${rebuilt(1, 0, [1], [1])}s.`;
  const entries = { 'a/data.pkl': Buffer.from(pickled, 'latin1'), 'a/data/0': float32(7) };
  const refused = (file: Uint8Array) =>
    inFolder(async (folder) => {
      const error = await failure(() => open(folder, file));
      expect(error.code).to.equal('E_ZIP');
      throw error; // for the message
    }).catch((error) => error.message as string);

  it('reads what is stored', () =>
    inFolder(async (folder) => {
      const checkpoint = await open(folder, zipOf(entries));
      expect(await checkpoint.readFloat32('x')).to.deep.equal(new Float32Array([7]));
      await checkpoint.close();
    }));

  it('reads a directory of many parts, whichever way its records are cut', async () => {
    // it is read 4,096 bytes at a time, but for the last 65,557, where the library looks for its end
    const long = Array.from({ length: 20 }, (_, i) => `${'long'.repeat(1000)}${i}`);
    for (let length = 1; length < 60; length++) {
      // the second record has its name from byte 46 + 4000 + 46 = 4092 on
      const names = ['a'.repeat(4000), 'b'.repeat(length), ...long];
      const lengths = names.map((_, i) => (i === 0 ? 20_000 : i % 5));
      const { locate } = await readZip(
        inMemory(zipOf(Object.fromEntries(names.map((name, i) => [name, new Uint8Array(lengths[i])])))),
      );
      let at = 0;
      for (const [i, name] of names.entries()) {
        at += 30 + name.length; // its local header
        expect(await locate(name), `${length}`).to.deep.equal({ begin: at, end: at + lengths[i] });
        at += lengths[i];
      }
    }
  });

  it('refuses what lies beyond the file, or across its end', async () => {
    const bytes = Buffer.from(zipOf({ a: new Uint8Array(5) }));
    const offset = bytes.indexOf('PK\x01\x02', 0, 'latin1') + 42; // of the entry, in its record of the directory
    for (const place of [bytes.length - 1, bytes.length, 0xfffffff0]) {
      bytes.writeUInt32LE(place, offset);
      const { locate } = await readZip(inMemory(bytes));
      expect((await failure(() => locate('a'))).got).to.equal('a place beyond the end of the file');
    }
  });

  it('refuses what its directory does not say rightly', async () => {
    expect(await refused(zipOf({ ...entries, 'b/data.pkl': Buffer.from('N.') }))).to.contain('got several');
    expect(await refused(zipOf({ 'a/data/0': float32(7) }))).to.contain("wanted torch's data.pkl, got none");
    expect(await refused(zipOf({ 'a/data.pkl': entries['a/data.pkl'] }))).to.contain('wanted an entry a/data/0');
    expect(await refused(zipOf(entries, { twice: 'a/data/0' }))).to.contain('twice');
    expect(await refused(zipOf(entries, { method: 8 }))).to.contain('a compressed one');
    expect(await refused(zipOf(entries, { flags: 1 }))).to.match(/\d+ bytes, got \d+ stored/); // encrypted
    expect(await refused(zipOf(entries, { shared: true }))).to.contain('two that share byte');
    expect(await refused(zipOf(entries, { count: 9 }))).to.match(/central directory|beyond the end/);
    expect(await refused(zipOf(entries).subarray(0, -1))).to.contain('wanted a zip file in order');
  });

  it('takes entries in any order, and none for a pickle that is not called so', () =>
    inFolder(async (folder) => {
      const { 'a/data.pkl': pickle, 'a/data/0': storage } = entries;
      const checkpoint = await open(
        folder,
        zipOf({ 'a/my-data.pkl': Buffer.of(), 'a/data/0': storage, 'a/data.pkl': pickle }),
      );
      expect(await checkpoint.readFloat32('x')).to.deep.equal(new Float32Array([7]));
      await checkpoint.close();
    }));

  it('refuses a pickle of a size that no tensors need', () =>
    inFolder(async (folder) => {
      const long = zipOf({ 'a/data.pkl': new Uint8Array(2 ** 27 + 1) });
      expect((await failure(() => open(folder, long))).code).to.equal('E_LIMIT');
    }));

  it('refuses more entries than it would go through', () =>
    inFolder(async (folder) => {
      expect((await failure(() => open(folder, zipOf(entries, { count: 20_001 })))).code).to.equal('E_LIMIT');
    }));

  it('refuses big-endian numbers', () =>
    inFolder(async (folder) => {
      const error = await failure(() => open(folder, zipOf({ ...entries, 'a/byteorder': Buffer.from('big') })));
      expect([error.code, error.got]).to.deep.equal(['E_PICKLE', 'byteorder "big"']);
    }));
});
