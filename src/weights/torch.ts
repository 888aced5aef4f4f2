import type { Checkpoint, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { byteLength, toFloat32 } from './dtypes.js';
import { type OpenFile, reading, readRange } from './file.js';
import { type UnpickleOptions, unpickle } from './pickle.js';
import { describe, PickledObject } from './pickle-values.js';
import { gatherStrided, stridesOf } from './strided.js';
import { tensorCalled } from './tensor-called.js';
import {
  storageTable,
  TORCH_GLOBALS,
  type TorchStorage,
  TorchTensor,
  tensorFinder,
  UnreadableTensor,
} from './torch-values.js';
import { type Extent, readZip } from './zip.js';

/** Which part of a checkpoint is wanted. */
export interface CheckpointOptions {
  /** The name under which the tensors lie, where a file has several sets, as `model_ema`. */
  readonly key?: string;
}

/** A hundred times the pickle of a large model with its optimizer, and room for what a training loop logs beside it. */
const MAX_PICKLE_BYTES = 128 * 2 ** 20;

/** Far more than any model's tensors and an optimiser's. */
const MAX_STORAGES = 20_000;

/** torch's own number for its legacy format, the first pickle of such a file. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** Where sets of tensors lie, the most likely first. */
const USUAL_KEYS = ['state_dict', 'model', 'model_state_dict', 'module', 'net', 'model_ema', 'state_dict_ema', 'ema'];

/** What tensors may take in memory: four times the file, and something for a small one. */
const budgetOf = ({ size }: OpenFile): number => 4 * size + 2 ** 20;

/** The same for the values of a pickle, and no more than a process has. */
const pickleBudgetOf = (file: OpenFile): number => Math.min(budgetOf(file), 2 ** 29);

/** Opens what torch.save writes since 1.6. Throws E_ZIP, E_PICKLE, E_LIMIT, E_SOURCE. */
export async function openTorchZip(file: OpenFile, options: CheckpointOptions): Promise<Checkpoint> {
  const { path } = file;
  const zip = await readZip(file);
  const pickles = zip.names.filter((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    const got =
      pickles.length > 0 ? 'several' : `none in a zip archive of ${zip.names.slice(0, 4).map(show).join(', ')}`;
    const suggestion = 'unpack it first, and give the file of weights in it';
    throw new ConvNextV2Error('E_ZIP', { path, wanted: "torch's data.pkl", got, suggestion });
  }
  const root = pickles[0].slice(0, -'data.pkl'.length);
  await checkByteOrder(file, zip.names.includes(`${root}byteorder`) ? await zip.locate(`${root}byteorder`) : undefined);
  const { begin, end } = await zip.locate(pickles[0]);
  checkPickleSize(path, end - begin);
  const { storages, persistentLoad } = storageTable(MAX_STORAGES);
  const pickle = {
    path: `${path}: ${pickles[0]}`,
    globals: TORCH_GLOBALS,
    persistentLoad,
    budget: pickleBudgetOf(file),
  };
  const { value } = unpickle(await readRange(file, begin, end), 0, pickle);
  const extents = new Map<TorchStorage, Extent>();
  for (const storage of storages.values()) {
    const extent = await zip.locate(`${root}data/${storage.key}`);
    checkStorage(path, storage, extent.end - extent.begin);
    extents.set(storage, extent);
  }
  checkDisjoint(path, [{ begin, end }, ...extents.values()]);
  return toCheckpoint(file, value, extents, ['PyTorch zip'], options);
}

/** Opens what torch.save wrote before 1.6: five pickles, then the storages. Throws E_PICKLE, E_LIMIT, E_SOURCE. */
export async function openTorchLegacy(file: OpenFile, options: CheckpointOptions): Promise<Checkpoint> {
  const { path, size } = file;
  const bytes = await readRange(file, 0, Math.min(size, MAX_PICKLE_BYTES));
  const { storages, persistentLoad } = storageTable(MAX_STORAGES);
  const pickle = { path, globals: TORCH_GLOBALS, budget: pickleBudgetOf(file) };
  let at = 0;
  const next = (options: UnpickleOptions = pickle): unknown => {
    const { value, end } = unpickle(bytes, at, options);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) fail(path, "a file of torch's, which begins with its magic number", 'another pickle');
  next(); // the version of the format
  if (asMap(next()).get('little_endian') === false) fail(path, 'little-endian numbers', 'big-endian ones');
  const value = next({ ...pickle, persistentLoad });
  const keys = next();
  if (!Array.isArray(keys)) return fail(path, 'a list of storages', describe(keys));
  const extents = new Map<TorchStorage, Extent>();
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || extents.has(storage)) return fail(path, 'storages that tensors use, each once', describe(key));
    const [begin, end] = [at + 8, at + 8 + storage.size];
    if (end > size) fail(path, `storage ${storage.key}`, 'the end of the file before its own', 'it is cut short');
    const counted = new DataView((await readRange(file, at, begin)).buffer).getBigUint64(0, true);
    const count = storage.size / storage.width;
    if (counted !== BigInt(count)) fail(path, `${count} values in storage ${storage.key}`, `${counted}`);
    extents.set(storage, { begin, end });
    at = end;
  }
  const missing = [...storages.values()].find((storage) => !extents.has(storage));
  if (missing) fail(path, `storage ${missing.key}`, 'none');
  return toCheckpoint(file, value, extents, ['PyTorch legacy file'], options);
}

