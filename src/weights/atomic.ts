import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConvNextV2Error } from '../errors.js';

/**
 * Writes a file in full or not at all: `write` fills a temporary file in the same folder, which then takes the place of
 * `path`. After an error or a crash the file that was there before still is; after an error nothing else is left.
 * Throws E_OUTPUT where the file cannot be written, and what `write` throws.
 */
export async function writeFileAtomically(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.convnextv2-${randomUUID()}.tmp`);
  try {
    await writeAndSync(temporary, write);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw asOutputError(cause, path, 'a file that can be written');
  }
}

async function writeAndSync(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the system and Node say about files carries a code, as EACCES; anything else is `write`'s own affair. */
function asOutputError(cause: unknown, path: string, wanted: string): unknown {
  if (cause instanceof ConvNextV2Error || !(cause instanceof Error) || !('code' in cause)) return cause;
  const got = cause.code === 'EEXIST' ? 'a file' : `${cause.code}`;
  return new ConvNextV2Error('E_OUTPUT', { path, wanted, got }, { cause });
}

/**
 * Makes a folder and those above it. Not by mkdir's `recursive`, which never ends where a folder such as /proc has room for
 * none. Throws E_OUTPUT.
 */
export async function makeFolder(folder: string): Promise<void> {
  const isThere = async () => (await stat(folder).catch(() => undefined))?.isDirectory();
  if (await isThere()) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  await mkdir(folder).catch(async (cause) => {
    if (!(await isThere())) throw asOutputError(cause, folder, 'a folder to write to');
  });
}

/** Writes a file of JSON, whole or not at all. Throws E_OUTPUT. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomically(path, async (handle) => {
    await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
  });
}
