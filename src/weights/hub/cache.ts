import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { makeFolder, writeFileAtomically } from '../atomic.js';
import { exists, writing } from './transfer.js';

/** What git calls a commit. */
export const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A repository in the cache, in the layout of Python's huggingface_hub: `blobs/ETAG` hold the bytes, `refs/REVISION` the commit
 * that a branch or tag stood at, `snapshots/COMMIT/FILE` are links to blobs, `.no_exist/COMMIT/FILE` say what is not there.
 */
export interface RepositoryCache {
  /** The commit that a revision was at, when it was last asked for. */
  commitOf(revision: string): Promise<string | undefined>;
  rememberCommit(revision: string, commit: string): Promise<void>;
  /** Where a file of a commit is or would be. */
  snapshot(commit: string, file: string): string;
  blob(etag: string): string;
  lock(etag: string): string;
  /** Makes a file of a commit out of a blob that is there. */
  link(commit: string, file: string, etag: string): Promise<void>;
  isKnownMissing(commit: string, file: string): Promise<boolean>;
  rememberMissing(commit: string, file: string): Promise<void>;
}

/** The cache of the model `id`, as `facebook/convnextv2-tiny-1k-224`. */
export function repositoryCache(cache: string, id: string): RepositoryCache {
  const name = `models--${id.replace('/', '--')}`;
  const folder = join(cache, name);
  const snapshot = (commit: string, file: string) => join(folder, 'snapshots', commit, ...file.split('/'));
  const missing = (commit: string, file: string) => join(folder, '.no_exist', commit, ...file.split('/'));
  const write = async (path: string, text: string) => {
    await makeFolder(dirname(path));
    await writeFileAtomically(path, (handle) => handle.writeFile(text));
  };
  return {
    snapshot,
    blob: (etag) => join(folder, 'blobs', etag),
    // not Python's own lock, which is of another kind
    lock: (etag) => join(cache, '.locks', name, `${etag}.convnextv2.lock`),
    async commitOf(revision) {
      if (COMMIT.test(revision)) return revision;
      const text = await readFile(join(folder, 'refs', ...revision.split('/')), 'utf8').catch(() => '');
      return COMMIT.test(text.trim()) ? text.trim() : undefined;
    },
    async rememberCommit(revision, commit) {
      if (revision !== commit) await write(join(folder, 'refs', ...revision.split('/')), commit);
    },
    async link(commit, file, etag) {
      const path = snapshot(commit, file);
      await makeFolder(dirname(path));
      const target = relative(dirname(path), join(folder, 'blobs', etag))
        .split(sep)
        .join('/');
      const temporary = join(dirname(path), `.convnextv2-${randomUUID()}.tmp`);
      await writing(path, async () => {
        await symlink(target, temporary);
        await rename(temporary, path).catch(async (error) => {
          await rm(temporary, { force: true });
          throw error;
        });
      });
    },
    isKnownMissing: (commit, file) => exists(missing(commit, file)),
    rememberMissing: (commit, file) => write(missing(commit, file), ''),
  };
}
