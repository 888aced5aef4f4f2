import type { StoredDtype } from '../contracts.js';
import { byteLength } from './dtypes.js';
import { describe, PickledObject, PickleGlobal, PickleMismatch } from './pickle-values.js';

/** The numbers behind one or more tensors, and where they lie in the file once that is known. */
export interface TorchStorage {
  readonly key: string;
  readonly dtype: StoredDtype;
  /** In bytes. */
  readonly size: number;
}

/** A tensor as torch saves it: a view of a storage, in elements. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

const STORAGES: Readonly<Record<string, StoredDtype>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** torch allows 64 as well. */
const MAX_DIMENSIONS = 64;

const refuse = (wanted: string, got: unknown): never => {
  throw new PickleMismatch(wanted, typeof got === 'string' ? got : describe(got));
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function counts(value: unknown, what: string): readonly number[] {
  // a copy: what the pickle does to its list afterwards is not checked
  if (Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount)) return [...value];
  return refuse(`${what}: at most ${MAX_DIMENSIONS} whole numbers`, value);
}

/** (storage, offset, shape, strides, ...): checked to lie within its storage, and to be no larger than it. */
function rebuildTensor([storage, offset, size, stride]: readonly unknown[]): TorchTensor {
  if (!isStorage(storage)) return refuse('a storage', storage);
  if (!isCount(offset)) return refuse('an offset: a whole number', offset);
  const [shape, strides] = [counts(size, 'a shape'), counts(stride, 'strides')];
  if (shape.length !== strides.length) refuse('a stride for each axis', `${strides.length} for ${shape.length}`);
  const elements = storage.size / byteLength(storage.dtype, []);
  const count = shape.reduce((product, length) => product * length, 1);
  const last = shape.reduce((at, length, axis) => at + (length - 1) * strides[axis], offset);
  if (!(count === 0 || (last < elements && count <= elements))) {
    refuse(`a tensor within its storage of ${elements} values`, `[${shape.join(', ')}] from ${offset} on`);
  }
  return new TorchTensor(storage, offset, shape, strides);
}

const isStorage = (value: unknown): value is TorchStorage => value instanceof Storage;

class Storage implements TorchStorage {
  constructor(
    readonly key: string,
    readonly dtype: StoredDtype,
    readonly size: number,
  ) {}
}

const REBUILD_TENSOR: readonly string[] = ['torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_tensor'];

/** A call of what rebuilds a tensor, in another's wrapping: (function, type, arguments, state). */
function rebuildFromType([rebuild, , args]: readonly unknown[]): TorchTensor {
  const isKnown = rebuild instanceof PickleGlobal && REBUILD_TENSOR.includes(rebuild.name);
  return isKnown && Array.isArray(args) ? rebuildTensor(args) : refuse('what rebuilds a tensor', rebuild);
}

function firstOf([first]: readonly unknown[]): unknown {
  return first instanceof TorchTensor ? first : refuse('a tensor', first);
}

/** What published files hold beside the tensors: data that is passed over. */
const PASSED_OVER = [
  'argparse.Namespace',
  '_codecs.encode',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar',
  'numpy._core.multiarray._reconstruct',
  'torch.device',
  'torch.Size',
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  '__builtin__.set',
  'builtins.set',
  ...['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'].map(
    (name) => `torch.${name}`,
  ),
];

/** All that a checkpoint may name. */
export const TORCH_GLOBALS: ReadonlyMap<string, (args: readonly unknown[]) => unknown> = new Map<
  string,
  (args: readonly unknown[]) => unknown
>([
  ['collections.OrderedDict', toMap],
  ['collections.defaultdict', () => new Map()],
  ...REBUILD_TENSOR.map((name) => [name, rebuildTensor] as const),
  ['torch._utils._rebuild_parameter', firstOf],
  ['torch._utils._rebuild_parameter_with_state', firstOf],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ...Object.keys(STORAGES).map((name) => [name, () => refuse('a storage in its place', name)] as const),
  ...PASSED_OVER.map((name) => [name, () => new PickledObject(name)] as const),
]);

/** OrderedDict(), or as Python 2 wrote it, OrderedDict([[key, value], ...]). */
function toMap([items = []]: readonly unknown[]): Map<unknown, unknown> {
  const isPairs = Array.isArray(items) && items.every((item) => Array.isArray(item) && item.length === 2);
  return isPairs ? new Map(items as [unknown, unknown][]) : refuse('a list of pairs', items);
}

/** A table of the storages that a pickle refers to, by ('storage', type, key, device, count). */
export function storageTable(most: number): {
  readonly storages: ReadonlyMap<string, TorchStorage>;
  readonly persistentLoad: (id: unknown) => TorchStorage;
} {
  const storages = new Map<string, TorchStorage>();
  const persistentLoad = (id: unknown): TorchStorage => {
    const [tag, type, key, , count, view] = Array.isArray(id) ? id : [];
    if (tag !== 'storage' || typeof key !== 'string') return refuse('a reference to a storage', id);
    const name = type instanceof PickleGlobal ? type.name : '';
    const dtype = Object.hasOwn(STORAGES, name) ? STORAGES[name] : refuse('a type of storage', type as PickleGlobal);
    const size = isCount(count) ? byteLength(dtype, [count]) : Number.NaN;
    if (Number.isNaN(size)) return refuse('a number of values', count);
    if (view != null) return refuse('a whole storage', 'a view of one, as torch wrote before 0.4');
    const known = storages.get(key);
    if (known && (known.dtype !== dtype || known.size !== size)) {
      return refuse(`storage ${key} as before`, 'it with another type or size');
    }
    if (storages.size === most && !known) return refuse(`at most ${most} storages`, 'more');
    const storage = known ?? new Storage(key, dtype, size);
    storages.set(key, storage);
    return storage;
  };
  return { storages, persistentLoad };
}
