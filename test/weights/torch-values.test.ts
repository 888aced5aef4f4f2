import { expect } from 'chai';
import { PickleGlobal, PickleMismatch } from '../../src/weights/pickle-values.js';
import { storageTable } from '../../src/weights/torch-values.js';

describe('storages of a pickle', () => {
  const table = storageTable(1);
  const [floats, doubles] = ['torch.FloatStorage', 'torch.DoubleStorage'].map((name) => new PickleGlobal(name));
  const refusal = (...id: readonly unknown[]): unknown => {
    try {
      return table.persistentLoad(id);
    } catch (error) {
      return error instanceof PickleMismatch ? error.got : error;
    }
  };

  it('are the same one by the same key', () => {
    const storage = table.persistentLoad(['storage', floats, '0', 'cpu', 2, null]);
    expect(storage).to.include({ key: '0', dtype: 'F32', size: 8 });
    expect(table.persistentLoad(['storage', floats, '0', 'cuda:0', 2])).to.equal(storage);
    expect([...table.storages.keys()]).to.deep.equal(['0']);
    expect(refusal('storage', doubles, '0', 'cpu', 1)).to.equal('it with another type or size');
    expect(refusal('storage', floats, '0', 'cpu', 3)).to.equal('it with another type or size');
  });

  it('are no more than any model has, of known types, and whole', () => {
    expect(refusal('storage', floats, '1', 'cpu', 2)).to.equal('more');
    expect(refusal('storage', floats, '0', 'cpu', 2, ['view', 0, 1])).to.contain('a view of one');
    expect(refusal('storage', new PickleGlobal('toString'), '0', 'cpu', 2)).to.equal('toString');
    expect(refusal('module', floats, '0', 'cpu', 2)).to.equal('a list');
    expect(refusal('storage', floats, '0', 'cpu', -1)).to.equal('-1');
    expect(refusal('storage', floats, '0', 'cpu', 2 ** 52)).to.equal(`${2 ** 52}`);
  });
});
