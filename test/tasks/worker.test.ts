import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { decodeImage, defaultRegistry, extractFeatures, pipeline } from '../../src/index.js';
import { eventually, failure, openFiles, PATIENCE } from '../helpers.js';
import { collect, taskFolder } from './helpers.js';

const run = promisify(execFile);

describe('features in a worker', () => {
  const path = taskFolder();
  const task = 'image-feature-extraction';
  const workers = new Set<Worker>();
  const follow = (worker: Worker) => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  };
  before(() => process.on('worker', follow));
  after(() => process.off('worker', follow));

  afterEach(async () => {
    // a worker that was ended gives back its files a little later
    await eventually(async () => (await openFiles(path())) === 0);
  });

  it('are the same as here, in the same order, of all kinds of pictures', async () => {
    const bytes = new Uint8Array(readFileSync(path('b.png')));
    const pixels = await decodeImage(path('c.png'));
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    const blob = new Blob([bytes]);
    const pictures = [
      ...[path('a.png'), pathToFileURL(path('b.png')), bytes, pixels, path('a.png')],
      ...[bytes.buffer, shared, Buffer.from(bytes), blob, new File([blob], 'b.png'), URL.createObjectURL(blob)],
    ];
    const options = { outFeatures: ['stem', 'stage1'], batchSize: 2 };
    const here = await collect(extractFeatures(path('model'), pictures, options));
    const there = await collect(extractFeatures(pathToFileURL(path('model')), pictures, { ...options, worker: true }));
    expect(here.every(({ maps }) => maps?.length === 2)).to.equal(true);
    expect(there).to.deep.equal(here);
    expect(there[2].path).to.equal(bytes);
    expect(bytes.length).to.be.above(0); // it was not moved away
  });

  it('pass on what is wrong with a picture, whole', async () => {
    const pictures = [path('a.png'), path('no.png'), path('nope.png'), path('b.png')];
    const there = await collect(extractFeatures(path('model'), pictures, { worker: true }));
    const here = await collect(extractFeatures(path('model'), pictures));
    expect(there.map(({ error }) => error?.code)).to.deep.equal([undefined, 'E_IMAGE', 'E_IMAGE', undefined]);
    for (const [i, { error }] of here.entries()) {
      if (!error) continue;
      const { code, path, wanted, got, message, problems } = error;
      expect(there[i].error).to.deep.include({ code, path, wanted, got, message, problems });
    }
  });

  it('are of a pipeline for many calls, also at once', async () => {
    const here = await pipeline(task, path('model'), { pool: 'mean' });
    const there = await pipeline(task, path('model'), { pool: 'mean', worker: true });
    expect(there.config).to.deep.equal(here.config);
    const calls = [path('a.png'), [path('b.png'), path('c.png')], path('no.png'), path('c.png')];
    const answers = await Promise.all(calls.map((pictures) => there(pictures as string).catch(({ code }) => code)));
    expect(answers[0]).to.deep.equal(await here(path('a.png')));
    expect(answers[1]).to.deep.equal(await here([path('b.png'), path('c.png')]));
    expect(answers[2]).to.equal('E_IMAGE');
    expect(answers[3]).to.deep.equal(await here(path('c.png')));
    expect(workers.size).to.equal(1);
    await here.dispose();
    await there.dispose();
    await there.dispose();
    expect(workers.size).to.equal(0);
  });

  it('end with a break, an abort and a dispose, and with them the worker', async () => {
    const pictures = Array(2000).fill(path('a.png'));
    for await (const { maps } of extractFeatures(path('model'), pictures, { worker: true })) {
      expect(maps).to.have.length(1);
      break;
    }
    expect(workers.size).to.equal(0);

    const stop = new AbortController();
    const aborted = async () => {
      const options = { worker: true, signal: stop.signal };
      for await (const _ of extractFeatures(path('model'), pictures, options)) stop.abort();
    };
    expect((await failure(aborted)).code).to.equal('E_ABORTED');
    expect(workers.size).to.equal(0);

    const features = await pipeline(task, path('model'), { worker: true });
    const waiting = new AbortController();
    const call = failure(() => features(pictures, { signal: waiting.signal }));
    setTimeout(() => waiting.abort(), 50);
    expect((await call).code).to.equal('E_ABORTED');
    expect(await features(path('a.png'))).to.have.length(1); // that was one call

    const last = failure(() => features(pictures));
    setTimeout(() => features.dispose(), 50);
    expect((await last).code).to.equal('E_DISPOSED');
    expect((await failure(() => features(path('a.png')))).code).to.equal('E_DISPOSED');
    expect(workers.size).to.equal(0);
  });

  it('refuse a picture that cannot cross', async () => {
    const features = await pipeline(task, path('model'), { worker: true });
    for (const picture of [new Response('x'), new Blob().stream()]) {
      const error = await failure(() => features([path('a.png'), picture]));
      expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', 'pictures[1]']);
    }
    expect(await features(path('a.png'))).to.have.length(1);
    await features.dispose();
  });

  it('fail as here where the source cannot be opened', async () => {
    const { code, message } = await failure(() => pipeline(task, path('nope'), { worker: true }));
    expect([code, message.includes('nope')]).to.deep.equal(['E_SOURCE', true]);
    writeFileSync(path('broken.json'), '{ "model_type": "convnextv2", "depths": [1], "hidden_sizes": [4, 4] }');
    const items = extractFeatures(path('broken.json'), [path('a.png')], { worker: true });
    expect((await failure(() => collect(items))).code).to.equal('E_CONFIG');
    expect(workers.size).to.equal(0);
  });

  it('refuse options that cannot cross', async () => {
    const options: Readonly<Record<string, unknown>> = { registry: defaultRegistry(), onProgress: () => {} };
    for (const [name, value] of Object.entries(options)) {
      const error = await failure(() => pipeline(task, path('model'), { worker: true, [name]: value }));
      expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', name]);
    }
    expect(workers.size).to.equal(0);
  });

  for (const [built, front, ...flags] of [
    ['from the sources', '../../src/index.ts', '--import', 'tsx'],
    ['as built', '../../dist/src/index.js'],
  ]) {
    it(`keep no process alive that has nothing more to do, ${built}`, async () => {
      const program = `
        import { pipeline, useBackend } from ${JSON.stringify(new URL(front, import.meta.url))};
        await useBackend('cpu');
        const features = await pipeline('image-feature-extraction', ${JSON.stringify(path('model'))}, { worker: true });
        console.log((await features(${JSON.stringify(path('a.png'))})).length);
      `;
      // a program of --eval, too: its flags are not the worker's
      const args = [...flags, '--input-type=module', '--eval', program];
      expect((await run(process.execPath, args, { timeout: PATIENCE })).stdout).to.equal('1\n');
    });
  }
});
