import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import type { Checkpoint, StoredDtype } from '../../src/contracts.js';
import { createScope } from '../../src/nn/scope.js';
import { fillParameters } from '../../src/weights/match.js';
import { failure } from '../helpers.js';

type Tensors = Readonly<
  Record<
    string,
    {
      readonly dtype?: StoredDtype;
      readonly shape: readonly number[];
      readonly values?: readonly number[];
      readonly unreadable?: string;
    }
  >
>;

/** A checkpoint in memory that remembers what was read of it. */
function checkpointOf(tensors: Tensors): Checkpoint & { readonly read: string[] } {
  const read: string[] = [];
  return {
    path: 'a.safetensors',
    tensors: new Map(
      Object.entries(tensors).map(([name, { dtype = 'F32', shape, unreadable }]) => [
        name,
        { dtype, shape, unreadable },
      ]),
    ),
    async readFloat32(name) {
      read.push(name);
      const { shape, values } = tensors[name];
      return Float32Array.from(values ?? new Array(shape.reduce((product, length) => product * length, 1)).fill(1));
    },
    close: async () => {},
    read,
  };
}

/** A body of one linear map and one norm of any shape, and a head. */
function declare() {
  const scope = createScope();
  scope.parameter('body.weight', [2, 3], { layout: 'linear', init: { truncatedNormal: 0.1 } });
  scope.parameter('body.grn', [1, 1, 1, 4], { init: { constant: 0 }, match: 'same-size' });
  scope.parameter('head.bias', [2], { init: { constant: 5 }, part: 'head' });
  return scope.parameters;
}

const WEIGHT = { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] };
const GRN = { shape: [4] };
const BIAS = { shape: [2] };

