import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { verifyCheckpoints } from '../../src/tasks/verify.js';
import { golden, inFolder } from '../helpers.js';
import '../../src/index.js';

describe('verifyCheckpoints', () => {
  const source = golden('checkpoints', 'hf');

  /** The source with another last value. */
  const withLast = async (folder: string, value: number) => {
    await cp(source, folder, { recursive: true });
    const path = join(folder, 'model.safetensors');
    const bytes = await readFile(path);
    bytes.writeFloatLE(value, bytes.length - 4);
    await writeFile(path, bytes);
    return bytes.readFloatLE(bytes.length - 4);
  };

  it('says how far apart values are, and that NaN is from any number', () =>
    inFolder(async (folder) => {
      const last = (await readFile(join(source, 'model.safetensors'))).readFloatLE(15_888);
      const near = (await withLast(join(folder, 'near'), last + 0.5)) - last;
      const found = await verifyCheckpoints(source, join(folder, 'near'));
      expect(found.different.map(({ distance }) => distance)).to.deep.equal([near]);
      expect((await verifyCheckpoints(source, join(folder, 'near'), { tolerance: near })).same).to.equal(true);
      await withLast(join(folder, 'none'), Number.NaN);
      const none = await verifyCheckpoints(join(folder, 'none'), source, { tolerance: 9 });
      expect(none).to.deep.include({ same: false, compared: 60 });
      expect(none.different.map(({ distance }) => distance)).to.deep.equal([Number.POSITIVE_INFINITY]);
      expect((await verifyCheckpoints(join(folder, 'none'), join(folder, 'none'))).same).to.equal(true);
    }));
});
