import type { StoredDtype, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { byteLength, bytesOfElements, isStoredDtype, STORED_DTYPES } from './dtypes.js';
import { recogniseOther, START_BYTES } from './other-files.js';

/** The reference's own limit: a longer header is refused before it is read. */
const MAX_HEADER_BYTES = 100_000_000;

/** Hundreds of times what a backbone with any head has. */
const MAX_TENSORS = 250_000;

/** Braces, brackets and commas: ten for a tensor of four dimensions. Bounds what parsing may allocate. */
const MAX_VALUES = 16 * MAX_TENSORS;

const METADATA = '__metadata__';

/** Where the bytes of a tensor lie, counted from the start of the file; `end` is the first byte that is not its own. */
interface Place {
  readonly begin: number;
  readonly end: number;
}

/** A tensor that can be read or not, and where its bytes lie. */
export type TensorEntry = StoredTensor &
  Place &
  ({ readonly dtype: StoredDtype; readonly unreadable?: undefined } | { readonly unreadable: string });

/** The format's dtypes that are not read here, and how many bytes an element of each has. */
const OTHER_DTYPES: ReadonlyMap<string, number> = new Map([
  ['F4', 0.5],
  ['F6_E2M3', 0.75],
  ['F6_E3M2', 0.75],
  ['F8_E4M3', 1],
  ['F8_E5M2', 1],
  ['F8_E8M0', 1],
  ['F8_E4M3FNUZ', 1],
  ['F8_E5M2FNUZ', 1],
  ['C64', 8],
]);

export interface SafetensorsHeader {
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Where the header of a file ends and the tensors' bytes begin, from its first 8 bytes; more of them let a message say what the
 * file is instead. Throws E_SAFETENSORS where the file is too short for its header or the header too long.
 */
export function headerEnd(bytes: Uint8Array, fileSize: number, path: string): number {
  if (fileSize < 8) {
    const { got, suggestion } = recogniseOther(bytes, fileSize) ?? { got: `${fileSize} bytes` };
    fail(path, 'a safetensors file, of 8 bytes at least', got, suggestion);
  }
  const words = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = words.getUint32(0, true) + words.getUint32(4, true) * 2 ** 32;
  if (length > Math.min(MAX_HEADER_BYTES, fileSize - 8)) {
    const other = recogniseOther(bytes.subarray(0, START_BYTES), fileSize);
    if (other) fail(path, 'a safetensors file', other.got, other.suggestion);
    const wanted = `a header of at most ${MAX_HEADER_BYTES} bytes that ends within the file's ${fileSize}`;
    fail(path, wanted, `a header of ${length} bytes`);
  }
  return 8 + length;
}

/**
 * Reads and checks the header of a file from its beginning: `bytes` has the whole header, and may have more. After it every
 * tensor is known to have the bytes that its dtype and shape need, and every byte of the file to belong to one tensor.
 * Throws E_SAFETENSORS.
 */
export function parseHeader(bytes: Uint8Array, fileSize: number, path: string): SafetensorsHeader {
  const start = headerEnd(bytes, fileSize, path);
  const members = Object.entries(parseJson(decode(bytes.subarray(8, start), path), path));
  const metadata = readMetadata(members.find(([name]) => name === METADATA)?.[1], where(path, METADATA));
  const entries = members
    .filter(([name]) => name !== METADATA)
    .map(([name, value]) => [name, readEntry(value, start, () => where(path, name))] as const)
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = start;
  for (const [name, { begin, end }] of entries) {
    if (begin !== at) fail(where(path, name), `data from byte ${at - start}, where other data end`, `${begin - start}`);
    at = end;
  }
  if (at !== fileSize) {
    const suggestion = at > fileSize ? 'the file is cut short: fetch it again' : undefined;
    fail(path, `a file of ${at} bytes, as its header says`, `${fileSize} bytes`, suggestion);
  }
  const unknown = entries.find(([, { dtype }]) => !isStoredDtype(dtype) && !OTHER_DTYPES.has(dtype));
  if (unknown && entries.every(([, { unreadable }]) => unreadable !== undefined)) {
    fail(where(path, unknown[0]), `a dtype out of ${STORED_DTYPES.join(', ')}`, show(unknown[1].dtype));
  }
  return { tensors: new Map(entries), metadata };
}

/** Throws E_SAFETENSORS for a dtype that cannot be written, or a wrong shape. */
export function checkStored({ dtype, shape }: StoredTensor, path: () => string): void {
  if (!isStoredDtype(dtype)) fail(path(), `a dtype out of ${STORED_DTYPES.join(', ')}`, show(dtype));
  checkShape(shape, path);
}

function checkShape(shape: unknown, path: () => string): asserts shape is readonly number[] {
  if (!areSizes(shape)) fail(path(), 'a shape: a list of whole numbers', show(shape));
}

function readEntry(value: unknown, start: number, path: () => string): TensorEntry {
  const { dtype, shape, data_offsets } = Object(value);
  if (typeof dtype !== 'string') fail(path(), 'a dtype: a string', show(dtype));
  checkShape(shape, path);
  if (!areSizes(data_offsets) || data_offsets.length !== 2) {
    fail(path(), 'data_offsets: two whole numbers', show(data_offsets));
  }
  const [begin, end] = data_offsets;
  if (end < begin) fail(path(), 'a begin before the end', `data_offsets ${show(data_offsets)}`);
  const width = isStoredDtype(dtype) ? byteLength(dtype, []) : OTHER_DTYPES.get(dtype);
  const size = bytesOfElements(width ?? 1, shape);
  if (Number.isNaN(size)) fail(path(), 'a shape with fewer than 2^53 bytes', show(shape));
  if (width !== undefined && end - begin !== size) {
    fail(path(), `${size} bytes for ${dtype} ${show(shape)}`, `data_offsets ${show(data_offsets)}`);
  }
  const place = { begin: start + begin, end: start + end };
  if (isStoredDtype(dtype)) return { dtype, shape, ...place };
  return { dtype, shape, unreadable: `${dtype} ${show(shape)}, a dtype that is not read here`, ...place };
}

function areSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function readMetadata(value: unknown = {}, path: string): ReadonlyMap<string, string> {
  const members = Object.entries(Object(value));
  if (typeof value !== 'object' || Array.isArray(value) || !members.every((member) => typeof member[1] === 'string')) {
    fail(path, 'an object of strings', show(value));
  }
  return new Map(members as [string, string][]);
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_SAFETENSORS',
      { path, wanted: 'a header in UTF-8', got: 'bytes that are not UTF-8' },
      { cause },
    );
  }
}

