import type { StoredDtype, StoredTensor } from '../contracts.js';
import { isStoredDtype } from './dtypes.js';
import type { PickleGlobals } from './pickle.js';
import { describe, PickledObject, PickleGlobal, PickleMismatch } from './pickle-values.js';

/** The numbers behind one or more tensors, and where they lie in the file once that is known. */
export class TorchStorage {
  constructor(
    readonly key: string,
    /** A `StoredDtype`, or a dtype that is not read here. */
    readonly dtype: string,
    /** Of an element, in bytes. */
    readonly width: number,
    /** In bytes. */
    readonly size: number,
  ) {}
}

type ReadableStorage = TorchStorage & { readonly dtype: StoredDtype };

/** A tensor as torch saves it: a view of a storage, in elements. */
export class TorchTensor {
  constructor(
    readonly storage: ReadableStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** A tensor that is not read here, and why. */
export class UnreadableTensor implements StoredTensor {
  constructor(
    readonly dtype: string,
    readonly shape: readonly number[],
    readonly unreadable: string,
  ) {}
}

/** What the elements of torch's storages are, and how many bytes each has. */
const STORAGES: ReadonlyMap<string, readonly [dtype: string, width: number]> = new Map([
  ['torch.DoubleStorage', ['F64', 8]],
  ['torch.FloatStorage', ['F32', 4]],
  ['torch.HalfStorage', ['F16', 2]],
  ['torch.BFloat16Storage', ['BF16', 2]],
  ['torch.LongStorage', ['I64', 8]],
  ['torch.IntStorage', ['I32', 4]],
  ['torch.ShortStorage', ['I16', 2]],
  ['torch.CharStorage', ['I8', 1]],
  ['torch.ByteStorage', ['U8', 1]],
  ['torch.BoolStorage', ['BOOL', 1]],
  ['torch.ComplexDoubleStorage', ['complex128', 16]],
  ['torch.ComplexFloatStorage', ['complex64', 8]],
  ['torch.QInt32Storage', ['qint32', 4]],
  ['torch.QInt8Storage', ['qint8', 1]],
  ['torch.QUInt8Storage', ['quint8', 1]],
  ['torch.QUInt4x2Storage', ['quint4x2', 1]],
  ['torch.QUInt2x4Storage', ['quint2x4', 1]],
  ['torch.storage.UntypedStorage', ['untyped bytes', 1]],
]);

/** torch allows 64 as well. */
const MAX_DIMENSIONS = 64;

const refuse = (wanted: string, got: unknown): never => {
  throw new PickleMismatch(wanted, typeof got === 'string' ? got : describe(got));
};

const isReadable = (storage: TorchStorage): storage is ReadableStorage => isStoredDtype(storage.dtype);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function counts(value: unknown, what: string): readonly number[] {
  // a copy: what the pickle does to its list afterwards is not checked
  if (Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount)) return [...value];
  return refuse(`${what}: at most ${MAX_DIMENSIONS} whole numbers`, value);
}

/** (storage, offset, shape, strides, ...): checked to lie within its storage. */
function rebuildTensor([storage, offset, size, stride]: readonly unknown[]): TorchTensor | UnreadableTensor {
  if (storage instanceof PickledObject) return new UnreadableTensor(storage.type, [], `a tensor over ${storage.type}`);
  if (!(storage instanceof TorchStorage)) return refuse('a storage', storage);
  if (!isCount(offset)) return refuse('an offset: a whole number', offset);
  const [shape, strides] = [counts(size, 'a shape'), counts(stride, 'strides')];
  if (shape.length !== strides.length) refuse('a stride for each axis', `${strides.length} for ${shape.length}`);
  const elements = storage.size / storage.width;
  const count = shape.reduce((product, length) => product * length, 1);
  const last = shape.reduce((at, length, axis) => at + (length - 1) * strides[axis], offset);
  if (!(count === 0 || (last < elements && Number.isSafeInteger(count)))) {
    refuse(`a tensor within its storage of ${elements} values`, `[${shape.join(', ')}] from ${offset} on`);
  }
  if (isReadable(storage)) return new TorchTensor(storage, offset, shape, strides);
  return ofDtype(storage.dtype, shape);
}

/** (storage, offset, shape, strides, requires_grad, hooks, dtype): of dtypes without a kind of storage, as float8. */
function rebuildTensorV3([, , size, , , , dtype]: readonly unknown[]): UnreadableTensor {
  return ofDtype(describe(dtype).replace(/^torch\./, ''), counts(size, 'a shape'));
}

const ofDtype = (dtype: string, shape: readonly number[]): UnreadableTensor =>
  new UnreadableTensor(dtype, shape, `a tensor of ${dtype} [${shape.join(', ')}]`);

const REBUILD_TENSOR: readonly string[] = ['torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_tensor'];

/** What makes tensors of other kinds, and what these are. */
const OTHER_KINDS = {
  'torch._utils._rebuild_sparse_tensor': 'a sparse tensor',
  'torch._utils._rebuild_sparse_csr_tensor': 'a sparse tensor',
  'torch._utils._rebuild_qtensor': 'a quantized tensor',
  'torch._utils._rebuild_nested_tensor': 'a nested tensor',
  'torch._utils._rebuild_meta_tensor_no_storage': 'a tensor without values, of the device meta',
  'torch._utils._rebuild_device_tensor_from_numpy': 'a tensor of another device',
  'torch._utils._rebuild_device_tensor_from_cpu_tensor': 'a tensor of another device',
};

/** A call of what rebuilds a tensor, in another's wrapping: (function, type, arguments, state). */
function rebuildFromType([rebuild, type, args]: readonly unknown[]): TorchTensor | UnreadableTensor {
  if (!(rebuild instanceof PickleGlobal) || !Array.isArray(args)) return refuse('what rebuilds a tensor', rebuild);
  if (REBUILD_TENSOR.includes(rebuild.name)) return rebuildTensor(args);
  return new UnreadableTensor(describe(type), [], `a tensor of the class ${describe(type)}, made by ${rebuild.name}`);
}

function firstOf([first]: readonly unknown[]): unknown {
  const isTensor = [TorchTensor, UnreadableTensor, PickledObject].some((kind) => first instanceof kind);
  return isTensor ? first : refuse('a tensor', first);
}

/** What means something in a checkpoint. */
export const TORCH_GLOBALS: PickleGlobals = new Map<string, (args: readonly unknown[]) => unknown>([
  ['collections.OrderedDict', toMap],
  ['collections.defaultdict', () => new Map()],
  ...REBUILD_TENSOR.map((name) => [name, rebuildTensor] as const),
  ['torch._utils._rebuild_tensor_v3', rebuildTensorV3],
  ['torch._utils._rebuild_parameter', firstOf],
  ['torch._utils._rebuild_parameter_with_state', firstOf],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ...Object.entries(OTHER_KINDS).map(([name, kind]) => [name, () => new UnreadableTensor(name, [], kind)] as const),
]);

/** OrderedDict(), or as Python 2 wrote it, OrderedDict([[key, value], ...]). */
function toMap([items = []]: readonly unknown[]): Map<unknown, unknown> {
  const isPairs = Array.isArray(items) && items.every((item) => Array.isArray(item) && item.length === 2);
  return isPairs ? new Map(items as [unknown, unknown][]) : refuse('a list of pairs', items);
}

/**
 * A table of the storages that a pickle refers to, by ('storage', type, key, device, count). For a storage of an unknown type
 * and for a view of one, `persistentLoad` gives an object.
 */
export function storageTable(most: number): {
  readonly storages: ReadonlyMap<string, TorchStorage>;
  readonly persistentLoad: (id: unknown) => TorchStorage | PickledObject;
} {
  const storages = new Map<string, TorchStorage>();
  const persistentLoad = (id: unknown): TorchStorage | PickledObject => {
    const [tag, type, key, , count, view] = Array.isArray(id) ? id : [];
    if (tag !== 'storage' || typeof key !== 'string') return refuse('a reference to a storage', id);
    if (!(type instanceof PickleGlobal)) return refuse('a type of storage', type);
    const [dtype, width] = STORAGES.get(type.name) ?? [];
    if (dtype === undefined || width === undefined) return new PickledObject(type.name);
    const size = isCount(count) ? count * width : Number.NaN;
    if (!isCount(size)) return refuse('a number of values', count);
    const known = storages.get(key);
    if (known && (known.dtype !== dtype || known.size !== size)) {
      return refuse(`storage ${key} as before`, 'it with another type or size');
    }
    if (storages.size === most && !known) return refuse(`at most ${most} storages`, 'more');
    const storage = known ?? new TorchStorage(key, dtype, width, size);
    storages.set(key, storage);
    return view == null ? storage : new PickledObject('a view of a storage, as torch wrote before 0.4');
  };
  return { storages, persistentLoad };
}

/** How many values are looked at in search of tensors in objects: far less than a second's work. */
const MAX_STEPS = 1_000_000;

/** Gives what tells whether an object was made of tensors. Where that takes too long to tell, it says yes. */
export function tensorFinder(): (object: PickledObject) => boolean {
  let steps = 0;
  return (object) => {
    const seen = new Set<unknown>([object]); // grows while it is walked
    for (const value of seen) {
      if ([TorchTensor, UnreadableTensor, TorchStorage].some((kind) => value instanceof kind)) return true;
      for (const part of partsOf(value)) {
        if (++steps > MAX_STEPS) return true;
        if (typeof part === 'object') seen.add(part);
      }
    }
    return false;
  };
}

function partsOf(value: unknown): Iterable<unknown> {
  if (value instanceof PickledObject) return [value.parts, value.entries];
  if (value instanceof Map) return value.values();
  return Array.isArray(value) || value instanceof Set ? value : [];
}
