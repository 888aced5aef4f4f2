import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextBackbone,
  ConvNextConfig,
  ConvNextV2Backbone,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
} from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { createRegistry } from '../../src/registry.js';
import { AutoBackbone, AutoConfig } from '../../src/weights/auto.js';
import { failure, golden, inFolder, openFiles, readBytes } from '../helpers.js';
import '../../src/index.js';

/** Any of the six. */
interface ModelClass {
  readonly name: string;
  fromPretrained(
    source: string,
    options: object,
  ): Promise<{ savePretrained(folder: string): Promise<void>; dispose(): void }>;
}

const CASES: readonly (readonly [string, ModelClass])[] = [
  ['classifier-single-label', ConvNextV2ForImageClassification],
  ['model-three-stages', ConvNextV2Model],
  ['backbone-with-stem', ConvNextV2Backbone],
  ['convnext-v1-backbone', ConvNextBackbone],
];

describe('savePretrained', () => {
  before(() => useBackend('cpu'));

  for (const [name, type] of CASES) {
    it(`writes the reference's own file again, byte for byte: ${name}`, async () => {
      await inFolder(async (folder) => {
        const before = tf.memory().numTensors;
        // a backbone loads no deeper than it needs: with hidden states it holds all of the file
        const model = await type.fromPretrained(golden(name), {
          strict: 'all',
          outputHiddenStates: type.name.includes('Backbone'),
        });
        await model.savePretrained(join(folder, 'deep', 'saved'));
        model.dispose();
        expect(tf.memory().numTensors).to.equal(before);
        const saved = join(folder, 'deep', 'saved');
        expect((await readdir(saved)).sort()).to.deep.equal([
          'config.json',
          'model.safetensors',
          'preprocessor_config.json',
        ]);
        const [got, want] = await Promise.all([
          readBytes(join(saved, 'model.safetensors')),
          readBytes(golden(name, 'model.safetensors')),
        ]);
        expect(Buffer.compare(got, want)).to.equal(0);
        const [config, wanted] = (
          await Promise.all([
            readFile(join(saved, 'config.json'), 'utf8'),
            readFile(golden(name, 'config.json'), 'utf8'),
          ])
        ).map((text) => JSON.parse(text));
        if (!wanted.id2label) for (const key of ['id2label', 'label2id']) delete config[key]; // the defaults, which the reference leaves out
        if (type.name.includes('Backbone')) config.output_hidden_states = undefined;
        else delete config.output_hidden_states;
        expect(JSON.parse(JSON.stringify(config))).to.deep.equal(wanted);
        expect(await openFiles(golden(name))).to.equal(0);
      });
    });
  }

  it('can be read again', async () => {
    await inFolder(async (folder) => {
      const config = new ConvNextV2Config({ depths: [1, 1], hiddenSizes: [4, 6], numLabels: 3, imageSize: 64 });
      const model = await ConvNextV2ForImageClassification.fromConfig(config, { seed: 1 });
      await model.savePretrained(folder);
      const again = await ConvNextV2ForImageClassification.fromPretrained(folder, { strict: 'all' });
      expect(again.config.toJSON()).to.deep.equal({
        ...config.toJSON(),
        architectures: ['ConvNextV2ForImageClassification'],
        dtype: 'float32',
      });
      tf.tidy(() => {
        const x = tf.randomNormal<tf.Rank.R4>([1, 17, 23, 3]);
        expect([...again.forward(x).logits.dataSync()]).to.deep.equal([...model.forward(x).logits.dataSync()]);
      });
      expect(JSON.parse(await readFile(join(folder, 'preprocessor_config.json'), 'utf8'))).to.deep.include({
        size: { shortest_edge: 64 },
      });
      for (const each of [model, again]) each.dispose();
    });
  });

  it('says that the weights are float32, whatever its source says', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'half.json'), '{"depths": [1], "hidden_sizes": [4], "torch_dtype": "float16"}');
      const half = await ConvNextV2Model.fromConfig(await ConvNextV2Config.fromPretrained(join(folder, 'half.json')));
      await half.savePretrained(folder);
      half.dispose();
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
      expect(config).to.include({ dtype: 'float32' }).and.not.have.property('torch_dtype');
    });
  });

  it('keeps the preprocessing and the unknown keys of its source', async () => {
    await inFolder(async (folder) => {
      const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ depths: [1], hiddenSizes: [4] }));
      await model.savePretrained(folder);
      model.dispose();
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
      await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, mystery: { deep: [1] } }));
      await writeFile(join(folder, 'preprocessor_config.json'), '{"mystery": 2, "size": 96}');
      const again = await ConvNextV2Model.fromPretrained(folder);
      await again.savePretrained(join(folder, 'copy'));
      again.dispose();
      expect(JSON.parse(await readFile(join(folder, 'copy', 'config.json'), 'utf8')).mystery).to.deep.equal({
        deep: [1],
      });
      expect(JSON.parse(await readFile(join(folder, 'copy', 'preprocessor_config.json'), 'utf8'))).to.deep.equal({
        mystery: 2,
        size: 96,
      });
    });
  });

  it('says where it cannot write, and leaves what was there', async () => {
    await inFolder(async (folder) => {
      const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ depths: [1], hiddenSizes: [4] }));
      const before = tf.memory().numTensors;
      await writeFile(join(folder, 'file'), 'old');
      for (const path of [join(folder, 'file'), join(folder, 'file', 'below')]) {
        expect((await failure(() => model.savePretrained(path))).code).to.equal('E_OUTPUT');
      }
      expect(await readFile(join(folder, 'file'), 'utf8')).to.equal('old');
      for (const path of ['', undefined, null, 5]) {
        const error = await failure(() => model.savePretrained(path as never));
        expect(error).to.include({ code: 'E_ARGUMENT', path: 'folder' });
      }
      // a folder where the weights should go: nothing else is written either
      await mkdir(join(folder, 'model', 'model.safetensors'), { recursive: true });
      expect((await failure(() => model.savePretrained(join(folder, 'model')))).code).to.equal('E_OUTPUT');
      expect(await readdir(join(folder, 'model'))).to.deep.equal(['model.safetensors']);
      expect(tf.memory().numTensors).to.equal(before);
      model.dispose();
    });
  });
});

