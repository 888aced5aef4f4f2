import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findInputs } from '../../src/cli/inputs.js';
import { inFolder } from '../helpers.js';

/** Runs in a folder with these files, which are empty. */
function withFiles(files: readonly string[], work: () => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    for (const file of files) {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), '');
    }
    const here = process.cwd();
    process.chdir(folder);
    await work().finally(() => process.chdir(here));
  });
}

async function find(...args: readonly string[]) {
  const { inputs, failures } = await findInputs(args);
  return {
    found: inputs.map(({ picture, name }) => `${picture} as ${name}`),
    failures: failures.map(({ message }) => message),
  };
}

describe('cli: pictures', () => {
  it('are files as they are, whatever their ending, there or not', () =>
    withFiles(['a.png', 'notes.txt'], async () => {
      expect((await find('a.png', 'b/c.d.jpg', 'e', 'notes.txt')).found).to.deep.equal([
        'a.png as a',
        'b/c.d.jpg as c.d',
        'e as e',
        'notes.txt as notes',
      ]);
    }));

  it('of a folder are those that end like one, at any depth, in the order of their paths', () =>
    withFiles(
      ['p/b.jpg', 'p/a.PNG', 'p/c/d/e.webp', 'p/c/f.Tiff', 'p/notes.txt', 'p/.hidden.png', 'p/.git/g.png', 'q/h.jpg'],
      async () => {
        const wanted = ['p/a.PNG as a', 'p/b.jpg as b', 'p/c/d/e.webp as c/d/e', 'p/c/f.Tiff as c/f'];
        expect(await find('p')).to.deep.equal({ found: wanted, failures: [] });
        expect((await find('./p/')).found).to.deep.equal(wanted);
        expect((await find('.')).found).to.include('p/c/d/e.webp as p/c/d/e');
      },
    ));

  it('of a pattern are those that match, seen from the folder before it', () =>
    withFiles(['p/a.jpg', 'p/c/b.jpg', 'p/c/b.png', 'q/a.jpg'], async () => {
      expect((await find('p/**/*.jpg')).found).to.deep.equal(['p/a.jpg as a', 'p/c/b.jpg as c/b']);
      expect((await find('*/a.jpg')).found).to.deep.equal(['p/a.jpg as p/a', 'q/a.jpg as q/a']);
      expect((await find(join(process.cwd(), 'p/c/*'))).found).to.deep.equal([
        `${join(process.cwd(), 'p/c/b.jpg')} as b`,
        `${join(process.cwd(), 'p/c/b.png')} as b-2`,
      ]);
      process.chdir('q');
      expect((await find('../p/{a,nope}.jpg')).found).to.deep.equal(['../p/a.jpg as a']);
      // not ../p/c/b: the files would lie outside their folder
      expect((await find('*/../../p/c/b.jpg')).found).to.deep.equal(['../p/c/b.jpg as b']);
    }));

  it('can be called like a pattern', () =>
    withFiles(['a[1].png', 'a1.png'], async () => {
      expect((await find('a[1].png')).found).to.deep.equal(['a[1].png as a[1]']);
      expect((await find('a[12].png')).found).to.deep.equal(['a1.png as a1']);
      expect((await find('.')).found).to.deep.equal(['a1.png as a1', 'a[1].png as a[1]']);
    }));

  it('are not those that features --picture has drawn', () =>
    withFiles(['a.png', 'a.features.png'], async () => {
      expect((await find('.')).found).to.deep.equal(['a.png as a']);
      expect((await find('*.png')).found).to.deep.equal(['a.png as a']);
      expect((await find('a.features.png')).found).to.deep.equal(['a.features.png as a.features']);
    }));

  it('are missed where a folder or a pattern has none', () =>
    withFiles(['empty/notes.txt', 'a.png'], async () => {
      expect(await find('empty', 'a.png', '*.webp')).to.deep.equal({
        found: ['a.png as a'],
        failures: [
          'E_IMAGE: empty: wanted at least one picture, got none',
          'E_IMAGE: *.webp: wanted at least one picture, got none',
        ],
      });
    }));

  it('are not looked for without end where a link leads in a circle', async function () {
    if (process.platform === 'win32') return this.skip();
    await withFiles(['p/c/a.png'], async () => {
      symlinkSync('..', 'p/c/up');
      const { found } = await find('p');
      expect(found[0]).to.equal('p/c/a.png as c/a');
      expect(found).to.have.length.at.most(2);
    });
  });
});

describe('cli: names of files', () => {
  const names = async (...args: readonly string[]) => (await findInputs(args)).inputs.map(({ name }) => name);

  it('differ where those of the pictures do not', async () => {
    expect(await names('a/x.png', 'b/x.png', 'x.jpg')).to.deep.equal(['x', 'x-2', 'x-3']);
  });

  it('differ where a picture is called like a numbered one', async () => {
    expect(await names('x.png', 'b/x.png', 'x-2.png', 'c/x-2.png')).to.deep.equal(['x', 'x-2', 'x-2-2', 'x-2-3']);
  });

  it('differ in more than case', async () => {
    expect(await names('x.png', 'X.png')).to.deep.equal(['x', 'X-2']);
  });

  it('differ where two folders have pictures of one name', () =>
    withFiles(['p/c/x.png'], async () => {
      cpSync('p', 'q', { recursive: true });
      expect(await names('p', 'q', 'p/c/x.png')).to.deep.equal(['c/x', 'c/x-2', 'x']);
    }));
});
