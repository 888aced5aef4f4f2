import { resolveObjectURL } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { isAnyArrayBuffer, isSharedArrayBuffer } from 'node:util/types';
import { ConvNextV2Error, show } from '../errors.js';
import { download, readStream } from './body.js';
import { type ImageLimits, overLimit } from './limits.js';
import type { RawImage } from './raw-image.js';
import type { SharpPicture } from './sharp.js';

/** The file of a picture: where it is, its bytes, or what they can be read from. */
export type EncodedSource =
  | string
  | URL
  | ArrayBufferLike
  | ArrayBufferView
  | Blob
  | Response
  | ReadableStream<Uint8Array>
  | Readable;

/**
 * A picture: a path or URL (file:, http:, https:, data:, blob:), the bytes of a file (a buffer or any view of one, a Blob or
 * File, the Response of a fetch, a stream), what sharp has opened, or decoded pixels.
 */
export type ImageSource = EncodedSource | SharpPicture | RawImage;

/** The bytes of an encoded picture, and what to call it in messages. */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  readonly name: string;
}

const isUrl = (source: unknown): source is URL => source instanceof URL;

/** Also those of other implementations than Node's own, as node-fetch. */
const isResponse = (source: unknown): source is Response =>
  typeof Object(source).ok === 'boolean' && typeof Object(source).status === 'number' && 'body' in Object(source);

const isBlob = (source: unknown): source is Blob =>
  typeof Object(source).arrayBuffer === 'function' && typeof Object(source).size === 'number';

const isStream = (source: unknown): source is ReadableStream<Uint8Array> | Readable =>
  source instanceof Readable || typeof Object(source).getReader === 'function';

/** Whether a picture has to be read here, since a Response or a stream cannot cross to another thread. */
export const isBody = (source: unknown): boolean => isResponse(source) || isStream(source);

/** Whether a source is the file of a picture, in any form. */
export function isEncoded(source: unknown): source is EncodedSource {
  const isBytes = ArrayBuffer.isView(source) || isAnyArrayBuffer(source);
  return typeof source === 'string' || isUrl(source) || isBytes || isBlob(source) || isBody(source);
}

/** What to call a picture in messages: its path or address, or the name of a File; `otherwise` where it has none. */
export function nameOf(source: ImageSource, otherwise: string): string {
  if (isResponse(source)) return URL.canParse(source.url) ? withoutQuery(new URL(source.url)) : otherwise;
  if (isBlob(source)) return String(Object(source).name ?? otherwise);
  if (typeof source !== 'string' && !isUrl(source)) return otherwise;
  const text = String(source);
  if (/^data:/i.test(text)) return otherwise;
  return /^https?:/i.test(text) && URL.canParse(text) ? withoutQuery(new URL(text)) : text;
}

/** What follows the path of an address can be a key. */
const withoutQuery = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

/**
 * Reads the file of a picture. Throws E_IMAGE where there is none, E_LIMIT beyond the limits, E_NETWORK where a server cannot be
 * reached.
 */
export async function readSource(
  source: EncodedSource,
  otherwise: string,
  limits: Required<ImageLimits>,
): Promise<EncodedImage> {
  const name = nameOf(source, otherwise);
  if (typeof source === 'string' || isUrl(source)) return readLocation(source, name, limits);
  if (isResponse(source)) return { bytes: await readResponse(source, name, limits), name };
  if (isBlob(source)) return { bytes: await readBlob(source, name, limits), name };
  if (isStream(source)) return { bytes: await readStream(source, name, limits), name };
  checkSize(source.byteLength, name, limits);
  return { bytes: bytesOf(source), name };
}

/** Bytes that cannot change during decoding: shared memory is copied. */
function bytesOf(source: ArrayBufferLike | ArrayBufferView): Uint8Array {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  return isSharedArrayBuffer(bytes.buffer) ? new Uint8Array(bytes) : bytes;
}

async function readBlob(blob: Blob, name: string, limits: Required<ImageLimits>): Promise<Uint8Array> {
  checkSize(blob.size, name, limits);
  return new Uint8Array(await blob.arrayBuffer().catch(refuse(name)));
}

