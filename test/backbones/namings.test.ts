import { expect } from 'chai';
import {
  ConvNextConfig,
  ConvNextModel,
  ConvNextV2Config,
  ConvNextV2Model,
  convNext,
} from '../../backbones/convnext/index.js';
import type { StoredTensor } from '../../src/contracts.js';
import { createScope } from '../../src/nn/scope.js';

const { namings, deriveConfig } = convNext.checkpoints!;
const namingCalled = (name: string) => namings.find((naming) => naming.name === name)!;

type Config = ConvNextV2Config | ConvNextConfig;
const V2 = new ConvNextV2Config({ depths: [1, 2], hiddenSizes: [4, 6] });
const V1 = new ConvNextConfig({ depths: [1, 2], hiddenSizes: [4, 6] });

const named = (...entries: readonly (readonly [string, readonly number[]])[]): ReadonlyMap<string, StoredTensor> =>
  new Map(entries.map(([name, shape]) => [name, { dtype: 'F32', shape }]));

/** The names and shapes of a model's own checkpoint. */
function tensorsOf(config: Config): ReadonlyMap<string, StoredTensor> {
  const scope = createScope();
  if (config instanceof ConvNextV2Config) new ConvNextV2Model(scope, config);
  else new ConvNextModel(scope, config);
  return named(...Array.from(scope.parameters, ([name, { shape }]) => [name, shape] as const), [
    'classifier.weight',
    [3, 6],
  ]);
}

/** The tensors under another's names. */
function written(naming: string, config: Config): ReadonlyMap<string, StoredTensor> {
  const own = tensorsOf(config);
  const renamed = namingCalled(naming).write!(own);
  return named(
    ...Array.from(own, ([name, { shape }]) => [renamed.get(name)!.name, renamed.get(name)!.shape ?? shape] as const),
  );
}

/** Shapes without axes of one, which GRN and 1x1 kernels may have more of. */
const squeezed = (shape: readonly number[]): readonly number[] => shape.filter((length) => length !== 1);