describe('fromPretrained', () => {
  before(() => useBackend('cpu'));

  it("loads a classifier's body into a backbone, and reports the rest", async () => {
    const backbone = await ConvNextV2Backbone.fromPretrained(golden('classifier-single-label'), {
      outFeatures: ['stage1', 'stage2'],
    });
    const { loaded, initialized, unused } = backbone.report;
    expect(loaded).to.include('encoder.stages.1.layers.0.dwconv.weight');
    expect(initialized).to.deep.equal(
      ['stage1', 'stage2'].flatMap((name) => [
        `hidden_states_norms.${name}.weight`,
        `hidden_states_norms.${name}.bias`,
      ]),
    );
    expect(unused)
      .to.include('classifier.weight')
      .and.to.include('convnextv2.layernorm.weight')
      .and.to.include('convnextv2.encoder.stages.3.layers.0.dwconv.weight');
    backbone.dispose();
  });

  it("loads a bare model's body into a classifier", async () => {
    const model = await ConvNextV2ForImageClassification.fromPretrained(golden('model-gelu'), { seed: 1 });
    expect(model.report.initialized).to.deep.equal(['classifier.weight', 'classifier.bias']);
    expect(model.report.unused).to.deep.equal([]);
    model.dispose();
  });

  it('reads every float dtype, a sharded checkpoint, and a base model alike', async () => {
    const outputs = new Map<string, number[]>();
    await inFolder(async (folder) => {
      const config = await readFile(golden('checkpoints', 'hf', 'config.json'));
      for (const name of ['hf', 'hf-sharded', 'hf-fp64', 'hf-fp16', 'hf-bf16']) {
        const path =
          name === 'hf' || name === 'hf-sharded'
            ? golden('checkpoints', name)
            : join(folder, name, 'model.safetensors');
        if (path.startsWith(folder)) {
          await mkdir(join(folder, name));
          await writeFile(join(folder, name, 'config.json'), config);
          await writeFile(path, await readFile(golden('checkpoints', `${name}.safetensors`)));
        }
        const model = await ConvNextV2ForImageClassification.fromPretrained(path, { strict: 'all' });
        tf.tidy(() => {
          const x = tf.randomNormal<tf.Rank.R4>([1, 35, 38, 3], 0, 1, 'float32', 1);
          outputs.set(name, [...model.forward(x).logits.dataSync()]);
        });
        model.dispose();
      }
    });
    const want = outputs.get('hf')!;
    const largest = Math.max(...want.map(Math.abs));
    for (const [name, tolerance] of [
      ['hf-sharded', 0],
      ['hf-fp64', 0],
      ['hf-fp16', 5e-3],
      ['hf-bf16', 5e-2],
    ] as const) {
      const off = Math.max(...outputs.get(name)!.map((value, i) => Math.abs(value - want[i])));
      expect(off, name).to.be.at.most(tolerance * largest);
    }
  });

  it('leaves nothing behind after an error', async () => {
    await inFolder(async (folder) => {
      const bytes = await readBytes(golden('model-gelu', 'model.safetensors'));
      await writeFile(join(folder, 'config.json'), await readFile(golden('model-gelu', 'config.json')));
      await writeFile(join(folder, 'model.safetensors'), bytes.subarray(0, bytes.length - 1));
      const before = tf.memory().numTensors;
      expect((await failure(() => ConvNextV2Model.fromPretrained(folder))).code).to.equal('E_SAFETENSORS');
      await writeFile(
        join(folder, 'model.safetensors'),
        await readBytes(golden('model-three-stages', 'model.safetensors')),
      );
      expect((await failure(() => ConvNextV2Model.fromPretrained(folder))).code).to.equal('E_WEIGHTS');
      expect(tf.memory().numTensors).to.equal(before);
      expect(await openFiles(folder)).to.equal(0);
    });
  });

  it('refuses options that cannot be, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const wrong: readonly (readonly [string, unknown])[] = [
      ['layout', 'nhwc'],
      ['layout', 'channels_first'],
      ['strict', 'yes'],
      ['strict', true],
      ['seed', 'one'],
      ['seed', 0.5],
    ];
    for (const [path, value] of wrong) {
      const error = await failure(() => ConvNextV2Model.fromConfig('convnextv2-atto', { [path]: value }));
      expect(error, `${path} ${value}`).to.include({ code: 'E_ARGUMENT', path });
    }
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses a model that no memory can hold', async () => {
    const before = tf.memory().numTensors;
    const config = new ConvNextV2Config({ depths: [1], hiddenSizes: [65536] });
    const { code, path } = await failure(() => ConvNextV2Model.fromConfig(config));
    expect([code, path]).to.deep.equal(['E_LIMIT', 'encoder.stages.0.layers.0.pwconv1.weight']);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses a config for what has no weights', async () => {
    for (const config of ['convnextv2-tiny', new ConvNextV2Config()]) {
      const { message } = await failure(() => ConvNextV2Backbone.fromPretrained('convnextv2-atto', { config }));
      expect(message).to.equal(
        'E_SOURCE: convnextv2-atto: wanted weights: the option config says what the model is, got a config alone',
      );
    }
  });

  it('refuses to make a model from what is no config of its own', async () => {
    const made = new ConvNextV2Config({ depths: [1], hiddenSizes: [4] });
    for (const config of [undefined, null, {}, made.toJSON(), new ConvNextConfig()]) {
      const error = await failure(() => ConvNextV2Backbone.fromConfig(config as never));
      const wanted = 'a ConvNextV2Config, or the name of a config';
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'config', wanted });
    }
  });

  it('refuses a config of the other version', async () => {
    const { code, path } = await failure(() => ConvNextV2Model.fromPretrained(golden('convnext-v1-model')));
    expect([code, path]).to.deep.equal(['E_CONFIG', `${golden('convnext-v1-model', 'config.json')}: /model_type`]);
  });

  it('names the file where a selection is wrong', async () => {
    const { code, path, suggestion } = await failure(() =>
      ConvNextV2Backbone.fromPretrained('convnextv2-atto', { outFeatures: ['stage9'] }),
    );
    expect(code).to.equal('E_OUT_FEATURES');
    expect(path).to.match(/convnextv2-atto\.json: \/out_features$/);
    expect(suggestion).to.match(/did you mean/);
  });

  it('reads only, where it may only read', async () => {
    await inFolder(async (folder) => {
      const model = await ConvNextV2Model.fromConfig(new ConvNextV2Config({ depths: [1], hiddenSizes: [4] }));
      await model.savePretrained(folder);
      for (const file of await readdir(folder)) await chmod(join(folder, file), 0o444);
      const again = await ConvNextV2Model.fromPretrained(folder);
      for (const each of [model, again]) each.dispose();
    });
  });
});

