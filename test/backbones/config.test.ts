import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ConvNextConfig, ConvNextV2Config } from '../../backbones/convnext/index.js';
import { failure } from '../helpers.js';

const HUB = { file: 'config.json', unknownKeys: 'keep' } as const;

describe('ConvNextV2Config', () => {
  it('has the defaults of the reference', () => {
    const { id2label, label2id, ...fields } = new ConvNextV2Config();
    expect(fields).to.deep.equal({
      otherKeys: {},
      numLabels: 2,
      problemType: undefined,
      outputHiddenStates: false,
      numChannels: 3,
      patchSize: 4,
      numStages: 4,
      hiddenSizes: [96, 192, 384, 768],
      depths: [3, 3, 9, 3],
      hiddenAct: 'gelu',
      initializerRange: 0.02,
      layerNormEps: 1e-12,
      normEps: 1e-6,
      headNormFirst: false,
      headHiddenSize: 0,
      downsampleFirst: false,
      dropPathRate: 0,
      layerScaleInitValue: 0,
      imageSize: 224,
      outputNorms: 'layer',
      outFeatures: ['stage4'],
      outIndices: [4],
    });
    expect({ ...id2label }).to.deep.equal({ 0: 'LABEL_0', 1: 'LABEL_1' });
    expect({ ...label2id }).to.deep.equal({ LABEL_0: 0, LABEL_1: 1 });
    expect(new ConvNextV2Config().stageNames).to.deep.equal(['stem', 'stage1', 'stage2', 'stage3', 'stage4']);
    expect(new ConvNextConfig().layerScaleInitValue).to.equal(1e-6);
  });

  for (const type of [ConvNextV2Config, ConvNextConfig]) {
    const { modelType, keys } = type.definition;

    it(`reads every key that the schema of ${modelType} has, and no other`, () => {
      const { properties } = JSON.parse(readFileSync(`configs/schemas/${modelType}.schema.json`, 'utf8'));
      // what the reference's PretrainedConfig has besides, which is kept and means nothing here
      const common = [
        '$schema',
        'model_type',
        'stage_names',
        'architectures',
        'dtype',
        'torch_dtype',
        'transformers_version',
        '_name_or_path',
        '_commit_hash',
        'return_dict',
        'output_attentions',
        'use_return_dict',
        'finetuning_task',
        'is_encoder_decoder',
        'chunk_size_feed_forward',
        'torchscript',
        'use_bfloat16',
        'pruned_heads',
      ];
      const read = Object.keys(properties).filter((key) => !common.includes(key));
      expect([...Object.values(keys)].sort()).to.deep.equal(read.sort());
    });

    it(`keeps each key of ${modelType} through a file and back`, () => {
      const file: Record<string, unknown> = {
        num_channels: 2,
        patch_size: 3,
        num_stages: 2,
        hidden_sizes: [8, 16],
        depths: [1, 2],
        hidden_act: 'relu',
        initializer_range: 0.5,
        layer_norm_eps: 0.25,
        drop_path_rate: 0.125,
        image_size: 99,
        out_features: ['stem', 'stage2'],
        out_indices: [0, -1],
        id2label: { 0: 'cat', 1: 'dog', 2: '__proto__' },
        label2id: { cat: 0, dog: 1, other: 2 },
        problem_type: 'regression',
        output_hidden_states: true,
        ...(modelType === 'convnext' && { layer_scale_init_value: 0.75 }),
      };
      const { model_type, stage_names, ...written } = type.fromJSON(file).toJSON();
      expect(JSON.parse(JSON.stringify(written))).to.deep.equal(file);
      expect(model_type).to.equal(modelType);
      expect(stage_names).to.deep.equal(['stem', 'stage1', 'stage2']);
    });
  }

  it('writes the files of the reference as they were', () => {
    for (const name of [
      'backbone-negative-indices',
      'classifier-single-label',
      'classifier-no-labels',
      'model-patch2-gray',
    ]) {
      const file = JSON.parse(readFileSync(`test/golden/${name}/config.json`, 'utf8'));
      const { id2label, label2id, output_hidden_states, ...written } = ConvNextV2Config.fromJSON(file, HUB).toJSON();
      const { id2label: names, label2id: indices, ...wanted } = file;
      expect(written).to.deep.equal(wanted);
      if (names) expect([{ ...(id2label as object) }, { ...(label2id as object) }]).to.deep.equal([names, indices]);
    }
  });

  it('keeps the keys that nobody knows in a file of the Hub, and refuses them elsewhere', async () => {
    const file = JSON.parse('{"depths": [1, 1], "hidden_sizes": [8, 8], "dephts": 1, "__proto__": {"polluted": true}}');
    const config = ConvNextV2Config.fromJSON(file, HUB);
    expect(JSON.stringify(config)).to.contain('"dephts":1').and.to.contain('"__proto__":{"polluted":true}');
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    const { code, problems } = await failure(() => ConvNextV2Config.fromJSON({ dephts: [1], hiden_act: 'gelu' }));
    expect(code).to.equal('E_CONFIG');
    expect(problems.map(({ path, suggestion }) => [path, suggestion])).to.deep.equal([
      ['config: /dephts', 'did you mean "depths"?'],
      ['config: /hiden_act', 'did you mean "hidden_act"?'],
    ]);
  });

  it('refuses unknown fields of the constructor, all at once', async () => {
    const wrong = { dephts: [1], outFeature: ['stem'] } as object;
    const { code, problems } = await failure(() => new ConvNextV2Config(wrong));
    expect(code).to.equal('E_CONFIG');
    expect(problems.map(({ suggestion }) => suggestion)).to.deep.equal([
      'did you mean "depths"?',
      'did you mean "outFeatures"?',
    ]);
    expect((await failure(() => new ConvNextV2Config(null as never))).code).to.equal('E_CONFIG');
    expect((await failure(() => new ConvNextV2Config({ layerScaleInitValue: 1 } as object))).code).to.equal('E_CONFIG');
  });

  it('keeps a layer scale that a V2 file should not have, and does not use it', () => {
    const config = ConvNextV2Config.fromJSON({ layer_scale_init_value: 0.5 }, HUB);
    expect(config.layerScaleInitValue).to.equal(0);
    expect(config.toJSON()).to.include({ layer_scale_init_value: 0.5 });
  });

  it('names all three where the stages do not agree', async () => {
    for (const init of [{ numStages: 3 }, { depths: [1, 1, 1] }, { hiddenSizes: [8] }]) {
      const { code, path, got } = await failure(() => new ConvNextV2Config(init));
      expect(code).to.equal('E_CONFIG');
      expect(path).to.equal('config: /num_stages');
      expect(got).to.match(/^num_stages \d, \d depths, \d hidden_sizes$/);
    }
  });

  it('takes null for the default', () => {
    const config = ConvNextV2Config.fromJSON(
      { depths: null, hidden_sizes: null, out_features: null, problem_type: null, id2label: null },
      HUB,
    );
    expect(config).to.deep.equal(
      new ConvNextV2Config({ depths: null, hiddenSizes: null, outFeatures: null, problemType: null, id2label: null }),
    );
    expect(config.depths).to.deep.equal([3, 3, 9, 3]);
    expect(config.problemType).to.equal(undefined);
  });

  it('reads another model type as an error', async () => {
    const { path, wanted, got } = await failure(() => ConvNextV2Config.fromJSON({ model_type: 'convnext' }, HUB));
    expect([path, wanted, got]).to.deep.equal(['config.json: /model_type', '"convnextv2"', '"convnext"']);
  });

  it('cannot write a function', async () => {
    const { code, path } = await failure(() => new ConvNextV2Config({ hiddenAct: (x) => x }).toJSON());
    expect([code, path]).to.deep.equal(['E_CONFIG', 'hidden_act']);
  });

  it('takes a function as the activation alone', async () => {
    const functions = { depths: () => [1], numChannels: () => 3, imageSize: () => 224, id2label: () => ({}) };
    for (const [field, value] of Object.entries(functions)) {
      const { code, got } = await failure(() => new ConvNextV2Config({ [field]: value }));
      expect([code, got], field).to.deep.equal(['E_CONFIG', 'a function']);
    }
  });

  it('does not change when what it was made from does', () => {
    const [depths, imageSize, id2label]: [number[], [number, number], Record<number, string>] = [
      [1, 1],
      [48, 64],
      { 0: 'cat', 1: 'dog' },
    ];
    const config = new ConvNextV2Config({ depths, imageSize, id2label, hiddenSizes: [8, 8] });
    depths.push(1);
    imageSize[0] = 1;
    id2label[0] = 'fish';
    for (const each of [config, config.with({ numChannels: 1 })]) {
      expect(each.depths).to.deep.equal([1, 1]);
      expect(each.imageSize).to.deep.equal([48, 64]);
      expect(each.id2label[0]).to.equal('cat');
    }
    expect(() => (config.depths as number[]).push(1)).to.throw(TypeError);
    expect(() => (config.imageSize as unknown as number[]).push(1)).to.throw(TypeError);
  });
});

