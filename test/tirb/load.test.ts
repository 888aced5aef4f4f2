import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import manifest from '../../package.json' with { type: 'json' };

const PEER = 'tfjs-image-recognition-base';

/** What this package needs to run, and its peers. */
const NEEDED = [
  ...Object.keys(manifest.dependencies),
  ...['backend-cpu', 'core', 'layers'].map((part) => `@tensorflow/tfjs-${part}`),
];

/** Reports what is thrown on one line. */
const REPORT = `const report = (error) => console.log(error.code ?? error, '|', error.got, '|', error.suggestion);`;

/** Makes a network, runs it, and draws. */
const USE = `
async function use({ ConvNextV2Net, createCanvas, draw, NeuralNetwork, Rect, toNetInput }, tf) {
  const net = new ConvNextV2Net({ weights: 'random', seed: 1, outFeatures: ['stage1'] });
  await net.load('convnextv2-atto');
  const picture = tf.zeros([40, 50, 3]);
  const { stage1 } = await net.forward(await toNetInput(picture), 32);
  const canvas = createCanvas({ width: 20, height: 20 });
  new draw.DrawBox(new Rect(1, 1, 9, 9), { label: 'a' }).draw(canvas);
  const png = await canvas.encode();
  console.log(stage1.shape.join(), net instanceof NeuralNetwork, tf.engine().runKernel.length, png.length > 50);
}`;
const USED = '1,8,8,40 true 3 true\n';

