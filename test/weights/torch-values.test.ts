import { expect } from 'chai';
import { PickledObject, PickleGlobal, PickleMismatch } from '../../src/weights/pickle-values.js';
import {
  storageTable,
  TORCH_GLOBALS,
  TorchTensor,
  tensorFinder,
  UnreadableTensor,
} from '../../src/weights/torch-values.js';

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

  it('are no more than any model has, and of sizes that can be', () => {
    expect(refusal('storage', floats, '1', 'cpu', 2)).to.equal('more');
    expect(refusal('storage', 'toString', '0', 'cpu', 2)).to.equal('toString');
    expect(refusal('module', floats, '0', 'cpu', 2)).to.equal('a list');
    expect(refusal('storage', floats, 0, 'cpu', 2)).to.equal('a list');
    expect(refusal('storage', floats, '0', 'cpu', -1)).to.equal('-1');
    expect(refusal('storage', floats, '0', 'cpu', 2 ** 52)).to.equal(`${2 ** 52}`);
  });
});

describe('what a checkpoint may name', () => {
  const load = (type: string) => storageTable(1).persistentLoad(['storage', new PickleGlobal(type), '0', 'cpu', 2]);
  const storage = load('torch.FloatStorage') as TorchTensor['storage'];
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
    const other = [new PickleGlobal('my.rebuild'), new PickleGlobal('my.Tensor'), args];
    for (const unknown of [loop, other]) expect(wrap(unknown)).to.be.instanceOf(UnreadableTensor);
    expect(wrap(other)).to.have.property('unreadable', 'a tensor of the class my.Tensor, made by my.rebuild');
    for (const wrong of [[null, null, args], [itself]]) {
      expect(() => wrap(wrong)).to.throw(PickleMismatch, 'wanted what rebuilds a tensor');
    }
  });

  it('names tensors that are not read, with the reason', () => {
    const args = [0, [2], [1], false, null];
    const halfs = new PickleGlobal('torch.float8_e4m3fn');
    for (const [name, of, reason] of [
      ['_rebuild_tensor_v2', [load('torch.ComplexFloatStorage'), ...args], 'a tensor of complex64 [2]'],
      ['_rebuild_tensor_v2', [load('torch.NewStorage'), ...args], 'a tensor over torch.NewStorage'],
      ['_rebuild_tensor_v3', [storage, ...args, halfs], 'a tensor of float8_e4m3fn [2]'],
      ['_rebuild_qtensor', [load('torch.QUInt8Storage'), ...args], 'a quantized tensor'],
      ['_rebuild_sparse_tensor', [], 'a sparse tensor'],
      ['_rebuild_meta_tensor_no_storage', [], 'a tensor without values, of the device meta'],
    ] as const) {
      const tensor = called(`torch._utils.${name}`, ...of);
      expect(tensor, name).to.be.instanceOf(UnreadableTensor).and.to.have.property('unreadable', reason);
      expect(called('torch._utils._rebuild_parameter', tensor)).to.equal(tensor);
    }
    // what lies beyond its storage is refused, whatever it is
    const beyond = () => called('torch._utils._rebuild_tensor_v2', load('torch.ComplexFloatStorage'), 1, [2], [1]);
    expect(beyond).to.throw(PickleMismatch, 'wanted a tensor within its storage of 2 values');
  });

  it('finds tensors in what an object was made of, however deep, within a bounded time', () => {
    const find = tensorFinder();
    const tensor = called('torch._utils._rebuild_tensor_v2', storage, 0, [2], [1]);
    let deep: unknown = tensor;
    for (let depth = 0; depth < 20_000; depth++) deep = [deep];
    const loop: unknown[] = [];
    loop.push(loop, new Map([['x', loop]]));
    const dict = new PickledObject('C');
    dict.entries.set('x', new Set([tensor]));
    for (const part of [tensor, storage, deep, dict]) expect(find(new PickledObject('C', part))).to.equal(true);
    for (const part of [loop, 1, 'x', new Map([[1, 2]])]) expect(find(new PickledObject('C', part))).to.equal(false);
    // a million steps, and it is said to hold tensors
    expect(find(new PickledObject('C', new Array(2_000_000).fill(null)))).to.equal(true);
  });
});