async function readResponse(response: Response, name: string, limits: Required<ImageLimits>): Promise<Uint8Array> {
  const { ok, status, statusText, bodyUsed, body } = response;
  if (ok && !bodyUsed && body) return readStream(body, name, limits);
  const got = ok ? 'a Response whose body was read before, or that has none' : `status ${status} ${statusText}`.trim();
  throw new ConvNextV2Error('E_IMAGE', { path: name, wanted: 'the Response of a server that sends a picture', got });
}

/** A colon alone makes no URL: a file may be called `cat-10:30.png`. */
const URL_LIKE = /^([a-z][a-z\d+.-]*:\/\/|(file|https?|data|blob):)/i;

async function readLocation(source: string | URL, name: string, limits: Required<ImageLimits>): Promise<EncodedImage> {
  if (typeof source === 'string' && !URL_LIKE.test(source)) return readPath(source, limits);
  const text = String(source);
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase();
  if (scheme === 'data') return { bytes: fromDataUrl(text, name, limits), name };
  if (URL.canParse(text)) {
    if (scheme === 'http' || scheme === 'https') return { bytes: await download(new URL(text), name, limits), name };
    if (scheme === 'blob') return { bytes: await readBlob(resolveBlob(text, name), name, limits), name };
    const path = scheme === 'file' ? toPath(text) : undefined;
    if (path !== undefined) return readPath(path, limits);
  }
  throw new ConvNextV2Error('E_IMAGE', {
    path: name,
    wanted: 'a path, or a URL that begins with file:, http:, https:, data: or blob:',
    got: show(text),
  });
}

/** The Blob that a blob: URL of this thread stands for. Throws E_IMAGE where there is none. */
export function resolveBlob(url: string, name: string): Blob {
  const blob = resolveObjectURL(url);
  if (blob) return blob as Blob;
  const got = 'one that was revoked, or made in another thread';
  throw new ConvNextV2Error('E_IMAGE', { path: name, wanted: 'a blob: URL of this thread', got });
}

function fromDataUrl(url: string, name: string, limits: Required<ImageLimits>): Uint8Array {
  const comma = url.indexOf(',');
  if (comma < 0) {
    throw new ConvNextV2Error('E_IMAGE', {
      path: name,
      wanted: 'a data: URL with a comma before its data',
      got: show(url),
    });
  }
  const isBase64 = /;\s*base64\s*$/i.test(url.slice(0, comma));
  checkSize(isBase64 ? (3 * (url.length - comma)) / 4 - 3 : 0, name, limits); // with the padding it can be three bytes less
  const data = url
    .slice(comma + 1)
    .replace(/#.*$/s, '')
    .replace(/%([\da-f]{2})/gi, (_, byte) => String.fromCharCode(Number.parseInt(byte, 16)));
  const bytes = Buffer.from(data, isBase64 ? 'base64' : 'latin1'); // which skips white space in base64
  checkSize(bytes.length, name, limits);
  return bytes;
}

/** Undefined for a file URL that is no path of this machine. */
function toPath(url: string): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

/** In bytes, with the zero at the end: Linux takes no longer one. */
const LONGEST_PATH = 4096;

async function readPath(path: string, limits: Required<ImageLimits>): Promise<EncodedImage> {
  if (path.length >= LONGEST_PATH) {
    throw new ConvNextV2Error('E_IMAGE', {
      path: show(path),
      wanted: 'a path',
      got: `a text of ${path.length} characters`,
      suggestion: "give base64 as a data: URL, or as Buffer.from(text, 'base64')",
    });
  }
  checkSize(await sizeOf(path), path, limits);
  return { bytes: await readFile(path).catch(refuse(path)), name: path };
}

function checkSize(size: number, name: string, { maxBytes }: Required<ImageLimits>): void {
  if (size > maxBytes) overLimit('maxBytes', name, `at most ${maxBytes} bytes`, `${Math.ceil(size)} bytes`);
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
    throw new ConvNextV2Error('E_IMAGE', { path, wanted: 'a readable picture file', got: String(got) }, { cause });
  };
}