describe('AutoBackbone and AutoConfig', () => {
  before(() => useBackend('cpu'));

  it('choose by the model type', async () => {
    const v2 = await AutoBackbone.fromPretrained(golden('backbone-with-stem'));
    const v1 = await AutoBackbone.fromPretrained(golden('convnext-v1-backbone'), { outIndices: [1] });
    expect(v2).to.be.instanceOf(ConvNextV2Backbone);
    expect(v1).to.be.instanceOf(ConvNextBackbone);
    expect(v1.featureSpecs).to.have.length(1);
    for (const backbone of [v1, v2]) backbone.dispose();
    expect(await AutoConfig.fromPretrained('convnext-tiny')).to.be.instanceOf(ConvNextConfig);
  });

  it('make one with fresh weights', async () => {
    const backbone = await AutoBackbone.fromConfig(new ConvNextV2Config({ depths: [1], hiddenSizes: [4] }), {
      seed: 1,
    });
    expect(backbone.stageNames).to.deep.equal(['stem', 'stage1']);
    backbone.dispose();
  });

  it('know the types of their registry alone', async () => {
    const registry = createRegistry([]);
    expect((await failure(() => AutoBackbone.fromPretrained('convnextv2-atto', { registry }))).code).to.equal(
      'E_PLUGIN',
    );
    await inFolder(async (folder) => {
      const file = join(folder, 'mine.json');
      await writeFile(file, '{"model_type": "convnxt"}');
      expect((await failure(() => AutoConfig.fromPretrained(file))).suggestion).to.equal('did you mean "convnext"?');
      for (const text of ['{}', '{"model_type": 5}', '[]', 'null']) {
        await writeFile(file, text);
        expect((await failure(() => AutoConfig.fromPretrained(file))).code).to.equal('E_CONFIG');
      }
    });
  });
});
