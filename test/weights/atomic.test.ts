import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConvNextV2Error } from '../../src/errors.js';
import { makeFolder, writeFileAtomically } from '../../src/weights/atomic.js';
import { failure, inFolder, openFiles } from '../helpers.js';

/** A folder with a file `x` that holds "old". */
function inFolderWithFile(work: (path: string, folder: string) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const path = join(folder, 'x');
    await writeFile(path, 'old');
    await work(path, folder);
  });
}

describe('writeFileAtomically', () => {
  it('replaces the file when all is written', () =>
    inFolderWithFile(async (path, folder) => {
      await writeFileAtomically(path, async (handle) => {
        await handle.writeFile('ne');
        expect(await readFile(path, 'utf8')).to.equal('old');
        await handle.writeFile('w');
      });
      expect(await readFile(path, 'utf8')).to.equal('new');
      expect(await readdir(folder)).to.deep.equal(['x']);
      expect(await openFiles(folder)).to.equal(0);
    }));

  it('makes a file that was not there, with a name as long as names can be', () =>
    inFolder(async (folder) => {
      const name = 'x'.repeat(255);
      await writeFileAtomically(join(folder, name), async (handle) => handle.writeFile('new'));
      expect(await readdir(folder)).to.deep.equal([name]);
    }));

  it('keeps the old file when writing fails, and passes on what the writer threw', () =>
    inFolderWithFile(async (path, folder) => {
      for (const thrown of [
        new TypeError('a fault'),
        new ConvNextV2Error('E_LIMIT', { path: '', wanted: '', got: '' }),
      ]) {
        const work = writeFileAtomically(path, async (handle) => {
          await handle.writeFile('half of the new');
          throw thrown;
        });
        expect(await work.catch((error) => error)).to.equal(thrown);
        expect(await readFile(path, 'utf8')).to.equal('old');
        expect(await readdir(folder)).to.deep.equal(['x']);
      }
      expect(await openFiles(folder)).to.equal(0);
    }));

  it('says what the system says', () =>
    inFolderWithFile(async (path, folder) => {
      await mkdir(join(folder, 'taken'));
      const write = (path: string, code?: string) =>
        failure(() =>
          writeFileAtomically(path, async () => {
            if (code !== undefined) throw Object.assign(new Error(code), { code });
          }),
        );
      const missing = join(folder, 'none', 'y');
      expect(await write(missing)).to.include({ code: 'E_OUTPUT', path: missing, got: 'ENOENT' });
      expect(await write(join(path, 'y'))).to.include({ code: 'E_OUTPUT', got: 'ENOTDIR' });
      expect(await write(join(folder, 'taken'))).to.include({ code: 'E_OUTPUT', got: 'EISDIR' });
      expect(await write(join(folder, 'a\0b'))).to.include({ code: 'E_OUTPUT' });
      expect(await write(path, 'ENOSPC')).to.include({ code: 'E_OUTPUT', path, got: 'ENOSPC' });
      expect(await readdir(folder)).to.deep.equal(['taken', 'x']);
    }));
});

describe('makeFolder', () => {
  it('makes a folder and those above it, and leaves one that is there', async () => {
    await inFolder(async (folder) => {
      const deep = join(folder, 'a', 'b');
      await makeFolder(deep);
      await writeFile(join(deep, 'kept'), '');
      await makeFolder(deep);
      expect(await readdir(deep)).to.deep.equal(['kept']);
    });
  });

  it('says where it cannot, and does not wait for ever', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      const wanted = { code: 'E_OUTPUT', path: join(folder, 'file'), got: 'a file' };
      expect(await failure(() => makeFolder(join(folder, 'file')))).to.include(wanted);
      expect(await failure(() => makeFolder(join(folder, 'file', 'below', 'it')))).to.include(wanted);
      // on Linux, mkdir with `recursive` never comes back from here
      if (process.platform === 'linux')
        expect((await failure(() => makeFolder('/proc/none'))).code).to.equal('E_OUTPUT');
    });
  });
});
