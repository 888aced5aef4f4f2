import { expect } from 'chai';
import type { Checkpoint, Naming } from '../../src/contracts.js';
import { renameCheckpoint } from '../../src/weights/rename.js';
import { reportTable } from '../../src/weights/report.js';
import { gatherStrided, permuted, stridesOf } from '../../src/weights/strided.js';
import { failure } from '../helpers.js';

/** Tensors [1, 2], each with the values 1 and 2. */
const checkpointOf = (...names: readonly string[]): Checkpoint => ({
  path: 'a.bin',
  recognised: ['PyTorch zip'],
  tensors: new Map(names.map((name) => [name, { dtype: 'F32', shape: [1, 2] }])),
  readFloat32: async () => new Float32Array([1, 2]),
  close: async () => {},
});

/** Turns y.NAME into NAME, and its values round. */
const theirs: Naming = {
  name: 'theirs',
  read(tensors) {
    if (!tensors.has('y.a')) return undefined;
    const own = [...tensors.keys()].filter((name) => name.startsWith('y.'));
    return new Map(
      own.map((name) => [name, { name: name.slice(2), shape: [2], convert: (values) => values.slice().reverse() }]),
    );
  },
};

describe('renameCheckpoint', () => {
  it('gives tensors the names and the form of the model', async () => {
    const { checkpoint, naming } = renameCheckpoint(checkpointOf('y.a', 'y.b', 'z'), [theirs]);
    expect(naming).to.equal('theirs');
    expect([...checkpoint.tensors]).to.deep.equal([
      ['a', { dtype: 'F32', shape: [2] }],
      ['b', { dtype: 'F32', shape: [2] }],
      ['z', { dtype: 'F32', shape: [1, 2] }],
    ]);
    expect([...(await checkpoint.readFloat32('a'))]).to.deep.equal([2, 1]);
    expect([...(await checkpoint.readFloat32('z'))]).to.deep.equal([1, 2]);
    expect(checkpoint.recognised).to.deep.equal(['PyTorch zip', 'names of theirs']);
    expect(checkpoint.storedNames!.get('a')).to.equal('y.a');
  });

  it('takes the wrappings off that all names have, and says so', () => {
    const { checkpoint } = renameCheckpoint(checkpointOf('module._orig_mod.y.a', 'module._orig_mod.z'), [theirs]);
    expect([...checkpoint.tensors.keys()]).to.deep.equal(['a', 'z']);
    expect(checkpoint.storedNames!.get('a')).to.equal('module._orig_mod.y.a');
    expect(checkpoint.recognised!.slice(1, 3)).to.deep.equal([
      "without the names of PyTorch's wrappers",
      'without the prefix module.',
    ]);
    expect([...renameCheckpoint(checkpointOf('module.a', 'b'), []).checkpoint.tensors.keys()]).to.deep.equal([
      'module.a',
      'b',
    ]);
  });

  it('leaves names alone that nobody knows', () => {
    const { checkpoint, naming } = renameCheckpoint(checkpointOf('q'), [theirs]);
    expect([naming, ...checkpoint.tensors.keys()]).to.deep.equal([undefined, 'q']);
  });

  it('takes the naming that is asked for, or says why not', async () => {
    expect(renameCheckpoint(checkpointOf('y.a'), [theirs], 'theirs').naming).to.equal('theirs');
    const unknown = await failure(() => renameCheckpoint(checkpointOf('y.a'), [theirs], 'thiers'));
    expect([unknown.code, unknown.suggestion]).to.deep.equal(['E_ARGUMENT', 'did you mean "theirs"?']);
    const wrong = await failure(() => renameCheckpoint(checkpointOf('q'), [theirs], 'theirs'));
    expect([wrong.code, wrong.wanted]).to.deep.equal(['E_WEIGHTS', 'names of theirs']);
  });

  it('refuses two tensors for one name', async () => {
    const error = await failure(() => renameCheckpoint(checkpointOf('y.a', 'a'), [theirs]));
    expect([error.code, error.got]).to.deep.equal(['E_WEIGHTS', 'another for a: "y.a"']);
  });
});

describe('strides', () => {
  it('count elements between neighbours', () => {
    expect(stridesOf([2, 3, 4])).to.deep.equal([12, 4, 1]);
    expect(stridesOf([])).to.deep.equal([]);
  });

  it('gather what lies apart', () => {
    const values = new Float32Array([0, 1, 2, 3, 4, 5]);
    expect([...gatherStrided(values, [3, 2], [1, 3])]).to.deep.equal([0, 3, 1, 4, 2, 5]);
    expect([...gatherStrided(values, [2], [2], 1)]).to.deep.equal([1, 3]);
    expect([...gatherStrided(values, [], [], 4)]).to.deep.equal([4]);
    expect([...gatherStrided(values, [2, 0], [1, 1])]).to.deep.equal([]);
    expect([...gatherStrided(values, [2 ** 40, 1, 0], [1, 1, 1])]).to.deep.equal([]); // at once
  });

  it('permute axes', () => {
    const { shape, convert } = permuted([2, 1, 3], [2, 0, 1]);
    expect(shape).to.deep.equal([3, 2, 1]);
    // [[0 1 2]] and [[3 4 5]], the last axis first
    expect([...convert(new Float32Array([0, 1, 2, 3, 4, 5]))]).to.deep.equal([0, 3, 1, 4, 2, 5]);
  });
});

describe('reportTable', () => {
  const report = {
    loaded: ['a'],
    initialized: ['b'],
    unused: ['z'],
    misshaped: [],
    nonFinite: ['a'],
    recognised: ['PyTorch zip', 'names of theirs'],
    rows: [
      { state: 'loaded', name: 'a', storedName: 'y.a' },
      {
        state: 'new',
        name: 'b',
        reason: 'wanted a tensor [2], got no tensor of this name',
        suggestion: 'did you mean "z"?',
      },
      { state: 'unused', name: 'z', reason: 'the model has no use for it' },
    ],
  } as const;

  it('has a line for all that was not simply loaded', () => {
    expect(reportTable(report).split('\n')).to.deep.equal([
      'recognised: PyTorch zip; names of theirs',
      '1 loaded, 1 new, 0 mis-shaped, 1 unused, 1 not finite',
      'new         b: wanted a tensor [2], got no tensor of this name (did you mean "z"?)',
      'unused      z: the model has no use for it',
      'not finite  a: holds NaN or Infinity',
      '',
    ]);
  });

  it('lists all where that is wanted', () => {
    expect(reportTable(report, { all: true })).to.contain('loaded      a (in the file: y.a)\n');
  });
});
