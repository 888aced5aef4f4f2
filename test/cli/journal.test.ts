import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openJournal } from '../../src/cli/journal.js';
import { failure, inFolder } from '../helpers.js';

/** Runs in a folder with three pictures, and an output folder in which the first two are done. */
function withJournal(
  work: (given: {
    readonly out: string;
    readonly inputs: readonly { readonly picture: string; readonly name: string }[];
    readonly open: (changes?: {
      settings?: string;
      names?: readonly string[];
      mode?: 'skip' | 'again';
    }) => ReturnType<typeof openJournal>;
    readonly text: () => string;
  }) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    const out = join(folder, 'out');
    const inputs = ['a', 'b', 'c'].map((name) => ({ picture: join(folder, `${name}.png`), name }));
    for (const { picture, name } of inputs) {
      writeFileSync(picture, name);
      utimesSync(picture, 1000, 1000);
    }
    const open = ({
      settings = '{}',
      names = ['a', 'b', 'c'] as readonly string[],
      mode = 'skip' as 'skip' | 'again',
    } = {}) =>
      openJournal(
        out,
        settings,
        inputs.filter(({ name }) => names.includes(name)),
        mode,
      );
    const journal = await open();
    mkdirSync(out);
    for (const input of inputs.slice(0, 2)) {
      writeFileSync(join(out, `${input.name}.safetensors`), '');
      await journal.add(input, [`${input.name}.safetensors`]);
    }
    const text = () => readFileSync(join(out, '.convnextv2/journal.jsonl'), 'utf8');
    await work({ out, inputs, open, text });
  });
}

const names = async (journal: ReturnType<typeof openJournal>): Promise<readonly string[]> => [
  ...(await journal).finished.keys(),
];

describe('cli: the journal of an output folder', () => {
  it('knows what is finished, for the same settings', () =>
    withJournal(async ({ open }) => {
      expect(await names(open())).to.deep.equal(['a', 'b']);
      expect(await names(open())).to.deep.equal(['a', 'b']);
      expect(await names(open({ settings: '{"pool":"mean"}' }))).to.deep.equal([]);
      expect(await names(open())).to.deep.equal([]); // nothing is left of them
    }));

  it('counts nothing where all is to be done again', () =>
    withJournal(async ({ open }) => {
      expect(await names(open({ mode: 'again' }))).to.deep.equal([]);
    }));

  it('makes no file before there is something in it', () =>
    inFolder(async (folder) => {
      const journal = await openJournal(join(folder, 'out'), '{}', [], 'skip');
      await journal.close();
      expect(existsSync(join(folder, 'out'))).to.equal(false);
    }));

  it('forgets a picture that has changed, by its size or its time', () =>
    withJournal(async ({ inputs, open }) => {
      writeFileSync(inputs[0].picture, 'longer');
      utimesSync(inputs[0].picture, 1000, 1000);
      expect(await names(open())).to.deep.equal(['b']);
      utimesSync(inputs[1].picture, 1000, 1001);
      expect(await names(open())).to.deep.equal([]);
    }));

  it('forgets a picture that is not there', () =>
    withJournal(async ({ inputs, open }) => {
      rmSync(inputs[0].picture);
      expect(await names(open())).to.deep.equal(['b']);
    }));

  it('forgets a picture whose files are not there', () =>
    withJournal(async ({ out, open }) => {
      rmSync(join(out, 'b.safetensors'));
      expect(await names(open())).to.deep.equal(['a']);
    }));

  it('forgets pictures that are not asked for: their files may be replaced', () =>
    withJournal(async ({ open }) => {
      expect(await names(open({ names: ['b'] }))).to.deep.equal(['b']);
      expect(await names(open())).to.deep.equal(['b']);
    }));

  it('does without a line that was torn when the process was killed, and what else is none of its own', () =>
    withJournal(async ({ inputs, out, open, text }) => {
      const foreign = text().replaceAll(/"files":.*/g, '"files":[1]}');
      appendFileSync(join(out, '.convnextv2/journal.jsonl'), `null\n7\n${foreign}{"picture":"`);
      const journal = await open();
      expect([...journal.finished.keys()]).to.deep.equal(['a', 'b']);
      await journal.add(inputs[2], []);
      expect(
        text()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).name),
      ).to.deep.equal([undefined, 'a', 'b', 'c']);
    }));

  it('is the same in whatever order pictures were done', () =>
    withJournal(async ({ out, inputs, open, text }) => {
      const journal = await open();
      await journal.add(inputs[2], ['a.safetensors']);
      await journal.close();
      const once = text();
      rmSync(join(out, '.convnextv2'), { recursive: true });
      const other = await open();
      await other.add(inputs[2], ['a.safetensors']);
      await other.add(inputs[1], ['b.safetensors']);
      await other.add(inputs[0], ['a.safetensors']);
      expect(text()).not.to.equal(once);
      await other.close();
      expect(text()).to.equal(once);
    }));

  it('removes the half-written files of a run that was killed, and no others', () =>
    withJournal(async ({ out, open }) => {
      const [old, young, other] = ['.convnextv2-1.tmp', '.convnextv2-2.tmp', 'mine.tmp'].map((name) => join(out, name));
      for (const file of [old, other]) {
        writeFileSync(file, '');
        utimesSync(file, 1, 1);
      }
      const journal = await open();
      writeFileSync(young, ''); // of a run that goes on beside this one
      utimesSync(young, Date.now() / 1000 + 60, Date.now() / 1000 + 60);
      await journal.close();
      expect([old, young, other].map((file) => existsSync(file))).to.deep.equal([false, true, true]);
    }));

  it('removes them also where all other files lie in folders', () =>
    withJournal(async ({ out, inputs, open }) => {
      const half = join(out, '.convnextv2-1.tmp');
      writeFileSync(half, '');
      utimesSync(half, 1, 1);
      const journal = await open({ mode: 'again' });
      await journal.add(inputs[0], []);
      await journal.close();
      expect(existsSync(half)).to.equal(false);
    }));

  it('says what is in its way', () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, 'out'), '');
      const input = { picture: join(folder, 'out'), name: 'out' };
      const journal = await openJournal(join(folder, 'out'), '{}', [input], 'skip');
      expect((await failure(() => journal.add(input, []))).code).to.equal('E_OUTPUT');
    }));
});
