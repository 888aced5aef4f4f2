import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { convNext } from '../../backbones/convnext/index.js';
import {
  AutoModelForImageClassification,
  ConvNextConfig,
  ConvNextForImageClassification,
  convertCheckpoint,
} from '../../src/index.js';
import { openCheckpoint } from '../../src/weights/open-checkpoint.js';
import { writeSafetensors } from '../../src/weights/write-safetensors.js';
import { failure, inFolder } from '../helpers.js';

const fixture = (...parts: string[]) => fileURLToPath(new URL(join('timm', ...parts), import.meta.url));

/** Networks of timm's own ConvNeXt class, each with the arguments that its config.json holds: see timm/make.py. */
const LAYOUTS = ['head-norm-first', 'patch-2', 'head-hidden', 'norm-eps-tanh', 'v2-norm-eps'];

/** What these weights are to give: `pixel_values` [1, 3, 67, 64] and `logits` [1, 3] of timm. */
async function expected(name: string) {
  const checkpoint = await openCheckpoint(fixture(name, 'expected.safetensors'));
  const [pixels, logits] = await Promise.all(
    ['pixel_values', 'logits'].map((tensor) => checkpoint.readFloat32(tensor)),
  );
  await checkpoint.close();
  return { pixels: tf.tidy(() => tf.transpose(tf.tensor4d(pixels, [1, 3, 67, 64]), [0, 2, 3, 1])), logits };
}

async function expectCode(promise: Promise<unknown>, code: string, text: string): Promise<void> {
  const error = await failure(() => promise);
  expect(error.code).to.equal(code);
  expect(error.message).to.contain(text);
}

async function difference(source: string, name: string, options = {}): Promise<number> {
  const model = await AutoModelForImageClassification.fromPretrained(source, { strict: 'all', ...options });
  const { pixels, logits } = await expected(name);
  const output = model.forward(pixels);
  const values = await output.logits.data();
  tf.dispose([pixels, output.logits]);
  model.dispose();
  return Math.max(...logits.map((value, i) => Math.abs(value - values[i])));
}

