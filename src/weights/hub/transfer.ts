import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ConvNextV2Error } from '../../errors.js';
import { makeFolder } from '../atomic.js';
import { type Client, discard, problem, reasonOf, statusProblem } from './http.js';
import { whileLocked } from './lock.js';
import type { HubSettings } from './settings.js';

/** Of a file whose size nobody says: more than any checkpoint has. */
const MAX_BYTES = 2 ** 36;

/** A file to fetch, and what is known of it beforehand. */
export interface Transfer {
  readonly url: URL;
  /** Where it goes; what is there already is taken as it is. */
  readonly path: string;
  /** Where the lock lies that keeps other processes out. */
  readonly lock: string;
  /** For messages and progress. */
  readonly name: string;
  /** In bytes. */
  readonly size?: number;
  /** In hexadecimal: 64 digits are SHA-256 of the bytes, 40 are git's SHA-1 of a file. Anything else is not checked. */
  readonly checksum?: string;
}

/**
 * Fetches a file: under a lock, going on where an earlier attempt stopped if its checksum is known, checked, and put in its
 * place whole or not at all.
 * Throws E_NETWORK, E_OUTPUT, E_ABORTED.
 */
export async function transfer(client: Client, settings: HubSettings, wanted: Transfer): Promise<void> {
  const { path, lock } = wanted;
  if (await exists(path)) return;
  await makeFolder(dirname(path));
  await makeFolder(dirname(lock));
  await whileLocked(lock, settings.signal, async () => {
    if (await exists(path)) return; // another process was first
    const partial = `${path}.convnextv2-partial`;
    // of an earlier attempt: nobody would notice that the rest is of another version
    if (wanted.checksum === undefined) await rm(partial, { force: true });
    await fetchWhole(client, settings, wanted, partial);
    await writing(path, async () => {
      const handle = await open(partial, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(partial, path);
    });
  });
}

/** The whole file in `partial`, checked. What is wrong by its checksum is fetched once more from the start. */
async function fetchWhole(client: Client, settings: HubSettings, wanted: Transfer, partial: string): Promise<void> {
  const { url, checksum, size } = wanted;
  for (const isLast of [false, true]) {
    const found = await fetchBytes(client, settings, wanted, partial);
    const got = await wrong(partial, found, size, checksum);
    if (got === undefined) return;
    await rm(partial, { force: true });
    if (isLast) throw problem(url, 'the file as it was published', got);
  }
}

/** What is wrong with a file that has come in, if anything. */
async function wrong(
  path: string,
  found: number,
  size: number | undefined,
  checksum: string | undefined,
): Promise<string | undefined> {
  if (size !== undefined && found !== size) return `${found} bytes in place of ${size}`;
  if (checksum === undefined || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(checksum)) return undefined;
  const hash = checksum.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${found}\0`);
  const sum = await hashFile(path, hash);
  return sum === checksum ? undefined : `one with the checksum ${sum} in place of ${checksum}`;
}

async function hashFile(path: string, hash: Hash): Promise<string> {
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

/** Adds to `partial` until the server says that it has all; attempts that bring bytes are not counted as failed. */
async function fetchBytes(client: Client, settings: HubSettings, wanted: Transfer, partial: string): Promise<number> {
  const { url, size } = wanted;
  for (let retry = 1; ; retry++) {
    const start = await sizeOf(partial);
    if (start > 0 && size !== undefined && start >= size) return start;
    try {
      return await fetchRest(client, settings, wanted, partial, start);
    } catch (cause) {
      if (cause instanceof ConvNextV2Error) throw cause;
      if ((await sizeOf(partial)) > start) retry = 1;
      await client.waitToRetry(retry, url, { got: reasonOf(cause), cause });
    }
  }
}

async function fetchRest(
  client: Client,
  settings: HubSettings,
  wanted: Transfer,
  partial: string,
  start: number,
): Promise<number> {
  const { url, name, size } = wanted;
  const headers = { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) };
  const answer = await client.ask('GET', url, { headers });
  const [, begin] = /^bytes (\d+)-/.exec(String(answer.headers['content-range'])) ?? [];
  const isRest = answer.status === 206 && Number(begin) === start;
  if (start > 0 && (answer.status === 416 || (answer.status === 206 && !isRest))) {
    // what is there is no beginning of what the server has
    discard(answer);
    await rm(partial, { force: true });
    return fetchRest(client, settings, wanted, partial, 0);
  }
  if (answer.status !== 200 && !isRest) {
    discard(answer);
    throw statusProblem(url, answer.status);
  }
  let done = isRest ? start : 0;
  const total = size ?? done + Number(answer.headers['content-length']);
  const openPartial = () => writing(partial, () => open(partial, isRest ? 'a' : 'w'));
  let handle: FileHandle | undefined;
  try {
    // reading begins at once: what has come is lost where a connection breaks before anybody asks for it
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      handle ??= await openPartial();
      const file = handle;
      await writing(partial, () => file.writeFile(chunk));
      done += chunk.length;
      if (done > (size ?? MAX_BYTES)) throw problem(url, `at most ${size ?? MAX_BYTES} bytes`, 'more');
      settings.onProgress?.({ phase: 'download', done, total, name });
    }
    handle ??= await openPartial(); // of an empty file
  } finally {
    await handle?.close();
  }
  return done;
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Runs what writes to the cache; what the system says against it becomes an error of ours. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ConvNextV2Error) throw cause;
    const got = String(Object(cause).code ?? cause);
    throw new ConvNextV2Error('E_OUTPUT', { path, wanted: 'a cache that can be written', got }, { cause });
  }
}