describe('namings', () => {
  for (const [version, config] of [
    ['V1', V1],
    ['V2', V2],
  ] as const) {
    for (const name of ['hf', 'fb', 'timm']) {
      it(`reads of ${version} what it writes as ${name}`, () => {
        const stored = written(name, config);
        const reader = namings.find((naming) => naming.read(stored))!;
        expect(reader.name).to.equal(name);
        const renamed = reader.read(stored)!;
        const own = Array.from(stored, ([other, { shape }]) => {
          const { name, shape: ownShape = shape } = renamed.get(other)!;
          return [name, squeezed(ownShape)];
        });
        expect(own).to.deep.equal(Array.from(tensorsOf(config), ([name, { shape }]) => [name, squeezed(shape)]));
      });
    }
  }

  it('has a prefix in a classifier of transformers, and none in a model', () => {
    const own = tensorsOf(V2);
    const names = (tensors: ReadonlyMap<string, StoredTensor>) =>
      Array.from(namingCalled('hf').write!(tensors).values(), ({ name }) => name);
    expect(names(own)).to.include.members(['convnextv2.layernorm.weight', 'classifier.weight']);
    const body = new Map([...own].filter(([name]) => name !== 'classifier.weight'));
    expect(names(body)).to.deep.equal([...body.keys()]);
  });

  it('spells the names of others as they do', () => {
    const names = (naming: string, config: Config) => [...written(naming, config).keys()];
    expect(names('fb', V2)).to.include.members(['stages.1.1.grn.gamma', 'downsample_layers.1.0.weight', 'head.weight']);
    expect(names('fb', V1)).to.include.members(['stages.1.1.gamma', 'stages.0.0.pwconv2.bias', 'norm.bias']);
    expect(names('timm', V2)).to.include.members(['stages.1.blocks.1.mlp.grn.bias', 'stages.1.downsample.1.bias']);
    // a stem of 4 channels: narrow, so timm has 1x1 convolutions
    expect(written('timm', V2).get('stages.0.blocks.0.mlp.fc1.weight')!.shape).to.deep.equal([16, 4, 1, 1]);
    const wide = written('timm', new ConvNextV2Config({ depths: [1], hiddenSizes: [96] }));
    expect(wide.get('stages.0.blocks.0.mlp.fc1.weight')!.shape).to.deep.equal([384, 96]);
    expect(wide.get('stages.0.blocks.0.mlp.grn.weight')!.shape).to.deep.equal([384]);
  });

  it('reads torchvision: two of its features to a stage', () => {
    const stored = named(
      ['features.0.0.weight', [4, 3, 4, 4]],
      ['features.1.0.block.0.weight', [4, 1, 7, 7]],
      ['features.1.0.layer_scale', [4, 1, 1]],
      ['features.2.1.weight', [6, 4, 2, 2]],
      ['features.3.1.block.5.bias', [6]],
      ['features.4.0.bias', [6]],
      ['classifier.0.weight', [6]],
      ['classifier.2.weight', [3, 6]],
      ['classifier.1.weight', [1]],
      ['features.5.0.bias', [6]], // blocks stand where downsampling would be
    );
    const renamed = namingCalled('torchvision').read(stored)!;
    expect(Array.from(renamed, ([stored, { name, shape }]) => [stored, name, shape])).to.deep.equal([
      ['features.0.0.weight', 'embeddings.patch_embeddings.weight', undefined],
      ['features.1.0.block.0.weight', 'encoder.stages.0.layers.0.dwconv.weight', undefined],
      ['features.1.0.layer_scale', 'encoder.stages.0.layers.0.layer_scale_parameter', [4]],
      ['features.2.1.weight', 'encoder.stages.1.downsampling_layer.1.weight', undefined],
      ['features.3.1.block.5.bias', 'encoder.stages.1.layers.1.pwconv2.bias', undefined],
      ['features.4.0.bias', 'encoder.stages.2.downsampling_layer.0.bias', undefined],
      ['classifier.0.weight', 'layernorm.weight', undefined],
      ['classifier.2.weight', 'classifier.weight', undefined],
    ]);
  });

  it("tells OpenMMLab's classifiers from backbones: the last norm, or one for each map", () => {
    const signs = [
      ['backbone.downsample_layers.0.0.weight', [4, 3, 4, 4]],
      ['backbone.stages.0.0.depthwise_conv.weight', [4, 1, 7, 7]],
    ] as const;
    const own = (...names: readonly string[]) => {
      const stored = named(...signs, ...names.map((name) => [name, [4]] as const));
      return names.map((name) => namingCalled('mm').read(stored)!.get(name)?.name);
    };
    expect(own('backbone.norm3.weight', 'head.fc.bias')).to.deep.equal(['layernorm.weight', 'classifier.bias']);
    expect(own('backbone.norm0.weight', 'backbone.norm3.weight', 'decode_head.x')).to.deep.equal([
      'hidden_states_norms.stage1.weight',
      'hidden_states_norms.stage4.weight',
      undefined,
    ]);
    for (const stage of [1, 2]) {
      expect(own(`backbone.norm${stage}.weight`, 'backbone.norm3.weight')[1]).to.equal(
        'hidden_states_norms.stage4.weight',
      );
    }
  });

  it('numbers outputs from one', () => {
    const [norm, none] = ['hidden_states_norms.stage1.weight', 'hidden_states_norms.stage0.weight'];
    expect(namingCalled('hf').read(new Map([...tensorsOf(V2), ...named([norm, [4]], [none, [4]])]))).to.have.all.keys(
      ...tensorsOf(V2).keys(),
      norm,
    );
  });

  it('takes 1x1 kernels alone for linear maps', () => {
    const narrow = ['stages.0.blocks.0.mlp.fc1.weight', 'stages.0.blocks.0.mlp.fc2.weight'];
    const stored = new Map([...written('timm', V2), ...named([narrow[0], [16, 4, 1, 1]], [narrow[1], [4, 16, 3, 3]])]);
    const renamed = namingCalled('timm').read(stored)!;
    expect(narrow.map((name) => renamed.get(name)!.shape)).to.deep.equal([[16, 4], undefined]);
  });

  it('finds a model under any prefix', () => {
    const stored = new Map([...written('timm', V1)].map(([name, tensor]) => [`model.backbone.${name}`, tensor]));
    const names = [...namingCalled('timm').read(stored)!.values()].map(({ name }) => name);
    expect(names).to.deep.equal([...tensorsOf(V1).keys()]);
  });

  it('takes the shortest prefix, of whole words', () => {
    const [one, two, half] = ['', 'teacher.', 'my_'].map((prefix) => {
      return Array.from(written('timm', V1), ([name, tensor]) => [`${prefix}${name}`, tensor] as const);
    });
    for (const copies of [
      [...two, ...one],
      [...one, ...two],
    ]) {
      const stored = [...namingCalled('timm').read(new Map(copies))!.keys()];
      expect(stored).to.deep.equal(one.map(([name]) => name));
    }
    expect(namingCalled('timm').read(new Map(half))).to.equal(undefined);
  });

  it('turns the kernels of sparse convolutions', () => {
    const stored = named(
      ['encoder.downsample_layers.0.0.weight', [2, 3, 4, 4]],
      ['encoder.stages.0.0.dwconv.kernel', [4, 2]],
      ['encoder.stages.0.0.dwconv.bias', [1, 2]],
      ['encoder.downsample_layers.1.1.kernel', [4, 1, 2]],
      ['encoder.downsample_layers.1.0.ln.bias', [2]],
    );
    expect(namingCalled('fb').read(stored)).to.equal(undefined);
    const renamed = namingCalled('fcmae').read(stored)!;
    // the window column by column: places are (row, column) 00, 10, 01, 11
    const places = new Float32Array([1, 10, 2, 20, 3, 30, 4, 40]);
    for (const name of ['encoder.stages.0.0.dwconv.kernel', 'encoder.downsample_layers.1.1.kernel']) {
      const { shape, convert } = renamed.get(name)!;
      expect(shape).to.deep.equal([2, 1, 2, 2]);
      expect([...convert!(places)]).to.deep.equal([1, 3, 2, 4, 10, 30, 20, 40]);
    }
    expect(renamed.get('encoder.stages.0.0.dwconv.bias')).to.deep.equal({
      name: 'encoder.stages.0.layers.0.dwconv.bias',
      shape: [2],
    });
    const norm = renamed.get('encoder.downsample_layers.1.0.ln.bias')!;
    expect(norm.name).to.equal('encoder.stages.1.downsampling_layer.0.bias');
  });

  it('knows nothing of other models', () => {
    const stored = named(['embeddings.patch_embeddings.weight', [1]], ['layer.weight', [2]], ['stem.0.weight', [1]]);
    for (const naming of namings) expect(naming.read(stored), naming.name).to.equal(undefined);
  });
});