describe('convnextv2/tirb, installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'convnextv2-tirb-'));
  after(() => rmSync(folder, { recursive: true }));

  /** Puts a copy of the package at a path: what has been built, without its sources. */
  function copyPackage(target: string): void {
    for (const part of ['dist', 'configs', 'package.json']) cpSync(part, join(target, part), { recursive: true });
  }

  function link(target: string, path: string): void {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path, 'junction');
  }

  /** As npm lays packages out: all side by side, and within the peer a tfjs of its own. */
  function npmApp(name: string, peer: 'with-peer' | 'without-peer' = 'with-peer'): string {
    const app = join(folder, name);
    const modules = join(app, 'node_modules');
    copyPackage(join(modules, 'convnextv2'));
    for (const needed of NEEDED) link(resolve('node_modules', needed), join(modules, needed));
    if (peer === 'with-peer') cpSync(join('node_modules', PEER), join(modules, PEER), { recursive: true });
    return app;
  }

  /** As pnpm does: each package beside what it needs, in a folder of its own, and links to them. */
  function pnpmApp(): string {
    const app = join(folder, 'pnpm');
    const store = (name: string) => join(app, 'node_modules/.pnpm', name.replace('/', '+'), 'node_modules', name);
    const beside = (owner: string, name: string) =>
      join(app, 'node_modules/.pnpm', owner.replace('/', '+'), 'node_modules', name);
    copyPackage(store('convnextv2'));
    for (const name of NEEDED) link(resolve('node_modules', name), beside('convnextv2', name));
    cpSync(join('node_modules', PEER), store(PEER), { recursive: true });
    for (const name of ['@tensorflow/tfjs-core', 'tslib']) {
      // what npm put within it lies beside it
      const own = join(store(PEER), 'node_modules', name);
      cpSync(own, beside(PEER, name), { recursive: true });
    }
    rmSync(join(store(PEER), 'node_modules'), { recursive: true });
    link(store(PEER), beside('convnextv2', PEER));
    for (const name of ['convnextv2', PEER]) link(store(name), join(app, 'node_modules', name));
    link(resolve('node_modules/@tensorflow/tfjs-core'), join(app, 'node_modules/@tensorflow/tfjs-core'));
    return app;
  }

  /** What it prints; that nothing complains is seen to where it is to be quiet. */
  async function run(app: string, file: string, source: string, complaints?: 'quiet'): Promise<string> {
    writeFileSync(join(app, file), source);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: app });
    if (complaints === 'quiet') expect(stderr).to.equal('');
    return stdout;
  }

  let app: string;
  before(() => {
    app = npmApp('npm');
  });

  it('is imported', async () => {
    const source = `import * as tf from '@tensorflow/tfjs-core';\nimport * as bridge from 'convnextv2/tirb';\n${USE}\nawait use(bridge, tf);`;
    expect(await run(app, 'import.mjs', source)).to.equal(USED);
  });

  it('is required', async () => {
    const source = `const bridge = require('convnextv2/tirb');\nconst tf = require('@tensorflow/tfjs-core');\n${USE}\nuse(bridge, tf);`;
    expect(await run(app, 'require.cjs', source)).to.equal(USED);
  });

  it('runs in a worker', async () => {
    writeFileSync(
      join(app, 'worker.mjs'),
      `import * as tf from '@tensorflow/tfjs-core';\nimport * as bridge from 'convnextv2/tirb';\n${USE}\nawait use(bridge, tf);`,
    );
    const source = `import { Worker } from 'node:worker_threads';
import 'convnextv2/tirb';
for (let i = 0; i < 2; i++) await new Promise((done) => new Worker(new URL('worker.mjs', import.meta.url)).on('exit', done));`;
    expect(await run(app, 'main.mjs', source)).to.equal(USED + USED);
  });

  it('lies as pnpm lays it', async () => {
    const pnpm = pnpmApp();
    const source = `import * as tf from '@tensorflow/tfjs-core';\nimport * as bridge from 'convnextv2/tirb';\n${USE}\nawait use(bridge, tf);`;
    expect(await run(pnpm, 'import.mjs', source)).to.equal(USED);
    expect(
      await run(pnpm, 'require.cjs', `${USE}\nuse(require('convnextv2/tirb'), require('@tensorflow/tfjs-core'));`),
    ).to.equal(USED);
  });

  it('lets the peer be imported by its own name afterwards, as the same', async () => {
    const source = `import { Rect } from 'convnextv2/tirb';
const { default: own } = await import('${PEER}');
import * as tf from '@tensorflow/tfjs-core';
console.log(own.Rect === Rect, tf.engine().runKernel.length);`;
    expect(await run(app, 'afterwards.mjs', source)).to.equal('true 3\n');
  });

  const LOADED_BEFORE = `E_PEER | one that has, with its own tfjs 1 | import it from convnextv2/tirb everywhere, and never by its own name\n`;

  it('says so where the peer was loaded first, and tfjs is broken', async () => {
    const source = `import '${PEER}';\n${REPORT}\nawait import('convnextv2/tirb').catch(report);`;
    expect(await run(app, 'first.mjs', source, 'quiet')).to.equal(LOADED_BEFORE);
    const required = `require('${PEER}');\n${REPORT}\ntry { require('convnextv2/tirb') } catch (error) { report(error) }`;
    expect(await run(app, 'first.cjs', required, 'quiet')).to.equal(LOADED_BEFORE);
  });

  it('says so where another has loaded tfjs 1', async () => {
    const source = `require('./node_modules/${PEER}/node_modules/@tensorflow/tfjs-core');
${REPORT}\nimport('convnextv2/tirb').catch(report);`;
    expect(await run(app, 'tfjs1.cjs', source)).to.equal(LOADED_BEFORE);
  });

  it('says so where the peer was loaded after tfjs, but before this', async () => {
    const source = `import 'convnextv2';\nimport '${PEER}';\n${REPORT}\nawait import('convnextv2/tirb').catch(report);`;
    expect(await run(app, 'second.mjs', source)).to.equal(LOADED_BEFORE);
  });

  it('says so where the peer is missing; the front door works', async () => {
    const without = npmApp('without', 'without-peer');
    const source = `import { ConvNextV2Backbone, useBackend } from 'convnextv2';\n${REPORT}
await import('convnextv2/tirb').catch(report);
await useBackend('cpu');
const backbone = await ConvNextV2Backbone.fromConfig('convnextv2-atto', { seed: 1 });
console.log(backbone.outFeatures.join());`;
    expect(await run(without, 'missing.mjs', source)).to.equal(
      'E_PEER | none | npm install tfjs-image-recognition-base@0.6\nstage4\n',
    );
  });

  it('says so where the peer is of another version, or does not load; what Node resolves by is as before', async () => {
    const other = npmApp('other', 'without-peer');
    const peer = join(other, 'node_modules', PEER);
    mkdirSync(peer);
    const source = `import { Module } from 'node:module';\n${REPORT}
const before = Module._resolveFilename;
await import('convnextv2/tirb').catch(report);
console.log(Module._resolveFilename === before);`;
    const refusal = async (version: string, main: string) => {
      writeFileSync(join(peer, 'package.json'), JSON.stringify({ name: PEER, version, main: 'index.js' }));
      writeFileSync(join(peer, 'index.js'), main);
      return run(other, 'version.mjs', source);
    };
    const remedy = 'npm install tfjs-image-recognition-base@0.6';
    expect(await refusal('0.5.9', '')).to.equal(`E_PEER | version 0.5.9 | ${remedy}\ntrue\n`);
    expect(await refusal('0.6.9', `require('@tensorflow/tfjs-core'); throw new Error('broken\\nlines');`)).to.equal(
      `E_PEER | broken | ${remedy}\ntrue\n`,
    );
    expect(await refusal('0.6.9', 'exports.isTensor = () => false;')).to.equal(
      `E_PEER | one that does not | ${remedy}\ntrue\n`,
    );
  });

  it('is never loaded by the front door, its other doors or the command line', async () => {
    const source = `import { createRequire } from 'node:module';
import 'convnextv2';
import 'convnextv2/backend';
import 'convnextv2/testing';
import 'convnextv2/backbones/convnext';
process.argv.push('--version');
await import(new URL('node_modules/convnextv2/dist/src/cli/main.js', import.meta.url));
const loaded = Object.keys(createRequire(import.meta.url).cache);
console.log(loaded.some((file) => file.includes('tfjs-core')), loaded.filter((file) => file.includes('${PEER}')).length);`;
    expect(await run(app, 'front.mjs', source)).to.equal(`${manifest.version}\ntrue 0\n`);
  });
});