function parseJson(text: string, path: string): object {
  if (!text.startsWith('{')) fail(path, 'a header that begins with "{"', show(text.slice(0, 20)));
  try {
    scan(text, path);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    throw new ConvNextV2Error(
      'E_SAFETENSORS',
      { path, wanted: 'a header in JSON', got: show((cause as Error).message) },
      { cause },
    );
  }
}

/**
 * What JSON.parse would let pass or could be drowned in: keys that stand twice, nesting, millions of values, and numbers
 * that are not plain digits. Text that is no JSON may pass.
 */
function scan(text: string, path: string): void {
  /** For each open object its keys so far, for each open list undefined. */
  const open: (Set<string> | undefined)[] = [];
  let values = 0;
  let afterColon = false;
  let name = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    switch (char) {
      case '{':
      case '[':
        if (open.push(char === '{' ? new Set() : undefined) > 3)
          failHere('lists and objects at most 3 deep', 'a deeper one');
        values++;
        break;
      case ',':
        values++;
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const end = stringEnd(text, at);
        if (open.at(-1) && !afterColon) addKey(open.at(-1)!, text.slice(at + 1, end));
        at = end;
        break;
      }
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        continue;
      default:
        if (!'0123456789:'.includes(char))
          failHere('objects, lists, strings and whole numbers', `${show(char)} among them`);
    }
    afterColon = char === ':';
    if (values > MAX_VALUES) fail(path, `a header of at most ${MAX_VALUES} values`, 'more');
  }

  function addKey(keys: Set<string>, raw: string): void {
    const escaped = raw.includes('\\');
    const key: string = escaped ? JSON.parse(`"${raw}"`) : raw;
    if (open.length === 1) name = key;
    if (escaped && /\p{Surrogate}/u.test(key)) failHere('a name in Unicode', 'half a surrogate pair');
    if (keys.has(key)) failHere('each key once', `${show(key)} twice`);
    keys.add(key);
    if (keys.size > MAX_TENSORS) fail(path, `at most ${MAX_TENSORS} tensors`, 'more');
  }

  function failHere(wanted: string, got: string): never {
    return fail(name === '' ? path : where(path, name), wanted, got);
  }
}

/** Where the string that opens at `at` closes; the end of the text where it does not. */
function stringEnd(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}

/** Where something is wrong, for a message: a tensor of a file. */
export function where(path: string, name: string): string {
  return `${path}: ${show(name)}`;
}

/** Throws E_SAFETENSORS. */
export function fail(path: string, wanted: string, got: string, suggestion?: string): never {
  throw new ConvNextV2Error('E_SAFETENSORS', { path, wanted, got, suggestion });
}
