import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {
  type LayersModel,
  loadLayersModel,
  models,
  layers as tfLayers,
  model as tfModel,
} from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { ConvNextConfig, registerKerasLayers, TFConvNextModel } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { gelu } from '../../src/ops/gelu.js';
import { failure, inFolder } from '../helpers.js';
import { bitsOf, crossEntropy, pictures, predict, small, toNCHW, withClassifier } from './helpers.js';

/** What a new process gives for the model that was saved there. */
async function inFreshProcess(url: string, layout = 'NHWC') {
  const args = ['--import', 'tsx', 'test/keras/fresh-process.ts', url, layout];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { bits: string[]; frozen: string[]; shapes: number[][] };
}

/** Reads, changes and writes a saved model.json. */
async function edit(folder: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, 'model.json');
  const text = await readFile(path, 'utf8');
  const changed = change(text);
  expect(changed).not.to.equal(text);
  await writeFile(path, changed);
}

describe('a layers model, saved and loaded', () => {
  before(async () => {
    await useBackend('cpu');
    await registerKerasLayers();
  });

  it('gives the same numbers in a fresh process', () =>
    inFolder((folder) =>
      withClassifier(async (keras, layers) => {
        const data = { xs: pictures(3), ys: tf.tensor2d([1, 0, 0, 0, 0, 1, 0, 1, 0], [3, 3]) };
        layers.getLayer('stage1').trainable = false;
        layers.compile({ optimizer: tf.train.sgd(0.5), loss: crossEntropy });
        await layers.fit(data.xs, data.ys, { verbose: 0 });
        const { modelArtifactsInfo } = await layers.save(`file://${folder}`);
        expect(modelArtifactsInfo.weightDataBytes).to.equal(4 * 3345);
        expect((await readdir(folder)).sort()).to.deep.equal(['model.json', 'weights.bin']);
        const wanted = tf.tidy(() => bitsOf(keras.call(pictures(2)).logits));
        const { bits, frozen } = await inFreshProcess(`file://${folder}/model.json`);
        expect(bits).to.deep.equal([wanted]);
        expect(frozen).to.deep.equal(['stage1']);
        layers.optimizer.dispose();
        tf.dispose(data);
      }),
    ));

  it('does so for V1, NCHW, and an act of two words', () =>
    inFolder(async (folder) => {
      const config = new ConvNextConfig({ depths: [1, 1], hiddenSizes: [4, 6], hiddenAct: 'gelu_new' });
      const keras = await TFConvNextModel.fromConfig(config, { layout: 'NCHW' });
      const layers = await keras.asLayersModel({ inputShape: [3, null, null] });
      await layers.save(`file://${folder}`);
      const wanted = predict(
        layers,
        tf.tidy(() => toNCHW(pictures(2))),
      );
      const { bits, shapes } = await inFreshProcess(`file://${folder}`, 'NCHW');
      expect(bits).to.deep.equal(wanted.map((numbers) => bitsOf(tf.tensor1d(numbers))));
      expect(shapes).to.deep.equal([
        [2, 6, 2, 4],
        [2, 6],
      ]);
      keras.dispose();
    }));

  it('keeps its config, letter for letter, and its weights are its own', () =>
    inFolder(async (folder) => {
      const x = pictures();
      const before = tf.memory().numTensors;
      await withClassifier(async (keras, layers) => {
        await layers.save(`file://${folder}`);
        const weights = tf.memory().numTensors;
        const loaded = await loadLayersModel(`file://${folder}`);
        expect(tf.memory().numTensors).to.equal(weights + keras.parameters.size);
        const saved = JSON.parse((loaded.getLayer('classifier').getConfig() as any).model.name);
        expect(saved.config).to.deep.equal(JSON.parse(JSON.stringify(keras.config)));
        expect(saved.config.id2label).to.deep.equal({ 0: 'Cat', 1: 'big_Dog', 2: 'fish' });
        const wanted = predict(loaded, x);
        expect(predict(layers, x)).to.deep.equal(wanted);
        tf.tidy(() => keras.parameters.get('classifier.bias')!.variable.assign(tf.tensor1d([5, 5, 5])));
        expect(predict(loaded, x)).to.deep.equal(wanted);
        expect(loaded.dispose().numDisposedVariables).to.equal(keras.parameters.size);
      });
      expect(tf.memory().numTensors).to.equal(before);
      x.dispose();
    }));

  it('goes on training where it stopped, with its optimizer', () =>
    inFolder((folder) =>
      withClassifier(async (_, logits) => {
        const probabilities = tfLayers.softmax().apply(logits.outputs[0]) as never;
        const model = tfModel({ inputs: logits.inputs, outputs: probabilities });
        const data = { xs: pictures(3), ys: tf.tensor2d([[0], [2], [1]]) };
        const lossesOf = async (model: LayersModel) => {
          const { history } = await model.fit(data.xs, data.ys, { epochs: 2, shuffle: false, verbose: 0 });
          return history.loss as number[];
        };
        model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
        await lossesOf(model);
        await model.save(`file://${folder}`, { includeOptimizer: true });
        const loaded = await loadLayersModel(`file://${folder}`);
        const [first, second] = await lossesOf(model);
        const again = await lossesOf(loaded);
        expect(again[0]).to.equal(first);
        expect(again[1]).to.be.closeTo(second, 1e-5); // tfjs rounds the powers of the betas otherwise
        tf.dispose(data);
        loaded.dispose();
      }),
    ));

  it('starts afresh where its weights are not saved', () =>
    withClassifier(async (_, layers) => {
      const topology = layers.toJSON(undefined, false) as object;
      const [a, b] = await Promise.all([
        models.modelFromJSON(topology as never),
        models.modelFromJSON(topology as never),
      ]);
      const x = pictures();
      expect(predict(a, x)).not.to.deep.equal(predict(b, x));
      expect(predict(a, x).flat().every(Number.isFinite)).to.equal(true);
      x.dispose();
      for (const model of [a, b]) model.dispose();
    }));

  it('is not saved where its act is a function', () =>
    inFolder((folder) =>
      withClassifier(
        async (_, layers) => {
          const { code, message } = await failure(() => layers.save(`file://${folder}`));
          expect(code).to.equal('E_CONFIG');
          expect(message).to.contain('hidden_act: wanted a name, to write to a file, got a function');
          expect(await readdir(folder)).to.deep.equal([]);
        },
        small.with({ hiddenAct: gelu }),
      ),
    ));

  const broken: Readonly<Record<string, readonly [from: RegExp, to: string, code: string, message: string]>> = {
    'a part that there is not': [
      /part\\":\\"stage3/,
      'part\\":\\"stage4',
      'E_CONFIG',
      'layer "stage3": /part: wanted one of stem, stage1',
    ],
    'another layout': [
      /layout\\":\\"NHWC/,
      'layout\\":\\"HWCN',
      'E_CONFIG',
      'layer "stem": /layout: wanted "NHWC" or "NCHW", got "HWCN"',
    ],
    'a config that is none': [/\\"depths\\":\[1,2,1\]/, '\\"depths\\":[1,-2,1]', 'E_CONFIG', 'layer "stem": /depths/1'],
    'text that is no JSON': [/"name":"\{\\"part/, '"name":"{part', 'E_JSON', 'layer "stem": line 1, column 2'],
    'no text': [
      /"name":"\{.*?\}"/,
      '"name":7',
      'E_CONFIG',
      'layer "stem": /model/name: wanted what the layer is, as JSON text, got 7',
    ],
    'another size of layers': [
      /\\"hidden_sizes\\":\[4,6,8\]/g,
      '\\"hidden_sizes\\":[4,6,60000]',
      'E_WEIGHTS',
      'wanted 1440000 values, got float32 [2,2,6,8]',
    ],
    'another shape of weights': [
      /"shape":\[4,4,3,4\]/,
      '"shape":[4,4,4,3]',
      'E_WEIGHTS',
      'wanted float32 [4,4,3,4], got float32 [4,4,4,3]',
    ],
    'weights that are whole numbers': [
      /"dtype":"float32"\}/g,
      '"dtype":"int32"}',
      'E_WEIGHTS',
      'wanted float32 [4,4,3,4], got int32 [4,4,3,4]',
    ],
  };
  for (const [name, [from, to, code, message]] of Object.entries(broken)) {
    it(`is refused with ${name}`, () =>
      inFolder((folder) =>
        withClassifier(async (_, layers) => {
          await layers.save(`file://${folder}`);
          await edit(folder, (text) => text.replace(from, to));
          const error = await failure(() => loadLayersModel(`file://${folder}`));
          expect(error.code).to.equal(code);
          expect(error.message).to.contain(message);
        }),
      ));
  }
});
