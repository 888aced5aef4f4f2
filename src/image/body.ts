import { Readable } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { ConvNextV2Error, show } from '../errors.js';
import { discard, openClient, reasonOf } from '../weights/hub/http.js';
import { hubSettings } from '../weights/hub/settings.js';
import { type ImageLimits, overLimit } from './limits.js';

/** Timers take no more milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

function tooSlow(name: string, { timeoutSeconds }: Required<ImageLimits>): never {
  return overLimit('timeoutSeconds', name, `to be read in ${timeoutSeconds} seconds`, 'one that takes longer');
}

/**
 * All bytes of a stream, which is stopped at the limits. Throws E_LIMIT, and E_IMAGE where it breaks off, is not of bytes, or is
 * read by another.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | Readable,
  name: string,
  limits: Required<ImageLimits>,
): Promise<Uint8Array> {
  const { maxBytes, timeoutSeconds } = limits;
  const deadline = performance.now() + 1000 * timeoutSeconds;
  const reader = readerOf(stream, name);
  const stop = () => reader.cancel().catch(() => {});
  const timer = setTimeout(stop, Math.min(1000 * timeoutSeconds, LONGEST_TIMER));
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (performance.now() >= deadline) return tooSlow(name, limits);
      if (done) return Buffer.concat(chunks, size);
      if (!isUint8Array(value)) throw refused(name, 'a stream of bytes', `one of ${show(value)}`);
      size += value.length;
      if (size > maxBytes) overLimit('maxBytes', name, `at most ${maxBytes} bytes`, 'more');
      if (value.length > 0) chunks.push(value);
    }
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    throw refused(name, 'a picture that can be read to its end', reasonOf(cause), cause);
  } finally {
    clearTimeout(timer);
    stop();
  }
}

function readerOf(stream: ReadableStream<Uint8Array> | Readable, name: string) {
  try {
    const web = stream instanceof Readable ? (Readable.toWeb(stream) as ReadableStream<Uint8Array>) : stream;
    return web.getReader();
  } catch (cause) {
    throw refused(name, 'a stream to read', 'one that something else is reading', cause);
  }
}

/** The picture at an address. Throws E_IMAGE where the server sends none, E_NETWORK where it cannot be reached, E_LIMIT. */
export async function download(url: URL, name: string, limits: Required<ImageLimits>): Promise<Uint8Array> {
  const milliseconds = 1000 * limits.timeoutSeconds;
  const signal = milliseconds <= LONGEST_TIMER ? AbortSignal.timeout(Math.ceil(milliseconds)) : undefined;
  const client = await openClient(await hubSettings({ signal }));
  try {
    const answer = await client.ask('GET', url, { headers: { 'user-agent': 'convnextv2' } });
    if (answer.status === 200) return await readStream(answer.body, name, limits);
    discard(answer);
    throw refused(name, 'a picture', `status ${answer.status}`);
  } catch (error) {
    if (signal?.aborted) tooSlow(name, limits);
    throw error;
  } finally {
    await client.close();
  }
}

const refused = (path: string, wanted: string, got: string, cause?: unknown) =>
  new ConvNextV2Error('E_IMAGE', { path, wanted, got }, { cause });
