import { readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  AutoModelForImageClassification,
  ConvNextImageProcessor,
  convNextV2,
  createRegistry,
  decodeImage,
  definePlugin,
  pipeline,
} from '../../src/index.js';
import { failure, openFiles } from '../helpers.js';
import { taskFolder } from './helpers.js';

describe('pipeline', () => {
  const path = taskFolder();
  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(async () => {
    expect(tf.memory().numTensors, 'tensors left over').to.equal(tensors);
    expect(await openFiles(path())).to.equal(0);
  });

  it('classifies', async () => {
    const classify = await pipeline('image-classification', path('model'));
    expect(classify.config.id2label[1]).to.equal('rocket');
    const opened = tf.memory().numTensors;
    const classes = await classify(path('a.png'));
    expect(tf.memory().numTensors).to.equal(opened);
    expect(classes.map(({ label }) => label)).to.have.members(['cat', 'rocket', 'cup']);
    expect(classes.reduce((sum, { score }) => sum + score, 0)).to.be.closeTo(1, 1e-12);
    await classify.dispose();

    const model = await AutoModelForImageClassification.fromPretrained(path('model'));
    const processor = await ConvNextImageProcessor.fromPretrained(path('model'));
    const { pixelValues } = await processor.preprocess(path('a.png'));
    const { logits } = model.forward(pixelValues);
    const powers = [...logits.dataSync()].map(Math.exp);
    for (const { label, score } of classes) {
      const i = Object.values(model.config.id2label).indexOf(label);
      expect(score).to.be.closeTo(powers[i] / powers.reduce((a, b) => a + b), 1e-6);
    }
    tf.dispose([pixelValues, logits]);
    model.dispose();
  });

  it('gives a list for a list, also of one, and of bytes and pixels', async () => {
    const classify = await pipeline('image-classification', path('model'));
    const [one] = await classify([path('a.png')], { topK: 1 });
    const pictures = [path('a.png'), new Uint8Array(readFileSync(path('a.png'))), await decodeImage(path('a.png'))];
    const all = await classify([...pictures, path('b.png'), path('c.png')], { topK: 1, batchSize: 2 });
    expect(all.slice(0, 3)).to.deep.equal([one, one, one]);
    expect(all).to.have.length(5);
    expect(await classify([])).to.deep.equal([]);
    await classify.dispose();
  });

  it('takes the names that transformers has for its options, and refuses others', async () => {
    const classify = await pipeline('image-classification', path('model'));
    const call = classify as (picture: string, options?: unknown) => Promise<readonly unknown[]>;
    for (const options of [{ topK: 2 }, { top_k: 2 }, { topk: 2, batch_size: 1 }, { topK: 2, top_k: undefined }]) {
      expect(await call(path('a.png'), options)).to.have.length(2);
    }
    for (const options of [null, undefined, { signal: null, limits: undefined }]) {
      expect(await call(path('a.png'), options)).to.have.length(3);
    }
    for (const [options, at, suggestion] of [
      [{ topX: 1 }, 'topX', 'did you mean "topK"?'],
      [{ top_K: 1 }, 'top_K', 'did you mean "topK"?'],
      [{ topK: 1, top_k: 2 }, 'topK', undefined],
      [{ function_to_apply: 'none' }, 'function_to_apply', /problem_type/],
      [{ functionToApply: 'none' }, 'functionToApply', /problem_type/],
      [{ timeout: 1 }, 'timeout', /timeoutSeconds/],
      [{ constructor: 1 }, 'constructor', /^the options are topK, batchSize, concurrency, signal, limits$/],
      [{ threshold: undefined }, 'threshold', /^the options are/],
      [{ limits: { maxPixel: 1 } }, 'maxPixel', 'did you mean "maxPixels"?'],
      [{ limits: true }, 'limits', undefined],
      [{ signal: {} }, 'signal', undefined],
      [{ topK: '1' }, 'topK', undefined],
      [{ batchSize: 1.5 }, 'batchSize', undefined],
      [5, 'options', undefined],
      [['topK'], 'options', undefined],
    ] as const) {
      const error = await failure(() => call(path('a.png'), options));
      expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', at]);
      if (suggestion instanceof RegExp) expect(error.suggestion).to.match(suggestion);
      else expect(error.suggestion).to.equal(suggestion);
    }
    await classify.dispose();

    const embed = await pipeline('image-feature-extraction', path('model'), { pool: 'mean' });
    const wrong = await failure(() => embed(path('a.png'), { pool: true } as never));
    expect(wrong).to.include({ code: 'E_ARGUMENT', path: 'pool' });
    expect(wrong.suggestion).to.equal("an option of pipeline(), not of its calls: { pool: 'mean' }");
    await embed.dispose();
    const misspelled = await failure(() =>
      pipeline('image-feature-extraction', path('model'), { pol: 'mean' } as never),
    );
    expect(misspelled).to.include({ code: 'E_ARGUMENT', suggestion: 'did you mean "pool"?' });
  });

  it('extracts features, of a whole model and of chosen maps', async () => {
    const whole = await pipeline('image-feature-extraction', path('model'), { pool: 'mean' });
    const [{ name, data, shape }] = await whole(path('a.png'));
    expect([name, shape, data.length]).to.deep.equal(['pooler_output', [6], 6]);
    await whole.dispose();

    const stages = await pipeline('image-feature-extraction', path('model'), { outIndices: [0, -1] });
    expect(stages.config).to.deep.include({ outFeatures: ['stem', 'stage2'] });
    const found = await stages([path('a.png'), path('b.png')]);
    expect(found.map((maps) => maps.map(({ name }) => name))).to.deep.equal(Array(2).fill(['stem', 'stage2']));
    await stages.dispose();
  });

  it('repeats fresh weights by their seed', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4], image_size: 16, num_labels: 3 };
    writeFileSync(path('fresh.json'), JSON.stringify(config));
    const scores = [];
    for (const seed of [0, 0, 1]) {
      const classify = await pipeline('image-classification', path('fresh.json'), { weights: 'random', seed });
      scores.push(await classify(path('a.png'), { topK: 1 }));
      await classify.dispose();
    }
    expect(scores[1]).to.deep.equal(scores[0]);
    expect(scores[2]).not.to.deep.equal(scores[0]);
  });

  it('throws for a picture that cannot be read, for NaN, and after its end', async () => {
    const classify = await pipeline('image-classification', path('model'));
    expect((await failure(() => classify([path('a.png'), path('no.png')]))).code).to.equal('E_IMAGE');
    expect((await failure(() => classify(path('a.png'), { topK: 0 }))).path).to.equal('topK');
    expect((await failure(() => classify(path('a.png'), { signal: AbortSignal.abort() }))).code).to.equal('E_ABORTED');
    await classify.dispose();
    await classify.dispose();
    expect((await failure(() => classify(path('a.png')))).code).to.equal('E_DISPOSED');

    const registry = createRegistry([
      definePlugin({
        ...convNextV2,
        createImageClassifier: (scope, config) => {
          const model = convNextV2.createImageClassifier!(scope, config);
          const forward: typeof model.forward = (pixels) => ({ logits: tf.div(model.forward(pixels).logits, 0) });
          return {
            ...model,
            config: model.config,
            parameters: model.parameters,
            forward,
            dispose: () => model.dispose(),
          };
        },
      }),
    ]);
    const broken = await pipeline('image-classification', path('model'), { registry });
    const { code, path: where } = await failure(() => broken(path('a.png')));
    expect([code, where]).to.deep.equal(['E_NON_FINITE', 'logits']);
    await broken.dispose();
  });

  it('refuses other tasks, and says which was meant', async () => {
    expect((await failure(() => pipeline('image-clasification' as never, path('model')))).message).to.equal(
      'E_ARGUMENT: task: wanted one of image-classification, image-feature-extraction, instance-segmentation, ' +
        'object-detection, semantic-segmentation, got "image-clasification" ' +
        '(did you mean "image-classification"?)',
    );
    for (const task of ['constructor', undefined]) {
      expect((await failure(() => pipeline(task as never, path('model')))).path).to.equal('task');
    }
  });

  it('refuses a kind of model that cannot do the task', async () => {
    const { createModel, createImageClassifier, ...backboneAlone } = convNextV2;
    const registry = createRegistry([backboneAlone]);
    const classifier = await failure(() => pipeline('image-classification', path('model'), { registry }));
    expect(classifier.message).to.equal(
      'E_PLUGIN: convnextv2: wanted a plugin with createImageClassifier, got one without',
    );
    const features = await failure(() => pipeline('image-feature-extraction', path('model'), { registry }));
    expect(features.message).to.equal('E_PLUGIN: convnextv2: wanted a plugin with createModel, got one without');
    const maps = await pipeline('image-feature-extraction', path('model'), { registry, outFeatures: ['stem'] });
    await maps.dispose();
  });

  it('refuses a classifier without classes', async () => {
    writeFileSync(
      path('none.json'),
      JSON.stringify({ model_type: 'convnextv2', depths: [1], hidden_sizes: [4], num_labels: 0 }),
    );
    const { code, message } = await failure(() =>
      pipeline('image-classification', path('none.json'), { weights: 'random' }),
    );
    expect([code, message.endsWith('/num_labels: wanted at least one class, got 0')]).to.deep.equal(['E_CONFIG', true]);
  });
});
