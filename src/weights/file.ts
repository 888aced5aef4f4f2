import { type FileHandle, open, stat } from 'node:fs/promises';
import { ConvNextV2Error } from '../errors.js';

/** At most so many bytes in one request: the system takes no more than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

/** As much of Node's FileHandle as is needed: who uses this package may not have the types of Node. */
interface Handle {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** A file of weights that is open for reading. */
export interface OpenFile {
  readonly path: string;
  readonly handle: Handle;
  /** In bytes, when it was opened. */
  readonly size: number;
}

/**
 * Opens a file and gives it to `use`; where that throws, the file is closed. Throws E_SOURCE where there is no such file, it
 * is no plain one, or the system refuses.
 */
export async function withFile<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const handle = await reading(path, () => openFile(path));
  try {
    return await reading(path, async () => use({ path, handle, size: (await handle.stat()).size }));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  // asked first, since opening a named pipe would wait for its other end
  const found = await stat(path);
  if (found.isFile()) return open(path);
  throw new ConvNextV2Error('E_SOURCE', {
    path,
    wanted: 'a file of weights',
    got: found.isDirectory() ? 'a folder' : 'something that is not a plain file',
  });
}

/** The bytes of a file from `begin` up to `end`, in an array of their own. Throws E_SOURCE where the file has become shorter. */
export async function readRange({ handle, path }: OpenFile, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(bytes, done, length, begin + done);
    if (bytesRead === 0) {
      throw new ConvNextV2Error('E_SOURCE', {
        path,
        wanted: `${end} bytes`,
        got: `${begin + done} bytes`,
        suggestion: 'the file became shorter meanwhile',
      });
    }
    done += bytesRead;
  }
  return bytes;
}

/** Runs what reads a file; what the system says against it becomes an error of ours. */
export async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    if (cause instanceof RangeError) {
      throw new ConvNextV2Error(
        'E_LIMIT',
        { path, wanted: 'a tensor that fits in memory', got: cause.message },
        { cause },
      );
    }
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const got = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : code;
    throw new ConvNextV2Error('E_SOURCE', { path, wanted: 'a readable file of weights', got }, { cause });
  }
}
