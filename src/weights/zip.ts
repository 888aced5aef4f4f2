import type { Entry, RandomAccessReader, ZipFile } from 'yauzl';
import { ConvNextV2Error, show } from '../errors.js';
import { type OpenFile, readRange } from './file.js';

/** A checkpoint has an entry a tensor and a few more: far more than any model has. */
const MAX_ENTRIES = 20_000;

/** The library asks for a record at a time, of some 50 bytes; so many are read at once. */
const BLOCK_BYTES = 4096;

/** Where the bytes of an entry lie in the file. */
export interface Extent {
  readonly begin: number;
  readonly end: number;
}

/** The entries of a zip file whose bytes lie in it as they are. */
export interface ZipDirectory {
  readonly names: readonly string[];
  /** Throws E_ZIP where there is no such entry, it is compressed or encrypted, or does not lie within the file. */
  locate(name: string): Promise<Extent>;
}

/**
 * Reads the directory of a zip file, and nothing else. Throws E_ZIP where it is not in order or names an entry twice, E_LIMIT
 * for more entries than any checkpoint has.
 */
export async function readZip(file: OpenFile): Promise<ZipDirectory> {
  const { path } = file;
  const zip = await reading(path, () => openZip(file));
  if (zip.entryCount > MAX_ENTRIES) {
    throw new ConvNextV2Error('E_LIMIT', { path, wanted: `at most ${MAX_ENTRIES} entries`, got: `${zip.entryCount}` });
  }
  const entries = await reading(path, () => readEntries(zip, path));
  return {
    names: [...entries.keys()],
    async locate(name) {
      const entry = entries.get(name);
      if (!entry) fail(path, `an entry ${name}`, 'none', 'the file is not whole: fetch it again');
      const at = `${path}: ${name}`;
      // an entry that unpacks to a thousand times its size would be a way to fill the memory
      if (entry.compressionMethod !== 0)
        fail(at, 'an entry that is stored as it is, as torch does', 'a compressed one');
      // encrypted ones are longer
      if (entry.compressedSize !== entry.uncompressedSize) {
        fail(at, `${entry.uncompressedSize} bytes`, `${entry.compressedSize} stored`);
      }
      const { fileDataStart: begin } = await reading(at, () => localHeader(zip, entry));
      const end = begin + entry.compressedSize;
      return { begin, end };
    },
  };
}

/** The library is loaded on first use. */
async function openZip(file: OpenFile): Promise<ZipFile> {
  const { fromRandomAccessReader, RandomAccessReader: Reader } = await import('yauzl');
  const { size } = file;
  let block: Extent & { readonly bytes: Uint8Array } = { begin: 0, end: 0, bytes: new Uint8Array() };
  const bytesAt = async (begin: number, end: number): Promise<Uint8Array> => {
    if (!(begin >= 0 && end <= size)) throw new Error('a place beyond the end of the file');
    if (begin < block.begin || end > block.end) {
      const last = Math.min(size, Math.max(end, begin + BLOCK_BYTES));
      block = { begin, end: last, bytes: await readRange(file, begin, last) };
    }
    return block.bytes.subarray(begin - block.begin, end - block.begin);
  };
  /** The library's own reader lets the process end where a place is beyond what the system takes. */
  class FileReader extends Reader {
    override read(...[buffer, offset, length, position, callback]: Parameters<RandomAccessReader['read']>): void {
      bytesAt(position, position + length).then((bytes) => {
        buffer.set(bytes, offset);
        callback(null);
      }, callback);
    }
  }
  // the file is closed by whoever opened it
  const options = { lazyEntries: true, autoClose: false };
  return new Promise((resolve, reject) => {
    fromRandomAccessReader(new FileReader(), size, options, (error, zip) => (error ? reject(error) : resolve(zip)));
  });
}

/** What is kept of an entry: the library's own records take ten times the room of the file's. */
type Kept = Pick<Entry, 'compressionMethod' | 'compressedSize' | 'uncompressedSize' | 'relativeOffsetOfLocalHeader'>;

async function readEntries(zip: ZipFile, path: string): Promise<ReadonlyMap<string, Kept>> {
  const entries = new Map<string, Kept>();
  await new Promise<void>((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', resolve);
    zip.on('entry', (entry: Entry) => {
      const { fileName, compressionMethod, compressedSize, uncompressedSize, relativeOffsetOfLocalHeader } = entry;
      if (entries.has(fileName)) return reject(problem(path, 'each name once', `${show(fileName)} twice`));
      entries.set(fileName, { compressionMethod, compressedSize, uncompressedSize, relativeOffsetOfLocalHeader });
      zip.readEntry();
    });
    zip.readEntry();
  });
  return entries;
}

function localHeader(zip: ZipFile, entry: Kept): Promise<{ readonly fileDataStart: number }> {
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry as Entry, { minimal: true }, (error, header) =>
      error ? reject(error) : resolve(header),
    );
  });
}

/** What the library says against a file becomes an error of ours. */
async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    throw problem(path, 'a zip file in order', (cause as Error).message, cause);
  }
}

function problem(path: string, wanted: string, got: string, cause?: unknown, suggestion?: string): ConvNextV2Error {
  return new ConvNextV2Error('E_ZIP', { path, wanted, got, suggestion }, { cause });
}

function fail(path: string, wanted: string, got: string, suggestion?: string): never {
  throw problem(path, wanted, got, undefined, suggestion);
}