describe('config.with', () => {
  const config = new ConvNextV2Config({ outFeatures: ['stage1'], numLabels: 3, dropPathRate: 0.25 });

  it('changes a copy', () => {
    const changed = config.with({ dropPathRate: 0.5 });
    expect([config.dropPathRate, changed.dropPathRate]).to.deep.equal([0.25, 0.5]);
    expect(changed.outFeatures).to.deep.equal(['stage1']);
    expect(changed).to.be.instanceOf(ConvNextV2Config);
  });

  it('drops the other half of the selection', () => {
    expect(config.with({ outIndices: [2, -1] }).outFeatures).to.deep.equal(['stage2', 'stage4']);
    expect(config.with({ outIndices: [2] }).with({ outFeatures: ['stem'] }).outIndices).to.deep.equal([0]);
    expect(config.with({ outFeatures: null }).outFeatures).to.deep.equal(['stage4']);
  });

  it('finds the number of stages and the labels anew', () => {
    const other = config.with({ depths: [1, 1], hiddenSizes: [8, 8] });
    expect([other.numStages, other.numLabels]).to.deep.equal([2, 3]);
    expect(Object.values(config.with({ id2label: { 0: 'cat' } }).id2label)).to.deep.equal(['cat']);
    expect(config.with({ numLabels: 1 }).label2id).to.have.all.keys('LABEL_0');
  });

  it('keeps the keys of the file', () => {
    expect(ConvNextV2Config.fromJSON({ mystery: 1 }, HUB).with({ patchSize: 2 }).toJSON()).to.include({
      mystery: 1,
      patch_size: 2,
    });
  });
});

describe('a selection beside a config', () => {
  const file = { out_features: ['stage1', 'stage2'], out_indices: [1, 2] };

  it('replaces both halves of the file', () => {
    const read = (selection: object) => ConvNextV2Config.fromJSON(file, HUB, selection);
    expect(read({}).outFeatures).to.deep.equal(['stage1', 'stage2']);
    expect(read({ outIndices: [-1] })).to.deep.include({ outFeatures: ['stage4'], outIndices: [-1] });
    expect(read({ outFeatures: ['stem'] })).to.deep.include({ outFeatures: ['stem'], outIndices: [0] });
    expect(read({ outFeatures: undefined }).outIndices).to.deep.equal([1, 2]);
    expect(read({ outputHiddenStates: true }).outputHiddenStates).to.equal(true);
  });
});
