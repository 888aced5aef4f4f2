import type { Attribute, Dataset, Entity, File, Group } from 'h5wasm';
import type { StoredTensor } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { byteLength } from './dtypes.js';

/** A file as the library reads it: so many bytes from a position on, into a part of an array; gives how many there were. */
export interface Hdf5Bytes {
  /** For messages. */
  readonly path: string;
  readonly size: number;
  read(into: Uint8Array, offset: number, length: number, position: number): number;
}

/** The weights of a Keras model, and the values of one of them. */
export interface Hdf5Weights {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of a name among `tensors`. */
  readValues(name: string): Float32Array<ArrayBuffer>;
}

/** Keras has a layer a block and a handful of weights each: far more than any model has. */
const MAX_WEIGHTS = 20_000;

/** Attributes longer than 64 KB are split by Keras into parts: `weight_names0`, ... */
const MAX_PARTS = 1000;

interface Readable {
  readonly dtype: 'F32' | 'F64';
  readonly unreadable?: undefined;
}

interface Weight {
  readonly dataset: Dataset;
  readonly tensor: StoredTensor & (Readable | { readonly unreadable: string });
}

/** Throws E_HDF5, and so does the `readValues` that it gives. */
export type OpenHdf5 = (file: Hdf5Bytes) => Hdf5Weights;

type Library = typeof import('h5wasm');

/**
 * Loads the library, and gives what opens a file with it: the tensors of a Keras model, one for each of the `weight_names` of
 * its layers. Throws E_PEER without h5wasm.
 */
export async function loadHdf5(): Promise<OpenHdf5> {
  return hdf5With(await loadH5wasm());
}

/** As `loadHdf5`, with a library that is loaded. */
export async function hdf5With(h5: Library): Promise<OpenHdf5> {
  const { FS } = (await h5.ready) as unknown as { readonly FS: FileSystem };
  // what the library says against a file it also throws
  FS.streams[2].stream_ops = { ...FS.streams[2].stream_ops, write: (_s, _buffer, _offset, length) => length };
  let opened = 0;
  return (file) => {
    const name = `${++opened}.h5`;
    showFile(FS.createFile('/', name, {}, true, false), opened, file);
    const weights = attempt(file.path, () => findWeights(new h5.File(`/${name}`, 'r'), file));
    return {
      tensors: new Map(Array.from(weights, ([name, { tensor }]) => [name, tensor])),
      readValues: (name) =>
        attempt(file.path, () => {
          const value = weights.get(name)!.dataset.value as Float32Array | number;
          return Float32Array.from(typeof value === 'number' ? [value] : value);
        }),
    };
  };
}

async function loadH5wasm(): Promise<Library> {
  try {
    return await import('h5wasm');
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_PEER',
      {
        path: 'h5wasm',
        wanted: 'the package h5wasm, which reads HDF5 files',
        got: (cause as Error).message.trim().split('\n')[0],
        suggestion: 'npm install h5wasm',
      },
      { cause },
    );
  }
}

/** The library's own file system, Emscripten's, as far as it is used. */
interface FileSystem {
  /** By descriptor: 2 is its stderr. */
  readonly streams: {
    stream_ops: { write?: (stream: unknown, buffer: unknown, offset: number, length: number) => number };
  }[];
  createFile(parent: string, name: string, properties: object, canRead: boolean, canWrite: boolean): LazyNode;
}

interface LazyNode {
  node_ops: Record<string, unknown>;
  stream_ops: Record<string, unknown>;
}

/** Lets a file of the library's file system show a file of ours. The library takes two of the same number for one. */
function showFile(node: LazyNode, ino: number, { size, read }: Hdf5Bytes): void {
  const time = new Date(0);
  const stat = { dev: 1, ino, mode: 0o100444, nlink: 1, uid: 0, gid: 0, rdev: 0, size, blksize: 4096 };
  node.node_ops = {
    ...node.node_ops,
    getattr: () => ({ ...stat, blocks: Math.ceil(size / 4096), atime: time, mtime: time, ctime: time }),
  };
  node.stream_ops = {
    ...node.stream_ops,
    read: (_stream: unknown, ...place: Parameters<typeof read>) => read(...place),
    llseek: (stream: { readonly position: number }, offset: number, whence: number) =>
      offset + [0, stream.position, size][whence],
  };
}