describe('fillParameters', () => {
  before(() => useBackend('cpu'));

  it('loads by name, turns layouts, and reports', async () => {
    const parameters = declare();
    const report = await fillParameters(
      parameters,
      checkpointOf({ 'body.weight': WEIGHT, 'body.grn': GRN, other: BIAS }),
    );
    expect(report).to.deep.equal({
      loaded: ['body.weight', 'body.grn'],
      initialized: ['head.bias'],
      unused: ['other'],
      misshaped: [],
      nonFinite: [],
      recognised: [],
      rows: [
        { state: 'loaded', name: 'body.weight' },
        { state: 'loaded', name: 'body.grn' },
        {
          state: 'new',
          name: 'head.bias',
          reason: 'wanted a tensor [2], got no tensor of this name',
          suggestion: undefined,
        },
        { state: 'unused', name: 'other', reason: 'the model has no use for it' },
      ],
    });
    // [[1, 2, 3], [4, 5, 6]] turned
    expect(parameters.get('body.weight')!.variable.arraySync()).to.deep.equal([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(parameters.get('body.grn')!.variable.shape).to.deep.equal([1, 1, 1, 4]);
    expect([...parameters.get('head.bias')!.variable.dataSync()]).to.deep.equal([5, 5]);
    for (const parameter of parameters.values()) parameter.dispose();
  });

  it('names unreadable tensors, and refuses those that the model wants', async () => {
    const sparse = { shape: [2, 3], unreadable: 'a sparse tensor' };
    const parameters = declare();
    const good = { 'body.weight': WEIGHT, 'body.grn': GRN, 'head.bias': BIAS, other: sparse };
    const { rows } = await fillParameters(parameters, checkpointOf(good), { strict: 'body' });
    expect(rows.at(-1)).to.deep.equal({ state: 'unused', name: 'other', reason: 'it cannot be read: a sparse tensor' });
    for (const parameter of parameters.values()) parameter.dispose();
    const bad = checkpointOf({ 'body.weight': sparse, 'body.grn': GRN, 'head.bias': { ...BIAS, ...sparse } });
    const error = await failure(() => fillParameters(declare(), bad));
    expect([error.code, error.problems]).to.deep.equal([
      'E_WEIGHTS',
      [
        { path: 'a.safetensors: "body.weight"', wanted: 'F32 [2, 3]', got: 'a sparse tensor' },
        { path: 'a.safetensors: "head.bias"', wanted: 'F32 [2]', got: 'a sparse tensor' },
      ],
    ]);
    expect(bad.read).to.deep.equal([]);
    const fresh = declare();
    const report = await fillParameters(fresh, bad, { strict: 'none' });
    expect(report.misshaped.map(({ got }) => got)).to.deep.equal(['a sparse tensor', 'a sparse tensor']);
    for (const parameter of fresh.values()) parameter.dispose();
  });

  it('finds names with the prefix and without it', async () => {
    const load = async (prefix: string, tensors: Tensors) => {
      const parameters = declare();
      const { loaded, unused } = await fillParameters(parameters, checkpointOf(tensors), { prefix });
      for (const parameter of parameters.values()) parameter.dispose();
      return [loaded, unused];
    };
    expect(await load('convnextv2', { 'convnextv2.body.weight': WEIGHT, 'convnextv2.body.grn': GRN })).to.deep.equal([
      ['body.weight', 'body.grn'],
      [],
    ]);
    expect(await load('body', { weight: WEIGHT, grn: GRN, 'head.bias': BIAS })).to.deep.equal([
      ['body.weight', 'body.grn', 'head.bias'],
      [],
    ]);
    // the exact name comes first
    const both = { 'body.weight': WEIGHT, 'x.body.weight': { shape: [9] }, 'body.grn': GRN };
    expect(await load('x', both)).to.deep.equal([['body.weight', 'body.grn'], ['x.body.weight']]);
  });

  it('looks for near names only as long as there are few enough to compare', async () => {
    const suggestions = async (missing: number, unused: number) => {
      const scope = createScope();
      for (let i = 0; i < missing; i++) scope.parameter(`weight.${i}`, [1], { init: { constant: 0 } });
      scope.parameter('there', [1], { init: { constant: 0 } });
      const names = ['there', ...Array.from({ length: unused }, (_, i) => `wieght.${i}`)];
      const checkpoint = checkpointOf(Object.fromEntries(names.map((name) => [name, { shape: [1] }])));
      const { problems } = await failure(() => fillParameters(scope.parameters, checkpoint));
      expect(problems).to.have.length(missing);
      return problems.filter(({ suggestion }) => suggestion !== undefined).length;
    };
    expect(await suggestions(10, 20)).to.equal(10);
    // 1000 x 1001 pairs; with 200,000 unused names it would take minutes
    expect(await suggestions(1000, 1001)).to.equal(0);
  });

  it('names everything that does not fit, before it reads anything', async () => {
    const checkpoint = checkpointOf({
      'body.weight': { shape: [3, 2] },
      'body.gnr': GRN,
      'head.bias': { dtype: 'I64', shape: [2] },
    });
    const before = tf.memory().numTensors;
    const { code, problems } = await failure(() => fillParameters(declare(), checkpoint));
    expect(code).to.equal('E_WEIGHTS');
    expect(problems.map(({ path, wanted, got, suggestion }) => [path, wanted, got, suggestion])).to.deep.equal([
      ['a.safetensors: "body.weight"', 'F32 [2, 3]', 'F32 [3, 2]', undefined],
      ['a.safetensors: "head.bias"', 'F32 [2]', 'I64 [2]', undefined],
      ['a.safetensors: "body.grn"', 'a tensor [1, 1, 1, 4]', 'no tensor of this name', 'did you mean "body.gnr"?'],
    ]);
    expect(checkpoint.read).to.deep.equal([]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('passes over what batch norms counted', async () => {
    const counted = { 'norm.num_batches_tracked': { dtype: 'I64' as const, shape: [] } };
    const whole = { 'body.weight': WEIGHT, 'body.grn': GRN, 'head.bias': BIAS };
    const parameters = declare();
    const report = await fillParameters(parameters, checkpointOf({ ...whole, ...counted }), { strict: 'all' });
    for (const parameter of parameters.values()) parameter.dispose();
    expect([report.loaded.length, report.unused]).to.deep.equal([3, []]);
  });

  it('is as strict as it is told', async () => {
    const load = async (strict: 'body' | 'all' | 'none', tensors: Tensors) => {
      const parameters = declare();
      const report = await fillParameters(parameters, checkpointOf(tensors), { strict, seed: 1 });
      for (const parameter of parameters.values()) parameter.dispose();
      return report;
    };
    const whole = { 'body.weight': WEIGHT, 'body.grn': GRN, 'head.bias': BIAS };
    expect((await load('all', whole)).loaded).to.have.length(3);
    const { 'head.bias': _, ...headless } = whole;
    expect((await load('body', headless)).initialized).to.deep.equal(['head.bias']);
    expect((await failure(() => load('all', headless))).message).to.contain('head.bias');
    expect((await failure(() => load('all', { ...whole, stranger: BIAS }))).message).to.contain('stranger');
    expect((await failure(() => load('body', { 'body.weight': WEIGHT }))).message).to.contain('body.grn');
    const { misshaped, loaded, initialized } = await load('none', { 'body.weight': { shape: [7] }, 'body.grn': GRN });
    expect(misshaped).to.deep.equal([{ name: 'body.weight', wanted: 'F32 [2, 3]', got: 'F32 [7]' }]);
    expect([loaded, initialized]).to.deep.equal([['body.grn'], ['head.bias']]);
    expect((await load('none', { stranger: BIAS })).loaded).to.deep.equal([]);
  });

  it('says so where nothing matches at all', async () => {
    for (const tensors of [{ 'layer.weight': WEIGHT }, {}] as Tensors[]) {
      const { code, wanted } = await failure(() => fillParameters(declare(), checkpointOf(tensors)));
      expect([code, wanted]).to.deep.equal(['E_WEIGHTS', 'tensors of this model, such as body.weight']);
    }
  });

  it('reports what is not finite', async () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const parameters = declare();
      const values = [1, 2, 3, 4, odd, 6];
      const { nonFinite } = await fillParameters(
        parameters,
        checkpointOf({ 'body.weight': { ...WEIGHT, values }, 'body.grn': GRN }),
      );
      expect(nonFinite).to.deep.equal(['body.weight']);
      for (const parameter of parameters.values()) parameter.dispose();
    }
  });

  it('tells how far it is', async () => {
    const parameters = declare();
    const seen: [number, number][] = [];
    await fillParameters(parameters, undefined, { onProgress: ({ done, total }) => seen.push([done, total]) });
    // 6, 4 and 2 values of 4 bytes
    expect(seen).to.deep.equal([
      [24, 48],
      [40, 48],
      [48, 48],
    ]);
    for (const parameter of parameters.values()) parameter.dispose();
  });

  it('holds nothing after reading failed half-way', async () => {
    const before = tf.memory().numTensors;
    const checkpoint: Checkpoint = {
      ...checkpointOf({ 'body.weight': WEIGHT, 'body.grn': GRN }),
      readFloat32: async (name) => {
        if (name === 'body.weight') return new Float32Array(6);
        throw new Error('the disk is gone');
      },
    };
    const failed = await fillParameters(declare(), checkpoint).catch((error) => error.message);
    expect(failed).to.equal('the disk is gone');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
