import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import sharp from 'sharp';
import { convnextv2, PICTURES, words, workFolder } from './helpers.js';

const COUNT = 60;

/** The files of a folder, at any depth. */
function contents(folder: string): ReadonlyMap<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(folder, file)).isFile())
    .sort();
  return new Map(files.map((file) => [file, readFileSync(join(folder, file))]));
}

describe('cli: features that are stopped and started again', () => {
  const { path } = workFolder();
  const isBroken = (i: number) => i % 13 === 5;

  before(async () => {
    for (let i = 0; i < COUNT; i++) {
      mkdirSync(join(path, 'photos', `${i % 3}`), { recursive: true });
      const crop = { left: 4 * i, top: 2 * i, width: 40 + i, height: 60 };
      const bytes = await sharp(join(PICTURES, 'chelsea.png')).extract(crop).jpeg().toBuffer();
      const name = join(path, 'photos', `${i % 3}`, `${i}.jpg`);
      writeFileSync(name, isBroken(i) ? bytes.subarray(0, 200) : bytes);
    }
  });

  const args = (format: string, out: string): readonly string[] => {
    const model = ['--model', 'tiny', '--backend', 'cpu', '--out-features', 'stage1,stage4'];
    return ['features', 'photos', ...model, '--format', format, '--out', out];
  };

  /** Starts a run, and kills it when at least so many pictures are done; again from the beginning where it was faster. */
  async function startAndKill(format: string, out: string, pictures: number): Promise<void> {
    while (!(await isKilled(format, out, pictures))) rmSync(join(path, out), { recursive: true });
  }

  async function isKilled(format: string, out: string, pictures: number): Promise<boolean> {
    const [command, ...rest] = words(args(format, out));
    const child = spawn(command, rest, { cwd: path, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const done = () => {
      try {
        return readFileSync(join(path, out, '.convnextv2/journal.jsonl'), 'utf8').split('\n').length - 2;
      } catch {
        return 0;
      }
    };
    while (done() < pictures && child.exitCode === null) await pause(1);
    await pause(8 * Math.random()); // in the middle of something
    child.kill('SIGKILL');
    await ended;
    return child.signalCode === 'SIGKILL';
  }

  for (const format of ['npy', 'parquet']) {
    it(`leave the same files, byte for byte: ${format}`, async () => {
      const whole = await convnextv2(args(format, `${format}-whole`), path);
      expect(whole.code).to.equal(1);
      const broken = Array.from({ length: COUNT }, (_, i) => i).filter(isBroken).length;
      expect(whole.stderr.filter((line) => line.startsWith('E_IMAGE'))).to.have.length(broken);

      const moments = [Math.floor(1 + 20 * Math.random()), Math.floor(25 + 15 * Math.random())];
      for (const moment of moments) await startAndKill(format, format, moment);
      const last = await convnextv2(args(format, format), path);
      expect(last.code).to.equal(1);
      const [, before] = /^(\d+) of 60 pictures were finished before/m.exec(last.stderr.join('\n')) ?? [];
      expect(Number(before)).to.be.within(moments[1], COUNT - broken);

      const [wanted, got] = [contents(join(path, `${format}-whole`)), contents(join(path, format))];
      expect([...got.keys()], `killed after ${moments}`).to.deep.equal([...wanted.keys()]);
      for (const [file, bytes] of wanted) {
        expect(bytes.equals(got.get(file)!), `${file}, killed after ${moments}`).to.equal(true);
      }
    });
  }

  it('do nothing again that is finished, unless it is wished or something has changed', async () => {
    const command = ['features', 'chelsea.png', 'rocket.jpg', '--model', 'tiny', '--backend', 'cpu', '--out', 'again'];
    const run = async (...more: readonly string[]) => {
      const { code, stdout, stderr } = await convnextv2([...command, ...more], path);
      expect(code).to.equal(0);
      const done = stdout.split('\n').filter((line) => /^\S+\.(png|jpg)$/.test(line));
      return [done, stderr.filter((line) => !line.includes(': ready in '))];
    };
    const all = ['chelsea.png', 'rocket.jpg'];
    expect(await run()).to.deep.equal([all, []]);
    const said = (count: number) => [`${count} of 2 pictures were finished before (--again does them again)`];
    expect(await run()).to.deep.equal([[], said(2)]);
    expect(await run('--again')).to.deep.equal([all, []]);
    utimesSync(join(path, 'rocket.jpg'), 1, 1);
    expect(await run()).to.deep.equal([['rocket.jpg'], said(1)]);
    expect(await run('--pool')).to.deep.equal([all, []]);
    const settings = join(path, 'tiny', 'preprocessor_config.json');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('"crop_pct": 0.875', '"crop_pct": 1'));
    expect(await run('--pool')).to.deep.equal([all, []]);
  });
});
