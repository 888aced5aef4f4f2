import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { AutoModel, ConvNextImageProcessor, ConvNextV2Backbone, extractFeatures } from '../../src/index.js';
import { failure, openFiles } from '../helpers.js';
import { CONFIG, collect, taskFolder } from './helpers.js';

const PICTURE = {
  data: Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * 37) % 256),
  height: 24,
  width: 40,
  channels: 3,
};

describe('extractFeatures', () => {
  const path = taskFolder();
  const asTheyAre = new ConvNextImageProcessor({ doResize: false });
  const outFeatures = ['stem', 'stage2'];

  async function using(body: (backbone: ConvNextV2Backbone) => Promise<void>): Promise<void> {
    const backbone = await ConvNextV2Backbone.fromConfig(CONFIG.with({ outFeatures }), { seed: 1 });
    const tensors = tf.memory().numTensors;
    await body(backbone);
    expect(tf.memory().numTensors, 'tensors left over').to.equal(tensors);
    backbone.dispose();
  }

  it('gives the maps of a backbone as plain data', () =>
    using(async (backbone) => {
      const [{ maps, path }] = await collect(extractFeatures(backbone, [PICTURE], { processor: asTheyAre }));
      expect(path).to.equal(PICTURE);
      expect(maps!.map(({ name, shape, stride }) => [name, shape, stride])).to.deep.equal([
        ['stem', [6, 10, 4], 4],
        ['stage2', [3, 5, 6], 8],
      ]);
      const { pixelValues } = await asTheyAre.preprocess(PICTURE);
      tf.tidy(() => {
        const wanted = backbone.forward(pixelValues);
        for (const { name, data } of maps!) expect(data).to.deep.equal(wanted[name].dataSync());
      });
      pixelValues.dispose();
    }));

  it('pools each map to its mean', () =>
    using(async (backbone) => {
      const options = { processor: asTheyAre };
      const [{ maps }] = await collect(extractFeatures(backbone, [PICTURE], options));
      const [{ maps: means }] = await collect(extractFeatures(backbone, [PICTURE], { ...options, pool: 'mean' }));
      expect(means!.map(({ name, shape, stride }) => [name, shape, stride])).to.deep.equal([
        ['stem', [4], 4],
        ['stage2', [6], 8],
      ]);
      for (const [i, { data, shape }] of maps!.entries()) {
        const [height, width, channels] = shape;
        for (let c = 0; c < channels; c++) {
          const ofChannel = data.filter((_, at) => at % channels === c);
          const mean = ofChannel.reduce((a, b) => a + b) / (height * width);
          expect(means![i].data[c]).to.be.closeTo(mean, 1e-6);
        }
      }
    }));

  it('gives pictures of several sizes in their order, and goes on after what is none', () =>
    using(async (backbone) => {
      const tall = { ...PICTURE, height: 40, width: 24 };
      const tooSmall = { ...PICTURE, height: 7, width: 1, data: PICTURE.data.subarray(0, 21) };
      const pictures = [PICTURE, tall, path('no.png'), path('nope.png'), PICTURE, tooSmall, path('a.png')];
      const found = await collect(extractFeatures(backbone, pictures, { processor: asTheyAre, batchSize: 5 }));
      expect(found.map(({ path }) => path)).to.deep.equal(pictures);
      const what = found.map(({ maps, error }) => maps?.[1].shape.join('x') ?? error!.code);
      expect(what).to.deep.equal(['3x5x6', '5x3x6', 'E_IMAGE', 'E_IMAGE', '3x5x6', 'E_SHAPE', '2x3x6']);
      expect(found[3].error!.path).to.equal(path('nope.png'));
      expect(await openFiles(path())).to.equal(0);
    }));

  it('passes on no NaN', () =>
    using(async (backbone) => {
      const { variable } = backbone.parameters.get('hidden_states_norms.stage2.bias')!;
      const bad = tf.tensor1d([0, 0, Number.NaN, 0, 0, 0]);
      variable.assign(bad);
      bad.dispose();
      const [{ error }] = await collect(extractFeatures(backbone, [PICTURE], { processor: asTheyAre }));
      expect(error).to.include({ code: 'E_NON_FINITE', path: 'stage2', got: 'NaN at 2' });
    }));

  it('keeps to the limits', () =>
    using(async (backbone) => {
      const options = { processor: asTheyAre, limits: { maxPixels: 900 } };
      const found = await collect(extractFeatures(backbone, [PICTURE, path('a.png')], options));
      expect(found.map(({ error }) => error?.code)).to.deep.equal(['E_LIMIT', undefined]);
    }));

  it('opens a source: a whole model, or a backbone where maps are chosen', async () => {
    const tensors = tf.memory().numTensors;
    const source = path('model');
    const model = await AutoModel.fromPretrained(source);
    const processor = await ConvNextImageProcessor.fromPretrained(source);
    const { pixelValues } = await processor.preprocess(path('a.png'));
    const wanted = model.forward(pixelValues);

    const [{ maps: last }] = await collect(extractFeatures(source, [path('a.png')]));
    expect(last).to.deep.equal([
      { name: 'last_hidden_state', shape: [2, 2, 6], stride: 8, data: wanted.lastHiddenState.dataSync() },
    ]);
    const [{ maps: pooled }] = await collect(extractFeatures(pathToFileURL(source), [path('a.png')], { pool: 'mean' }));
    expect(pooled).to.deep.equal([
      { name: 'pooler_output', shape: [6], stride: 8, data: wanted.poolerOutput.dataSync() },
    ]);
    for (const options of [{ outFeatures: ['stage1'] }, { outIndices: [1] }]) {
      const [{ maps }] = await collect(extractFeatures(source, [path('a.png')], options));
      expect(maps!.map(({ name, shape }) => [name, shape])).to.deep.equal([['stage1', [4, 4, 4]]]);
    }
    tf.dispose([pixelValues, wanted.lastHiddenState, wanted.poolerOutput]);
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('opens what a backbone wrote as that backbone', async () => {
    const backbone = await ConvNextV2Backbone.fromPretrained(path('model'), { outFeatures: ['stage1'], seed: 0 });
    await backbone.savePretrained(path('backbone')); // without its last stage
    backbone.dispose();
    const [{ maps }] = await collect(extractFeatures(path('backbone'), [path('a.png')]));
    expect(maps!.map(({ name }) => name)).to.deep.equal(['stage1']);
  });

  it('leaves nothing behind of a source, however it ends', async () => {
    const tensors = tf.memory().numTensors;
    const pictures = Array(40).fill(path('a.png'));
    for await (const { maps } of extractFeatures(path('model'), pictures)) {
      expect(maps).to.have.length(1);
      break;
    }
    expect(tf.memory().numTensors).to.equal(tensors);
    const stop = new AbortController();
    const run = async () => {
      for await (const _ of extractFeatures(path('model'), pictures, { signal: stop.signal })) stop.abort();
    };
    expect((await failure(run)).code).to.equal('E_ABORTED');
    expect(tf.memory().numTensors).to.equal(tensors);
    expect((await failure(() => collect(extractFeatures(path('nope'), pictures)))).code).to.equal('E_SOURCE');
    const wrong = extractFeatures(path('model'), pictures, { pool: 'max' as never });
    expect((await failure(() => collect(wrong))).message).to.equal(
      'E_ARGUMENT: pool: wanted none or mean, got "max" (did you mean "mean"?)',
    );
    expect(tf.memory().numTensors).to.equal(tensors);
    expect(await openFiles(path())).to.equal(0);
  });

  it('refuses unknown options, of a source and of an open model', () =>
    using(async (backbone) => {
      for (const [options, suggestion] of [
        [{ batchsize: 1 }, 'did you mean "batchSize"?'],
        [{ seeed: 1 }, /^the options are batchSize,/],
      ] as const) {
        const items = extractFeatures(backbone, [PICTURE], { processor: asTheyAre, ...options } as never);
        const error = await failure(() => collect(items));
        expect(error.code).to.equal('E_ARGUMENT');
        expect(error.suggestion).to.match(new RegExp(suggestion));
      }
      const items = extractFeatures(path('model'), [path('a.png')], { seeed: 1 } as never);
      expect(await failure(() => collect(items))).to.include({ path: 'seeed', suggestion: 'did you mean "seed"?' });
    }));

  it('wants a processor for an open model, and no worker', () =>
    using(async (backbone) => {
      const open = (options: object) => () => collect(extractFeatures(backbone, [PICTURE], options as never));
      expect((await failure(open({}))).message).to.match(
        /^E_ARGUMENT: processor: wanted one, for an open model, got none/,
      );
      expect((await failure(open({ processor: asTheyAre, worker: true }))).path).to.equal('worker');
    }));

  it('takes pictures that the processor of the source would not, by another', async () => {
    const [{ maps }] = await collect(extractFeatures(path('model'), [PICTURE], { processor: asTheyAre }));
    expect(maps![0].shape).to.deep.equal([3, 5, 6]);
  });

  it('gives the same whatever pictures are computed at once', async () => {
    const pictures = ['a', 'b', 'c', 'a'].map((name) => path(`${name}.png`));
    const one = await collect(extractFeatures(path('model'), pictures, { batchSize: 1 }));
    const four = await collect(extractFeatures(path('model'), pictures, { batchSize: 4 }));
    expect(four).to.deep.equal(one);
    expect(four[0].maps![0].data).not.to.deep.equal(four[1].maps![0].data);
  });
});