async function checkByteOrder(file: OpenFile, extent: Extent | undefined): Promise<void> {
  if (!extent) return;
  const order = Buffer.from(await readRange(file, extent.begin, Math.min(extent.end, extent.begin + 16))).toString();
  if (order !== 'little') fail(file.path, 'little-endian numbers', `byteorder ${show(order)}`);
}

function checkPickleSize(path: string, bytes: number): void {
  if (bytes <= MAX_PICKLE_BYTES) return;
  throw new ConvNextV2Error('E_LIMIT', {
    path,
    wanted: `a data.pkl of at most ${MAX_PICKLE_BYTES} bytes`,
    got: `${bytes}`,
  });
}

function checkStorage(path: string, { key, size }: TorchStorage, bytes: number): void {
  if (bytes !== size) fail(path, `${size} bytes in storage ${key}`, `${bytes}`);
}

/** Entries that share bytes are a way to make a small file look large. */
function checkDisjoint(path: string, extents: readonly Extent[]): void {
  const sorted = [...extents].sort((a, b) => a.begin - b.begin);
  const overlapping = sorted.find(({ end }, i) => i + 1 < sorted.length && sorted[i + 1].begin < end);
  if (!overlapping) return;
  const got = `two that share byte ${overlapping.end - 1}`;
  throw new ConvNextV2Error('E_ZIP', { path, wanted: 'entries with bytes of their own', got });
}

function toCheckpoint(
  file: OpenFile,
  value: unknown,
  extents: ReadonlyMap<TorchStorage, Extent>,
  recognised: readonly string[],
  { key }: CheckpointOptions,
): Checkpoint {
  const { path, handle } = file;
  const { dict, steps } = findTensors(path, value, key);
  const tensors = withinBudget(file, tensorsOf(dict));
  return {
    path,
    recognised: [...recognised, ...steps],
    tensors: new Map([...tensors].map(([name, tensor]) => [name, describeTensor(tensor)])),
    readFloat32: (name) =>
      reading(path, async () => {
        const tensor = tensorCalled(name, tensors, path);
        return readTensor(file, tensor, extents.get(tensor.storage)!);
      }),
    close: () => handle.close(),
  };
}

type AnyTensor = TorchTensor | UnreadableTensor;

function describeTensor(tensor: AnyTensor): StoredTensor {
  return tensor instanceof TorchTensor ? { dtype: tensor.storage.dtype, shape: tensor.shape } : { ...tensor };
}

/** The tensors of a dict, those within objects of other classes included: they are lost, and the objects named. */
function tensorsOf(dict: ReadonlyMap<unknown, unknown>): ReadonlyMap<string, AnyTensor> {
  const isMadeOfTensors = tensorFinder();
  const tensors = new Map<string, AnyTensor>();
  for (const [name, value] of dict) {
    if (typeof name !== 'string') continue;
    if (value instanceof TorchTensor || value instanceof UnreadableTensor) tensors.set(name, value);
    else if (value instanceof PickledObject && isMadeOfTensors(value)) {
      tensors.set(name, new UnreadableTensor(value.type, [], `tensors within ${describe(value)}`));
    }
  }
  return tensors;
}

/**
 * Tensors may share a storage, as tied weights do, or repeat its values, as expanded ones do; both are ways to make a small
 * file look large. Where they take too much, the largest of those that repeat values are not read. Throws E_LIMIT where that
 * does not suffice.
 */
