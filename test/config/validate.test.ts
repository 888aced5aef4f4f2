import { expect } from 'chai';
import { parseJson } from '../../src/config/read-json.js';
import { type SchemaName, validateConfig } from '../../src/config/validate.js';
import type { ConfigOrigin } from '../../src/contracts.js';
import { ConvNextV2Error, type Problem } from '../../src/errors.js';
import { failure } from '../helpers.js';

function problemsOf(
  schema: SchemaName,
  value: unknown,
  unknownKeys: ConfigOrigin['unknownKeys'] = 'refuse',
): readonly Problem[] {
  try {
    validateConfig(schema, value, { file: 'config.json', unknownKeys });
  } catch (error) {
    expect(error).to.be.instanceOf(ConvNextV2Error);
    expect((error as ConvNextV2Error).code).to.equal('E_CONFIG');
    return (error as ConvNextV2Error).problems;
  }
  return [];
}

describe('validateConfig', () => {
  it('finds everything at once, one problem a place, in the order of the schema', () => {
    const file = {
      hiden_sizes: [40],
      num_channels: 0,
      depths: [2, 2, 'six', 2.5],
      hidden_act: 'gleu',
      drop_path_rate: 1,
      image_size: [224],
    };
    const size = 'a whole number from 1 to 65536';
    const depth = 'a whole number from 1 to 1000';
    const p = (path: string, wanted: string, got: string, suggestion?: string) => {
      return { path: `config.json: ${path}`, wanted, got, suggestion };
    };
    expect(problemsOf('convnextv2', file)).to.deep.equal([
      p('/hiden_sizes', 'a known key', '"hiden_sizes"', 'did you mean "hidden_sizes"?'),
      p('/num_channels', size, '0'),
      p('/depths/2', depth, '"six"'),
      p('/depths/3', depth, '2.5'),
      p('/hidden_act', 'one of "gelu", "relu", "selu", "gelu_new"', '"gleu"', 'did you mean "gelu"?'),
      p('/drop_path_rate', 'a number from 0 to below 1', '1'),
      p('/image_size', `${size}, or a list of 2, each ${size}`, '[224]'),
    ]);
  });

  it('changes nothing in what it checks', () => {
    const file = Object.freeze({ depths: Object.freeze([1, 2]) });
    validateConfig('convnextv2', file, { file: 'config.json', unknownKeys: 'refuse' });
    expect(file).to.deep.equal({ depths: [1, 2] });
  });

  it("keeps unknown keys of a Hub's file, at the top level alone", () => {
    expect(problemsOf('convnextv2', { use_cache: true, depths: 3 }, 'keep').map(({ path }) => path)).to.deep.equal([
      'config.json: /depths',
    ]);
    expect(problemsOf('preprocessor', { use_fast: true, size: { edge: 224 } }, 'keep')).to.deep.equal([
      {
        path: 'config.json: /size/edge',
        wanted: 'a known key (shortest_edge, longest_edge, height, width)',
        got: '"edge"',
        suggestion: undefined,
      },
    ]);
  });

  it('takes null where the reference does, and says so where it was something else', () => {
    const nulls = ['hidden_sizes', 'depths', 'out_features', 'out_indices', 'id2label', 'label2id', 'problem_type'];
    expect(problemsOf('convnextv2', Object.fromEntries(nulls.map((key) => [key, null])))).to.deep.equal([]);
    expect(problemsOf('convnextv2', { depths: {} })[0].wanted).to.equal(
      'a list of 1 to 64, each a whole number from 1 to 1000, or null',
    );
    expect(problemsOf('convnextv2', { num_channels: null })[0].got).to.equal('null');
  });

  it('leaves out_features and out_indices to the alignment', () => {
    for (const value of ['stage1', 7, {}, ['stage9'], [[]], true]) {
      expect(problemsOf('convnextv2', { out_features: value, out_indices: value })).to.deep.equal([]);
    }
  });

  it('accepts the bounds and refuses what lies beyond', () => {
    const bounds: readonly (readonly [string, readonly unknown[], readonly unknown[]])[] = [
      ['num_channels', [1, 65536], [0, 65537, 1.5, '3']],
      ['patch_size', [1, 1024], [0, 1025, [4, 4]]],
      ['num_stages', [1, 64], [0, 65]],
      ['hidden_sizes', [[1], [65536], Array(64).fill(8)], [[], [0], [65537], Array(65).fill(8)]],
      ['depths', [[1], [1000]], [[], [0], [1001]]],
      ['initializer_range', [0, 1], [-0.1, Number.POSITIVE_INFINITY]],
      ['layer_norm_eps', [0, 1e-12], [-1e-12, Number.NaN]],
      ['drop_path_rate', [0, 0.999], [-0.1, 1]],
      ['image_size', [1, [224, 300]], [0, [224], [1, 2, 3], [0, 1]]],
      ['id2label', [{}, { 0: 'a', 999999: 'b' }], [{ '-1': 'a' }, { '01': 'a' }, { 1000000: 'a' }, { 0: 1 }, []]],
      ['label2id', [{ a: 0, b: '1' }], [{ a: -1 }, { a: 0.5 }, { a: 'one' }, { a: null }]],
      ['num_labels', [0, 1000000], [-1, 1000001]],
      ['problem_type', ['regression'], ['ranking']],
      ['model_type', ['convnextv2'], ['convnext', 'resnet', null]],
    ];
    for (const [key, accepted, refused] of bounds) {
      for (const value of accepted) expect(problemsOf('convnextv2', { [key]: value }), key).to.deep.equal([]);
      for (const value of refused) {
        expect(problemsOf('convnextv2', { [key]: value }), `${key} ${JSON.stringify(value)}`).to.have.length(1);
      }
    }
    const sizes: readonly (readonly [string, readonly unknown[], readonly unknown[]])[] = [
      ['size', [1, 16384, { shortest_edge: 224 }, { height: 1, width: 2 }], [0, 16385, { shortest_edge: 0 }, '224']],
      ['crop_pct', [0.01, 0.875, 1.2, null], [0.009, '1']],
      ['resample', [0, 5, null], [-1, 6, 'bicubic']],
      ['image_mean', [0.5, [0], [0.1, 0.2, 0.3], null], [[], ['0']]],
      ['image_std', [0.5, [0.1], null], [0, [0], [-1], []]],
    ];
    for (const [key, accepted, refused] of sizes) {
      for (const value of accepted) expect(problemsOf('preprocessor', { [key]: value }), key).to.deep.equal([]);
      for (const value of refused) {
        expect(problemsOf('preprocessor', { [key]: value }), `${key} ${JSON.stringify(value)}`).to.have.length(1);
      }
    }
  });

  it('checks what V1 borrows from V2, and its own', () => {
    expect(
      problemsOf('convnext', { depths: [3, 0], layer_scale_init_value: -1, model_type: 'convnextv2' }),
    ).to.deep.equal([
      {
        path: 'config.json: /model_type',
        wanted: '"convnext"',
        got: '"convnextv2"',
        suggestion: undefined, // there is but one choice, and it stands in `wanted`
      },
      { path: 'config.json: /depths/1', wanted: 'a whole number from 1 to 1000', got: '0', suggestion: undefined },
      {
        path: 'config.json: /layer_scale_init_value',
        wanted: 'a number of at least 0',
        got: '-1',
        suggestion: undefined,
      },
    ]);
    expect(problemsOf('convnext', { layer_scale_init_value: 0 })).to.deep.equal([]);
    expect(problemsOf('convnextv2', { layer_scale_init_value: 0 })).to.have.length(1);
  });

  it('says what a key of a label must be', () => {
    expect(problemsOf('convnextv2', { id2label: { cat: 'x' } })).to.deep.equal([
      {
        path: 'config.json: /id2label/cat',
        wanted: 'a whole number below a million as the key',
        got: '"cat"',
      },
    ]);
    expect(problemsOf('convnextv2', { label2id: { cat: 'x' } })[0].wanted).to.equal(
      'a whole number of at least 0, or an index in digits',
    );
  });

  it('names the file alone where it is no object', () => {
    for (const value of [null, [], 'text', 3]) {
      const [{ path, wanted }] = problemsOf('convnext', value);
      expect([path, wanted]).to.deep.equal(['config.json', 'an object']);
    }
  });

  it('refuses more values than any config has, before it lists a problem for each', async () => {
    const origin = { file: 'config.json', unknownKeys: 'keep' } as const;
    const many = { depths: new Array(1_000_000).fill(0) };
    const circle: Record<string, unknown> = {};
    circle.itself = [circle, circle];
    for (const file of [many, { mystery: [many] }, circle]) {
      const error = await failure(() => validateConfig('convnextv2', file, origin));
      expect(error).to.include({ code: 'E_LIMIT', path: 'config.json', wanted: 'a config of at most 1000000 values' });
    }
    validateConfig('convnextv2', { mystery: new Array(999_990).fill(0) }, origin);
  });

  it('lets no hostile key break a message or the validator', () => {
    const file = parseJson('{"__proto__": 1, "a/b~\\n\\u001b[2J": 1, "id2label": {"__proto__": "x"}}', 'x.json');
    expect(problemsOf('convnextv2', file).map(({ path }) => path)).to.deep.equal([
      'config.json: /__proto__',
      'config.json: /a~1b~0\\n\\u001b[2J',
      'config.json: /id2label/__proto__',
    ]);
    expect(problemsOf('convnextv2', { ['x'.repeat(1000)]: 1 })[0].path).to.have.length(213);
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key${i}`, i]));
    expect(problemsOf('convnextv2', many)).to.have.length(1000);
  });
});
