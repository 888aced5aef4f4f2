import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConvNextV2Error, show } from '../errors.js';
import { overLimit } from './limits.js';
import type { RawImage } from './raw-image.js';

/** A picture: a path, a file URL, the bytes of a file, or decoded pixels. */
export type ImageSource = string | URL | Uint8Array | RawImage;

/** The bytes of an encoded picture, and what to call it in messages: its path, or `name` where it has none. */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** Reads the file of a source, if it is one. Throws E_IMAGE where there is no such file, E_LIMIT beyond `maxBytes`. */
export async function readSource(
  source: string | URL | Uint8Array,
  name: string,
  maxBytes: number,
): Promise<EncodedImage> {
  const path = source instanceof Uint8Array ? undefined : toPath(source, name);
  const size = path === undefined ? (source as Uint8Array).length : await sizeOf(path);
  if (size > maxBytes) overLimit('maxBytes', path ?? name, `at most ${maxBytes} bytes`, `${size} bytes`);
  if (path === undefined) return { bytes: source as Uint8Array, name };
  return { bytes: await readFile(path).catch(refuse(path)), name: path };
}

/** A colon alone makes no URL: a file may be called `cat-10:30.png`. */
const URL_LIKE = /^([a-z][a-z\d+.-]*:\/\/|(file|data|blob):)/i;

function toPath(source: string | URL, name: string): string {
  if (typeof source === 'string' && !URL_LIKE.test(source)) return source;
  try {
    return fileURLToPath(source);
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_IMAGE',
      { path: name, wanted: 'a path, a file URL or bytes', got: show(String(source)), suggestion: 'download it first' },
      { cause },
    );
  }
}

/** The size of a plain file: a folder has none, and a pipe or a device might never end. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(refuse(path));
  if (found.isFile()) return found.size;
  const got = found.isDirectory() ? 'a folder' : 'something that is not a plain file';
  throw new ConvNextV2Error('E_IMAGE', { path, wanted: 'a picture file', got });
}

function refuse(path: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    const got = cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? 'no such file' : (cause.code ?? cause.message);
    throw new ConvNextV2Error('E_IMAGE', { path, wanted: 'a readable picture file', got }, { cause });
  };
}
