import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { ConvNextV2Config, ConvNextV2ForImageClassification, useBackend } from '../../src/index.js';
import { type Block, blocksOf, PAGES, readPage } from './pages.js';

/*
 * All code of the pages is run, as it stands there, against the built package.
 *
 * - A `ts` block that begins with an import begins a program; one that does not goes on with the program above it.
 * - A block with a name behind its language, as ```ts my-net.ts, is a file of that name, for the programs to use.
 * - Of an `sh` block the lines that call convnextv2 are run; those that call npm must name scripts that there are.
 * - What a program prints stands in comments behind its console.log, or in the `text` block that follows, where `...` is
 *   anything. What a command prints may stand in a `text` block, too.
 * - A `python` block stands beside ours for comparison, and is not run.
 *
 * Each page has a folder of its own under out/docs/, where its programs and commands run one after another, with a small
 * classifier in my-model, as savePretrained writes it, and the pictures cat.png and rocket.jpg.
 */

const FOLDER = 'out/docs';
const LANGUAGES: readonly string[] = ['ts', 'sh', 'json', 'text', 'python', ''];

/** A program, or commands; `line` is where it begins. */
interface Step {
  readonly language: 'ts' | 'sh';
  readonly line: number;
  text: string;
  prints: string;
}

function stepsOf(blocks: readonly Block[]): readonly Step[] {
  const steps: Step[] = [];
  for (const { language, line, text } of blocks.filter(({ file }) => file === undefined)) {
    const last = steps.at(-1);
    if (language === 'sh') {
      steps.push({ language, line, text, prints: '' });
    } else if (language === 'text' && last) {
      last.prints += text;
    } else if (language === 'ts' && last?.language === 'ts' && !text.startsWith('import ')) {
      last.text = atLine(line, text, last.text);
      last.prints += comments(text);
    } else if (language === 'ts') {
      steps.push({ language, line, text: atLine(line, text), prints: comments(text) });
    }
  }
  return steps;
}

/** The text where it stands on its page, so that a compiler's messages name the lines of the page. */
const atLine = (line: number, text: string, before = ''): string =>
  before + '\n'.repeat(line - before.split('\n').length) + text;

/** What stands behind the console.log of a block. */
const comments = (text: string): string =>
  Array.from(text.matchAll(/console\.log\(.*\); \/\/ (.*\n)/g), ([, comment]) => comment).join('');

/** A text in which `...` is anything. */
function pattern(text: string): RegExp {
  const parts = text.split('...').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*')}$`);
}

const run = promisify(execFile);

/** Runs node in a folder, and gives what it prints. */
async function node(cwd: string, ...args: readonly string[]): Promise<string> {
  return (await run(process.execPath, args, { cwd })).stdout;
}

async function runCommands(cwd: string, text: string): Promise<string> {
  const bin = resolve('dist/src/cli/main.js');
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  let printed = '';
  for (const line of text.split('\n').map((line) => line.replace(/ *#.*$/, ''))) {
    const [, command] = /^npx convnextv2 (.*)/.exec(line) ?? [];
    if (command !== undefined) printed += await node(cwd, bin, ...command.split(' '));
    for (const [, script] of line.matchAll(/npm (?:run )?(?!ci|install|pack|run)(\S+)/g)) {
      expect(scripts, line).to.have.property(script);
    }
  }
  return printed;
}

const folderOf = (page: string): string => join(FOLDER, page.replaceAll('/', '-').replace('.md', ''));

describe('the code of the pages', () => {
  const pages = PAGES.map((page) => ({ page, blocks: blocksOf(readPage(page)) })).filter(({ blocks }) => blocks.length);

  let complaints: string;

  before(async () => {
    rmSync(FOLDER, { recursive: true, force: true });
    await useBackend('cpu');
    const config = new ConvNextV2Config({
      depths: [1, 1, 2, 1],
      hiddenSizes: [8, 16, 32, 64],
      imageSize: 64,
      id2label: { 0: 'cat', 1: 'rocket' },
    });
    const model = await ConvNextV2ForImageClassification.fromConfig(config, { seed: 0 });
    for (const { page, blocks } of pages) {
      const folder = folderOf(page);
      mkdirSync(folder, { recursive: true });
      await model.savePretrained(join(folder, 'my-model'));
      copyFileSync('examples/pictures/chelsea.png', join(folder, 'cat.png'));
      copyFileSync('examples/pictures/rocket.jpg', join(folder, 'rocket.jpg'));
      for (const { file, line, text } of blocks) if (file) writeFileSync(join(folder, file), atLine(line, text));
      for (const { language, line, text } of stepsOf(blocks)) {
        if (language === 'ts') writeFileSync(join(folder, `line-${line}.ts`), text);
      }
    }
    model.dispose();
    const tsconfig = { extends: '../../tsconfig.json', compilerOptions: { noEmit: false }, include: ['.'] };
    writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(tsconfig));
    complaints = await node('.', 'node_modules/typescript/bin/tsc', '-p', FOLDER).catch(({ stdout }) => stdout);
  });

  it('is in languages that this test knows', () => {
    for (const { page, blocks } of pages) {
      for (const { language, line } of blocks) expect(LANGUAGES, `${page}:${line}`).to.include(language);
    }
  });

  it('has the types that it uses', () => {
    expect(complaints).to.equal('');
  });

  for (const { page, blocks } of pages) {
    for (const { language, line, text, prints } of stepsOf(blocks)) {
      it(`${page}:${line} runs and prints what it says`, async () => {
        const folder = folderOf(page);
        const printed = language === 'ts' ? await node(folder, `line-${line}.js`) : await runCommands(folder, text);
        if (language === 'ts' || prints !== '') expect(printed).to.match(pattern(prints));
      });
    }
  }
});