describe('deriveConfig', () => {
  const derive = (tensors: ReadonlyMap<string, StoredTensor>, naming = 'hf') => deriveConfig!(tensors, naming);

  it('tells the architecture from the shapes', () => {
    expect(derive(tensorsOf(V2))).to.deep.equal({
      architectures: ['ConvNextV2ForImageClassification'],
      model_type: 'convnextv2',
      num_channels: 3,
      patch_size: 4,
      num_stages: 2,
      depths: [1, 2],
      hidden_sizes: [4, 6],
      num_labels: 3,
    });
    expect(derive(tensorsOf(V1), 'fb')).to.include({ model_type: 'convnext', layer_norm_eps: 1e-6 });
    const unscaled = new Map([...tensorsOf(V1)].filter(([name]) => !name.endsWith('layer_scale_parameter')));
    expect(derive(unscaled)).to.include({ layer_scale_init_value: 0 });
    const outputs = named(['hidden_states_norms.stem.weight', [4]], ['hidden_states_norms.stage2.weight', [6]]);
    expect(derive(new Map([...tensorsOf(V2), ...outputs]))!.out_features).to.deep.equal(['stem', 'stage2']);
  });

  it('gives nothing where blocks are missing, or numbered past any sense', () => {
    const without = (part: string) => new Map([...tensorsOf(V2)].filter(([name]) => !name.includes(part)));
    expect(derive(without('stages.0'))).to.equal(undefined);
    expect(derive(without('stages.1.layers.0'))).to.equal(undefined);
    expect(derive(without('embeddings'))).to.equal(undefined);
    const far = named(['encoder.stages.1.layers.999.dwconv.weight', [6, 1, 7, 7]]);
    expect(derive(new Map([...tensorsOf(V2), ...far]))).to.equal(undefined);
  });
});