function withinBudget(file: OpenFile, all: ReadonlyMap<string, AnyTensor>): ReadonlyMap<string, AnyTensor> {
  const most = budgetOf(file);
  const sized = [...all].flatMap(([name, tensor]) => {
    if (!(tensor instanceof TorchTensor)) return [];
    return [{ name, tensor, bytes: byteLength(tensor.storage.dtype, tensor.shape) }];
  });
  let total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
  const tensors = new Map(all);
  for (const { name, tensor, bytes } of sized.sort((a, b) => b.bytes - a.bytes)) {
    const { storage, shape } = tensor;
    if (total <= most || bytes <= storage.size) continue;
    total -= bytes;
    const reason = `${storage.dtype} [${shape.join(', ')}] expanded from ${storage.size} bytes, too large for its file`;
    tensors.set(name, new UnreadableTensor(storage.dtype, shape, reason));
  }
  if (total <= most) return tensors;
  const wanted = `tensors of ${most} bytes at most, about four times the file`;
  throw new ConvNextV2Error('E_LIMIT', { path: file.path, wanted, got: `${total}` });
}

async function readTensor(file: OpenFile, tensor: TorchTensor, { begin }: Extent): Promise<Float32Array> {
  const { storage, offset, shape, strides } = tensor;
  const count = shape.reduce((product, length) => product * length, 1);
  if (count === 0) return new Float32Array();
  const element = byteLength(storage.dtype, []);
  // the elements from the first to the last that it uses, in order or not
  const span = shape.reduce((last, length, axis) => last + (length - 1) * strides[axis], 0) + 1;
  const start = begin + offset * element;
  const values = toFloat32(storage.dtype, await readRange(file, start, start + span * element));
  const inOrder = stridesOf(shape);
  const isInOrder = shape.every((length, axis) => length === 1 || strides[axis] === inOrder[axis]);
  return isInOrder ? values : gatherStrided(values, shape, strides);
}

/** The dict of tensors in what a file holds: itself, or what lies in it under a name. */
function findTensors(path: string, value: unknown, key: string | undefined) {
  const all = asMap(value);
  if (all.size === 0 && !(value instanceof Map)) fail(path, 'a dict of tensors', describe(value), SAVE_ANEW);
  const holders = new Set([...new Set(all.values())].filter(holdsTensors)); // one can stand under many names
  const sets = [...all.keys()].filter((name): name is string => typeof name === 'string' && holders.has(all.get(name)));
  if (key !== undefined && !sets.includes(key)) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'key',
      wanted: sets.length > 0 ? `one of ${sets.slice(0, 8).join(', ')}` : `nothing: ${path} has tensors at its top`,
      got: show(key),
      suggestion: didYouMean(key, sets),
    });
  }
  if (key === undefined && (holdsTensors(value) || sets.length === 0)) {
    if (all.size > 0 && !holdsTensors(value)) refuseDict(path, all);
    return { dict: all, steps: [] };
  }
  const chosen = key ?? USUAL_KEYS.find((name) => sets.includes(name)) ?? sets[0];
  const others = sets.filter((name) => name !== chosen);
  const passedOver = [...all].filter(([name]) => name !== chosen && !others.includes(name as string));
  const named = passedOver.slice(0, 8).map(([name, item]) => `${describe(name)} (${describe(item)})`);
  return {
    dict: asMap(all.get(chosen)),
    steps: [
      `tensors under ${JSON.stringify(chosen)}`,
      ...(others.length > 0
        ? [
            `others under ${others
              .slice(0, 8)
              .map((name) => JSON.stringify(name))
              .join(', ')}: see the option key`,
          ]
        : []),
      ...(named.length > 0 ? [`passed over: ${named.join(', ')}`] : []),
    ],
  };
}

const SAVE_ANEW = 'where you trust the file, save its tensors anew, by torch.save(model.state_dict(), file)';

/** Says of a dict without tensors to read what it has in place of them. */
function refuseDict(path: string, dict: ReadonlyMap<unknown, unknown>): never {
  for (const [name, tensor] of tensorsOf(dict)) {
    if (tensor instanceof UnreadableTensor) {
      fail(`${path}: ${show(name)}`, 'a tensor that can be read', tensor.unreadable, SAVE_ANEW);
    }
  }
  const items = [...dict].slice(0, 4).map(([name, item]) => `${describe(name)} (${describe(item)})`);
  fail(path, 'a dict of tensors', 'a dict without any', `it holds ${items.join(', ')}; ${SAVE_ANEW}`);
}

/** The items of a dict, or of an object of a subclass of dict. */
function asMap(value: unknown): ReadonlyMap<unknown, unknown> {
  if (value instanceof PickledObject) return value.entries;
  return value instanceof Map ? value : new Map();
}

const holdsTensors = (value: unknown): boolean =>
  [...asMap(value)].some(([name, item]) => typeof name === 'string' && item instanceof TorchTensor);

function fail(path: string, wanted: string, got: string, suggestion?: string): never {
  throw new ConvNextV2Error('E_PICKLE', { path, wanted, got, suggestion });
}
