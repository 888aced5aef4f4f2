import { expect } from 'chai';
import { PickleGlobal, PickleMismatch } from '../../src/weights/pickle-values.js';
import { storageTable, TORCH_GLOBALS, TorchTensor } from '../../src/weights/torch-values.js';

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
    expect(refusal('storage', floats, 0, 'cpu', 2)).to.equal('a list');
    expect(refusal('storage', floats, '0', 'cpu', -1)).to.equal('-1');
    expect(refusal('storage', floats, '0', 'cpu', 2 ** 52)).to.equal(`${2 ** 52}`);
  });
});

describe('what a checkpoint may name', () => {
  const storage = storageTable(1).persistentLoad(['storage', new PickleGlobal('torch.FloatStorage'), '0', 'cpu', 2]);
  const called = (name: string, ...args: readonly unknown[]) => TORCH_GLOBALS.get(name)!(args);

  it('makes tensors and dicts', () => {
    for (const name of ['torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_tensor']) {
      const tensor = called(name, storage, 1, [1], [1]);
      expect(tensor).to.deep.equal(new TorchTensor(storage, 1, [1], [1]));
      expect(called('torch._utils._rebuild_parameter', tensor, true, new Map())).to.equal(tensor);
      expect(called('torch._utils._rebuild_parameter_with_state', tensor, true, new Map(), {})).to.equal(tensor);
    }
    expect(called('collections.OrderedDict')).to.deep.equal(new Map());
    expect(called('collections.OrderedDict', [['a', 1]])).to.deep.equal(new Map([['a', 1]]));
    expect(called('collections.defaultdict', null)).to.deep.equal(new Map());
  });

  it('takes nothing else for them', () => {
    for (const [name, args, wanted] of [
      ['torch._utils._rebuild_tensor_v2', ['0', 0, [1], [1]], 'a storage'],
      ['torch._utils._rebuild_tensor_v2', [storage, -1, [1], [1]], 'an offset: a whole number'],
      ['torch._utils._rebuild_tensor_v2', [storage, 0, [-1], [1]], 'a shape: at most 64 whole numbers'],
      ['torch._utils._rebuild_tensor_v2', [storage, 0, [1], null], 'strides: at most 64 whole numbers'],
      ['torch._utils._rebuild_parameter', ['x'], 'a tensor'],
      ['collections.OrderedDict', [[['a']]], 'a list of pairs'],
      ['collections.OrderedDict', ['ab'], 'a list of pairs'],
      ['torch.FloatStorage', [1], 'a storage in its place'],
    ] as const) {
      expect(() => called(name, ...args), name).to.throw(PickleMismatch, `wanted ${wanted}, got `);
    }
  });

  it('keeps a shape as it was when it was checked', () => {
    const [shape, strides] = [[2], [1]];
    const tensor = called('torch._utils._rebuild_tensor_v2', storage, 0, shape, strides);
    for (const list of [shape, strides]) list.push(1_000_000); // as a pickle can, by what it remembers
    expect(tensor).to.deep.include({ shape: [2], strides: [1] });
  });

  it('rebuilds a tensor in the wrapping of a type, and nothing else', () => {
    const wrap = TORCH_GLOBALS.get('torch._tensor._rebuild_from_type_v2')!;
    const args = [storage, 0, [2], [1]];
    expect(wrap([new PickleGlobal('torch._utils._rebuild_tensor_v2'), null, args])).to.deep.include({ shape: [2] });
    const itself = new PickleGlobal('torch._tensor._rebuild_from_type_v2');
    const loop: unknown[] = [itself, null];
    loop.push(loop);
    for (const wrong of [loop, [new PickleGlobal('collections.OrderedDict'), null, []], [null, null, args]]) {
      expect(() => wrap(wrong)).to.throw(PickleMismatch, 'wanted what rebuilds a tensor');
    }
  });
});