function findWeights(root: File, file: Hdf5Bytes): ReadonlyMap<string, Weight> {
  const weights = new Map<string, Weight>();
  let bytes = 0;
  // a whole model saved by Keras has its weights in a group of that name
  const top = isGroup(root.get('model_weights')) ? (root.get('model_weights') as Group) : root;
  for (const layer of namesIn(top, 'layer_names', file)) {
    const group = top.get(layer);
    if (!isGroup(group)) fail(file.path, `a group ${show(layer)}`, 'none');
    for (const name of namesIn(group, 'weight_names', file)) {
      const dataset = group.get(name);
      if (!isDataset(dataset)) fail(file.path, `a dataset ${show(name)}`, 'none');
      if (weights.has(name)) fail(file.path, 'each weight once', `${show(name)} twice`);
      if (weights.size === MAX_WEIGHTS) fail(file.path, `at most ${MAX_WEIGHTS} weights`, 'more');
      const tensor = describeDataset(dataset);
      // otherwise a small file could fill the memory
      bytes += tensor.unreadable === undefined ? byteLength(tensor.dtype, tensor.shape) : 0;
      if (!(bytes <= file.size)) {
        fail(file.path, `weights within the file's ${file.size} bytes`, `${show(name)} ${show(tensor.shape)} beyond`);
      }
      weights.set(name, { dataset, tensor });
    }
  }
  return weights;
}

/** HDF5's types of numbers that are named in a message. */
const TYPES: Readonly<Record<number, string>> = { 0: 'whole numbers', 1: 'floats', 3: 'texts' };

/** Read are those that are written plainly, in floats. */
function describeDataset({ metadata, filters }: Dataset): Weight['tensor'] {
  const { shape, type, size: width, littleEndian, chunks } = metadata;
  const kind = `${TYPES[type] ?? `type ${type}`} of ${width} bytes${littleEndian ? '' : ', big-endian'}`;
  const dtype = type === 1 && littleEndian ? ({ 4: 'F32', 8: 'F64' } as const)[width] : undefined;
  if (!shape?.every(Number.isSafeInteger)) return { dtype: kind, shape: [], unreadable: 'a dataset without a shape' };
  if (dtype === undefined) return { dtype: kind, shape, unreadable: `a dataset of ${kind}` };
  if (chunks || filters.length > 0) return { dtype, shape, unreadable: 'a chunked or compressed dataset' };
  return { dtype, shape };
}

/** A list of names from an attribute, in one piece or in several. */
function namesIn(group: Group, attribute: string, file: Hdf5Bytes): readonly string[] {
  const { attrs } = group;
  if (Object.hasOwn(attrs, attribute)) return texts(attrs[attribute], attribute, file);
  const names: string[] = [];
  for (let part = 0; part < MAX_PARTS && Object.hasOwn(attrs, `${attribute}${part}`); part++) {
    names.push(...texts(attrs[`${attribute}${part}`], attribute, file));
  }
  if (names.length === 0) fail(file.path, `${attribute}, as Keras writes it`, 'none');
  return names;
}

function texts(attribute: Attribute, name: string, { path }: Hdf5Bytes): readonly string[] {
  // the library refuses those that are longer than they say
  const value: unknown = attribute.metadata.total_size === 0 ? [] : attribute.value;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.every((item): item is string => typeof item === 'string')) return list;
  return fail(path, `${name}: a list of names`, show(value));
}

const typeOf = (entity: Entity | null): unknown => Object(entity).type;
const isGroup = (entity: Entity | null): entity is Group => typeOf(entity) === 'Group';
const isDataset = (entity: Entity | null): entity is Dataset => typeOf(entity) === 'Dataset';

/** What the library throws becomes an error of ours. */
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    const got = String((cause as Error)?.message ?? cause)
      .trim()
      .split('\n')[0]
      .slice(0, 200);
    throw new ConvNextV2Error('E_HDF5', { path, wanted: 'an HDF5 file in order', got }, { cause });
  }
}

function fail(path: string, wanted: string, got: string): never {
  throw new ConvNextV2Error('E_HDF5', { path, wanted, got });
}