describe("timm's layouts", () => {
  for (const name of LAYOUTS) {
    it(`${name} gives timm's logits, and again once saved`, () =>
      inFolder(async (folder) => {
        expect(await difference(fixture(name), name)).to.be.below(2e-5);
        const model = await AutoModelForImageClassification.fromPretrained(fixture(name));
        await (model as ConvNextForImageClassification).savePretrained(folder);
        model.dispose();
        expect(await difference(folder, name)).to.be.below(2e-5);
      }));
  }

  for (const name of ['head-norm-first', 'patch-2', 'head-hidden']) {
    it(`${name} is told by the tensors alone`, async () => {
      expect(await difference(fixture(name, 'model.safetensors'), name, { config: undefined })).to.be.below(2e-5);
    });
  }

  it('refuses by name what is not built', () =>
    inFolder(async (folder) => {
      await copyFile(fixture('patch-2', 'model.safetensors'), join(folder, 'model.safetensors'));
      const open = async (config: object) => {
        await writeFile(join(folder, 'config.json'), JSON.stringify({ architecture: 'convnext_tiny', ...config }));
        return ConvNextForImageClassification.fromPretrained(folder);
      };
      const args = {
        stem_type: 'overlap_act',
        norm_layer: 'rmsnorm2d',
        act_layer: 'silu',
        kernel_sizes: [7, 5, 5, 3],
        output_stride: 16,
        conv_bias: false,
        global_pool: 'max',
        norm_eps: 'x',
        other: 1,
      };
      for (const [name, value] of Object.entries(args)) {
        await expectCode(open({ model_args: { [name]: value } }), 'E_CONFIG', `/model_args/${name}`);
      }
      await expectCode(open({ architecture: 'convnext_atto_ols' }), 'E_CONFIG', 'convnext_atto_ols/stem_type');
      await expectCode(open({ architecture: 'test_convnext3' }), 'E_CONFIG', 'test_convnext3/act_layer');
      await expectCode(open({ global_pool: 'avgmax' }), 'E_CONFIG', '/global_pool');
      const model = await open({ model_args: { drop_path_rate: 0.5, drop_rate: 0.1, head_init_scale: 0.001 } });
      model.dispose();
    }));

  it("takes the epsilon of an architecture, and the arguments' before it", () =>
    inFolder(async (folder) => {
      await copyFile(fixture('patch-2', 'model.safetensors'), join(folder, 'model.safetensors'));
      const config = async (json: object) => {
        await writeFile(join(folder, 'config.json'), JSON.stringify(json));
        const model = await ConvNextForImageClassification.fromPretrained(folder);
        model.dispose();
        return model.config as ConvNextConfig;
      };
      expect(await config({ architecture: 'convnext_xxlarge' })).to.include({ normEps: 1e-5, layerNormEps: 1e-5 });
      expect(await config({ architecture: 'test_convnext' })).to.include({ normEps: 1e-5, hiddenAct: 'gelu_new' });
      const other = { architecture: 'convnext_xxlarge', model_args: { norm_eps: 1e-3 } };
      expect(await config(other)).to.include({ normEps: 1e-3, layerNormEps: 1e-3 });
    }));

  it('passes over null arguments, as timm does, and the tag of an architecture', () =>
    inFolder(async (folder) => {
      await copyFile(fixture('patch-2', 'model.safetensors'), join(folder, 'model.safetensors'));
      const config = async (json: object) => {
        await writeFile(join(folder, 'config.json'), JSON.stringify(json));
        return ConvNextConfig.fromPretrained(folder);
      };
      const nothing = { norm_eps: null, act_layer: null, norm_layer: null, kernel_sizes: null, output_stride: null };
      const architecture = 'convnext_xxlarge.clip_laion2b_soup';
      const given = await config({ architecture, model_args: nothing, global_pool: null });
      expect(given).to.include({ normEps: 1e-5, layerNormEps: 1e-5, hiddenAct: 'gelu' });
    }));

  it('opens a backbone with a head of its own, which is not taken for the classifier', async () => {
    const timm = convNext.checkpoints!.namings.find(({ name }) => name === 'timm')!;
    const { tensors, close } = await openCheckpoint(fixture('patch-2', 'model.safetensors'));
    await close();
    const read = (heads: readonly string[]) => {
      const body = [...tensors].filter(([name]) => !name.startsWith('head.fc.'));
      const all = new Map([
        ...body,
        ...heads.map((name): (typeof body)[number] => [name, { dtype: 'F32', shape: [5, 5] }]),
      ]);
      return [...timm.read(all, 'own.pth')!.values()].map(({ name }) => name);
    };
    expect(read(['head.fc.weight'])).to.include('classifier.weight');
    // torch's Sequential in place of the layer, and another layer beside it
    for (const heads of [
      ['head.fc.0.weight', 'head.fc.2.weight'],
      ['head.fc.weight', 'head.attention.weight'],
      ['head.weight'],
    ]) {
      const names = read(heads);
      expect(names, heads.join()).to.include('layernorm.weight');
      expect(names.filter((name) => name.startsWith('classifier.'))).to.deep.equal([]);
    }
  });

  it('refuses a layer scale in blocks of V2 under any names, and says in which file', async () => {
    const signs = [
      ['fb', 'downsample_layers.0.0.weight', 'stages.0.0.dwconv.weight', 'stages.0.0.grn.gamma', 'stages.0.0.gamma'],
      [
        'mm',
        'downsample_layers.0.0.weight',
        'stages.0.0.depthwise_conv.weight',
        'stages.0.0.grn.gamma',
        'stages.0.0.gamma',
      ],
      [
        'timm',
        'stem.0.weight',
        'stages.0.blocks.0.conv_dw.weight',
        'stages.0.blocks.0.mlp.grn.weight',
        'stages.0.blocks.0.gamma',
      ],
    ];
    for (const [name, ...tensors] of signs) {
      const naming = convNext.checkpoints!.namings.find((naming) => naming.name === name)!;
      const stored = (names: readonly string[]) =>
        new Map(names.map((name) => [name, { dtype: 'F32', shape: [4, 3, 4, 4] }]));
      expect(naming.read(stored(tensors.slice(0, 3)))).to.be.a('map');
      const error = await failure(() => naming.read(stored(tensors), 'mine.pth'));
      expect([error.code, error.path]).to.deep.equal(['E_WEIGHTS', `mine.pth: "${tensors[3]}"`]);
    }
  });

  it('is not converted to names that have no place for a layer', async () => {
    for (const name of ['patch-2', 'head-norm-first', 'head-hidden']) {
      await inFolder(async (folder) => {
        const error = await failure(() => convertCheckpoint(fixture(name), folder, { naming: 'fb' }));
        expect([error.code, error.path, error.got]).to.deep.equal(['E_ARGUMENT', 'naming', 'fb']);
        expect(await readdir(folder)).to.deep.equal([]);
      });
    }
  });

  it('refuses tensors that a given config has no place for', async () => {
    const named = {
      'patch-2': 'downsample',
      'head-norm-first': 'norm_pre.weight',
      'head-hidden': 'head.pre_logits.fc.weight',
    };
    for (const [name, tensor] of Object.entries(named)) {
      const derived = await ConvNextConfig.fromPretrained(fixture(name));
      const config = derived.with({ downsampleFirst: false, headNormFirst: false, headHiddenSize: 0 });
      const source = fixture(name, 'model.safetensors');
      await expectCode(ConvNextForImageClassification.fromPretrained(source, { config }), 'E_WEIGHTS', tensor);
    }
  });

  it('refuses tensors of other layouts', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      const open = async (changes: Readonly<Record<string, readonly number[]>>) => {
        const { tensors, close } = await openCheckpoint(fixture('patch-2', 'model.safetensors'));
        const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
        for (const [name, shape] of Object.entries(changes)) shapes.set(name, shape);
        await close();
        const written = Array.from(shapes, ([name, shape]) => {
          const bytes = async () => new Uint8Array(4 * shape.reduce((product, length) => product * length, 1));
          return { name, shape, dtype: 'F32' as const, bytes };
        });
        await writeSafetensors(path, written, {});
        return ConvNextForImageClassification.fromPretrained(path);
      };
      await expectCode(open({ 'stem.2.weight': [8], 'stem.2.bias': [8] }), 'E_WEIGHTS', 'stem.2.weight');
      await expectCode(open({ 'stem.1.running_mean': [8] }), 'E_WEIGHTS', 'stem.1.running_mean');
      await expectCode(open({ 'stages.1.blocks.0.shortcut.conv.weight': [8] }), 'E_WEIGHTS', 'shortcut');
      await expectCode(open({ 'stages.0.blocks.0.mlp.grn.weight': [32] }), 'E_WEIGHTS', 'blocks.0.gamma');
      await expectCode(open({ 'stem.0.weight': [8, 3, 8, 8] }), 'E_WEIGHTS', 'stem.0.weight');
      await expectCode(open({ 'stages.0.blocks.0.conv_dw.weight': [8, 1, 5, 5] }), 'E_WEIGHTS', 'conv_dw');
    }));
});
