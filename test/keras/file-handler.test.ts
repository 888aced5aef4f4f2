import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { registerFileHandler } from '../../src/keras/file-handler.js';
import { failure, inFolder, openFiles } from '../helpers.js';
import { predict } from './helpers.js';

const run = promisify(execFile);

/** A model of tfjs' own layers, and a folder with it: kernel [2, 3] and bias [3] are 36 bytes. */
async function withModel(work: (folder: string, model: LayersModel) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const dense = layers.dense({ units: 3, inputShape: [2], biasInitializer: 'randomNormal' });
    const model = sequential({ layers: [dense] });
    try {
      await model.save(`file://${folder}`);
      await work(folder, model);
      expect(await openFiles(folder)).to.equal(0);
    } finally {
      model.dispose();
    }
  });
}

/** What a loaded model predicts; the model is disposed. */
async function loadedPrediction(url: string): Promise<number[][]> {
  const model = await loadLayersModel(url);
  const prediction = tf.tidy(() => predict(model, tf.tensor2d([1, -2], [1, 2])));
  model.dispose();
  return prediction;
}

const prediction = (model: LayersModel) => tf.tidy(() => predict(model, tf.tensor2d([1, -2], [1, 2])));

/** Reads, changes and writes a saved model.json. */
async function edit(folder: string, change: (json: any) => void): Promise<void> {
  const path = join(folder, 'model.json');
  const json = JSON.parse(await readFile(path, 'utf8'));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

describe('the handler of files', () => {
  before(async () => {
    await useBackend('cpu');
    registerFileHandler();
  });

  it('saves and loads a model, by its folder or its file, without a tensor left over', () =>
    withModel(async (folder, model) => {
      const before = tf.memory().numTensors;
      const wanted = prediction(model);
      expect((await readdir(folder)).sort()).to.deep.equal(['model.json', 'weights.bin']);
      expect(await loadedPrediction(`file://${folder}`)).to.deep.equal(wanted);
      expect(await loadedPrediction(`file://${folder}/model.json`)).to.deep.equal(wanted);
      expect(tf.memory().numTensors).to.equal(before);
      const { weightsManifest, format } = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
      expect(format).to.equal('layers-model');
      expect(weightsManifest[0].paths).to.deep.equal(['weights.bin']);
    }));

  it('takes a path as it is: made where it is not, relative, with spaces and signs', () =>
    withModel(async (folder, model) => {
      const here = process.cwd();
      process.chdir(folder);
      try {
        const path = 'new/a folder#1?%20';
        await model.save(`file://${path}`);
        expect((await readdir(join(folder, path))).sort()).to.deep.equal(['model.json', 'weights.bin']);
        expect(await loadedPrediction(`file://./${path}/model.json`)).to.deep.equal(prediction(model));
      } finally {
        process.chdir(here);
      }
    }));

  it('loads weights from several files, in several groups', () =>
    withModel(async (folder, model) => {
      const bytes = await readFile(join(folder, 'weights.bin'));
      await writeFile(join(folder, 'a'), bytes.subarray(0, 10));
      await writeFile(join(folder, 'b'), bytes.subarray(10, 24));
      await mkdir(join(folder, 'c'));
      await writeFile(join(folder, 'c', 'd'), bytes.subarray(24));
      await edit(folder, (json) => {
        const [kernel, bias] = json.weightsManifest[0].weights;
        json.weightsManifest = [
          { paths: ['a', 'b'], weights: [kernel] },
          { paths: ['c/d'], weights: [bias] },
        ];
      });
      expect(await loadedPrediction(`file://${folder}`)).to.deep.equal(prediction(model));
    }));

  it('saves a model without weights, and what a model says of itself', () =>
    inFolder(async (folder) => {
      const model = sequential({ layers: [layers.flatten({ inputShape: [1, 2] })] });
      model.setUserDefinedMetadata({ by: 'me' });
      await model.save(`file://${folder}`);
      const loaded = await loadLayersModel(`file://${folder}`);
      expect(loaded.getUserDefinedMetadata()).to.deep.equal({ by: 'me' });
    }));

  it('replaces each file whole, or leaves it', () =>
    withModel(async (folder, model) => {
      const wanted = prediction(model);
      tf.tidy(() => model.setWeights([tf.ones([2, 3]), tf.ones([3])]));
      await model.save(`file://${folder}`);
      expect(await loadedPrediction(`file://${folder}`)).to.deep.equal([[0, 0, 0]]); // 1 - 2 + 1
      const other = join(folder, 'other');
      await mkdir(join(other, 'weights.bin'), { recursive: true });
      const { code, path } = await failure(() => model.save(`file://${other}`));
      expect([code, path]).to.deep.equal(['E_OUTPUT', join(other, 'weights.bin')]);
      expect(await readdir(other)).to.deep.equal(['weights.bin']);
      expect((await failure(() => model.save(`file://${folder}/model.json/x`))).code).to.equal('E_OUTPUT');
      expect(wanted).not.to.deep.equal(prediction(model));
    }));

  const broken: Readonly<
    Record<string, readonly [change: (folder: string) => Promise<unknown>, code: string, message: string]>
  > = {
    'a file of weights that is too short': [
      (folder) => truncate(join(folder, 'weights.bin'), 35),
      'E_WEIGHTS',
      'weights.bin: wanted 36 bytes, as model.json says, got 35 bytes',
    ],
    'one that is too long': [
      (folder) => writeFile(join(folder, 'weights.bin'), new Uint8Array(37)),
      'E_WEIGHTS',
      'wanted 36 bytes, as model.json says, got 37 bytes',
    ],
    'weights that would need more bytes than there are': [
      (folder) =>
        edit(folder, (json) => Object.assign(json.weightsManifest[0].weights[0], { shape: [2 ** 50, 2 ** 50] })),
      'E_WEIGHTS',
      'got 36 bytes',
    ],
    'a file of weights that is not there': [
      (folder) => edit(folder, (json) => Object.assign(json.weightsManifest[0], { paths: ['none'] })),
      'E_SOURCE',
      'none: wanted a file of weights, got no such file',
    ],
    'a folder in its place': [
      async (folder) => {
        await mkdir(join(folder, 'deep'));
        await edit(folder, (json) => Object.assign(json.weightsManifest[0], { paths: ['deep'] }));
      },
      'E_SOURCE',
      'deep: wanted a file of weights, got no plain file',
    ],
    'a file elsewhere': [
      (folder) => edit(folder, (json) => Object.assign(json.weightsManifest[0], { paths: ['../weights.bin'] })),
      'E_CONFIG',
      'wanted files in the folder of the model.json, got ["../weights.bin"]',
    ],
    'a model.json that is none': [
      (folder) => writeFile(join(folder, 'model.json'), '{"modelTopology":'),
      'E_JSON',
      'line 1, column 18: wanted a value, got the end of the file',
    ],
  };
  for (const [name, [change, code, message]] of Object.entries(broken)) {
    it(`refuses ${name}`, () =>
      withModel(async (folder) => {
        await change(folder);
        const before = tf.memory().numTensors;
        const error = await failure(() => loadLayersModel(`file://${folder}`));
        expect(error.code).to.equal(code);
        expect(error.message).to.contain(folder).and.to.contain(message);
        expect(tf.memory().numTensors).to.equal(before);
      }));
  }

  it('does not wait for a pipe, nor read a device', async function () {
    if (process.platform === 'win32') return this.skip();
    await withModel(async (folder) => {
      await run('mkfifo', [join(folder, 'pipe')]);
      await symlink('/dev/zero', join(folder, 'zero'));
      for (const path of ['pipe', 'zero']) {
        await edit(folder, (json) => Object.assign(json.weightsManifest[0], { paths: [path] }));
        expect((await failure(() => loadLayersModel(`file://${folder}`))).got).to.equal('no plain file');
      }
    });
  });

  it('says where there is no model', () =>
    inFolder(async (folder) => {
      const { code, path } = await failure(() => loadLayersModel(`file://${folder}/none`));
      expect([code, path]).to.deep.equal(['E_SOURCE', join(folder, 'none', 'model.json')]);
    }));

  it('is registered once, for files alone', () => {
    registerFileHandler();
    for (const find of [tf.io.getSaveHandlers, tf.io.getLoadHandlers]) {
      expect(find('file://x')).to.have.length(1);
      for (const url of ['x', 'gs://file://x', ['file://x', 'file://y']]) expect(find(url)).to.deep.equal([]);
    }
  });

  it("gives way to another's handler, whichever comes first", async () => {
    const script = `
      import * as tf from '@tensorflow/tfjs-core';
      import { registerFileHandler } from './src/keras/file-handler.ts';
      const other = { save: async () => {}, load: async () => {} };
      let isThere = true;
      const add = () => {
        tf.io.registerSaveRouter((url) => (isThere && url.startsWith('file://') ? other : null));
        tf.io.registerLoadRouter((url) => (isThere && url.startsWith('file://') ? other : null));
      };
      const handlers = () => [tf.io.getSaveHandlers('file://x'), tf.io.getLoadHandlers('file://x')].map((found) => found.length + (found[0] === other ? ' other' : ''));
      if (process.argv[1] === 'first') add();
      registerFileHandler();
      if (process.argv[1] !== 'first') add();
      console.log(handlers().join());
      isThere = false;
      console.log(handlers().join());
    `;
    const printed = async (order: string) => {
      const args = ['--import', 'tsx', '--input-type=module', '-e', script, order];
      return (await run(process.execPath, args)).stdout.trim().split('\n');
    };
    expect(await printed('first')).to.deep.equal(['1 other,1 other', '0,0']);
    expect(await printed('last')).to.deep.equal(['1 other,1 other', '1,1']);
  });
});
