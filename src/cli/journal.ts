import { appendFile, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConvNextV2Error } from '../errors.js';
import { makeFolder, writeFileAtomically } from '../weights/atomic.js';
import type { Input } from './inputs.js';

/** The folder in an output folder for what the next run needs to know. */
export const STATE = '.convnextv2';

/** A picture that is done: what it was, and the files that were made of it, seen from the output folder. */
interface Entry extends Omit<Input, 'bytes'> {
  readonly size: number;
  /** In milliseconds since 1970. */
  readonly modified: number;
  readonly files: readonly string[];
}

/**
 * What is finished in an output folder, so that after a stop, or for more pictures, it need not be done again. It counts for
 * the same settings alone, as long as size and time of the picture are the same and its files are there.
 */
export interface Journal {
  /** By the name of the input. */
  readonly finished: ReadonlyMap<string, { readonly files: readonly string[] }>;
  /** Adds a picture whose files are written. Throws E_OUTPUT. */
  add(input: Input, files: readonly string[]): Promise<void>;
  /** When all is done: entries in the order of the inputs, and none of the half-written files of a run that was killed. */
  close(): Promise<void>;
}

/**
 * `settings` is a line with all that the files depend on besides the pictures; with `again` nothing counts as finished.
 * Throws E_OUTPUT.
 */
export async function openJournal(
  out: string,
  settings: string,
  inputs: readonly Input[],
  mode: 'skip' | 'again',
): Promise<Journal> {
  const path = join(out, STATE, 'journal.jsonl');
  const opened = Date.now();
  const stamps = new Map(await Promise.all(inputs.map(async (input) => [input.name, await stampOf(input)] as const)));
  const finished = new Map<string, Entry>();
  const isFinished = async ({ name, picture, size, modified, files }: Entry) => {
    const now = stamps.get(name);
    return now?.picture === picture && now.size === size && now.modified === modified && allThere(out, files);
  };
  /** By inputs: in whatever order they were done, and whatever was torn or is stale, the file is then the same. */
  const rewrite = async () => {
    const entries = inputs.flatMap(({ name }) => finished.get(name) ?? []);
    const text = [settings, ...entries.map((entry) => JSON.stringify(entry)), ''].join('\n');
    await makeFolder(dirname(path));
    await writeFileAtomically(path, (handle) => handle.writeFile(text));
  };

  const text = await readFile(path, 'utf8').catch(() => undefined);
  const [first, ...lines] = text?.split('\n') ?? [];
  for (const entry of first === settings && mode === 'skip' ? lines.flatMap(parse) : []) {
    if (await isFinished(entry)) finished.set(entry.name, entry);
  }
  // before a file is replaced: an entry may not outlive the files that it names
  if (text !== undefined) await rewrite();
  let isThere = text !== undefined;
  return {
    finished,
    async add({ name }, files) {
      const entry = { ...stamps.get(name)!, files };
      finished.set(name, entry);
      if (isThere) await append(path, `${JSON.stringify(entry)}\n`);
      else await rewrite();
      isThere = true;
    },
    async close() {
      if (!isThere) return;
      await rewrite();
      const files = [...finished.values()].flatMap((entry) => entry.files.map((file) => join(out, file)));
      for (const folder of new Set([out, ...[path, ...files].map(dirname)])) await removeHalves(folder, opened);
    },
  };
}

/** What tells whether a picture is the one that it was; of one that is not there, what no entry has. */
async function stampOf({ name, picture, bytes }: Input): Promise<Omit<Entry, 'files'>> {
  // standard input holds another picture each time
  if (bytes) return { name, picture, size: bytes.length, modified: Date.now() };
  const { size, mtimeMs } = await stat(picture).catch(() => ({ size: -1, mtimeMs: 0 }));
  return { name, picture, size, modified: mtimeMs };
}

async function allThere(out: string, files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(files.map((file) => stat(join(out, file)).catch(() => undefined)));
  return found.every((file) => file?.isFile());
}

/** The entry of a line; none where it was torn, or is nothing that we wrote. */
function parse(line: string): readonly Entry[] {
  try {
    const { files } = JSON.parse(line);
    return files.every((file: unknown) => typeof file === 'string') ? [JSON.parse(line)] : [];
  } catch {
    return [];
  }
}

async function append(path: string, line: string): Promise<void> {
  await appendFile(path, line).catch((cause) => {
    throw new ConvNextV2Error('E_OUTPUT', { path, wanted: 'a file that can be written', got: cause.code }, { cause });
  });
}

/** Removes what `writeFileAtomically` left half-written before this time, when it was killed. */
async function removeHalves(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.convnextv2-.*\.tmp$/.test(name)) continue;
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: before })); // another run may have ended just now
    if (mtimeMs < before) await rm(file, { force: true });
  }
}
