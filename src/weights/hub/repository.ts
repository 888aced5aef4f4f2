import { ConvNextV2Error } from '../../errors.js';
import { COMMIT, type RepositoryCache, repositoryCache } from './cache.js';
import { type Answer, discard, openClient, problem, statusProblem } from './http.js';
import { type HubOptions, type HubSettings, hubSettings } from './settings.js';
import { exists, transfer } from './transfer.js';

/** A model on the Hub. Its files come when they are asked for, and stay in the cache. */
export interface Repository {
  /** The path of a file, fetched where it is not there yet; undefined where the repository has none. */
  file(name: string): Promise<string | undefined>;
}

/** What the server says of a file. */
interface Description {
  readonly commit: string;
  /** Undefined where there is no such file. */
  readonly etag: string | undefined;
  readonly size: number | undefined;
}

/**
 * A model of the Hub by its id, as Python's client fetches it: the same cache, the same variables of the environment. All files
 * are of one commit. Throws E_ARGUMENT for options that cannot be. `file` throws E_SOURCE where the Hub has no such model or
 * revision, or none is at hand and nobody may be asked; E_NETWORK, E_OUTPUT, E_ABORTED.
 */
export async function openRepository(id: string, options: HubOptions = {}): Promise<Repository> {
  const { revision = 'main', subfolder } = options;
  checkName('revision', revision);
  if (subfolder !== undefined) checkName('subfolder', subfolder);
  const settings = await hubSettings(options);
  const cache = repositoryCache(settings.cache, id);
  let { isOffline } = settings;
  let commit = COMMIT.test(revision) ? revision : undefined;
  return {
    async file(name) {
      const file = subfolder === undefined ? name : `${subfolder}/${name}`;
      checkName('file', file);
      const known = commit === undefined ? undefined : await lookUp(cache, commit, file);
      if (known) return known.path;
      if (!isOffline) {
        try {
          const fetched = await fetchFile({ id, revision: commit ?? revision, settings, cache }, file);
          commit = fetched.commit;
          return fetched.path;
        } catch (error) {
          // what was fetched before will do where nobody can be reached
          const isUnreachable = error instanceof ConvNextV2Error && error.code === 'E_NETWORK';
          const cached = isUnreachable ? await cache.commitOf(revision) : undefined;
          if (cached === undefined || !(await exists(cache.snapshot(cached, '')))) throw explain(error, id);
          isOffline = true;
        }
      }
      commit ??= await cachedCommit(id, revision, cache);
      return (await lookUp(cache, commit, file))?.path;
    },
  };
}

/** A misspelt folder looks like a model of the Hub. */
function explain(error: unknown, id: string): unknown {
  if (!(error instanceof ConvNextV2Error) || !['E_NETWORK', 'E_SOURCE'].includes(error.code)) return error;
  const meant = `no file or folder here is called ${id}, so it was taken for a model of the Hub`;
  const problems = error.problems.map(({ suggestion, ...problem }) => {
    return { ...problem, suggestion: suggestion === undefined ? meant : `${suggestion}; ${meant}` };
  });
  return new ConvNextV2Error(error.code, problems, { cause: error.cause });
}

/** What is known of a file without asking: where it is, or that there is none. */
async function lookUp(cache: RepositoryCache, commit: string, file: string) {
  const path = cache.snapshot(commit, file);
  if (await exists(path)) return { path };
  return (await cache.isKnownMissing(commit, file)) ? { path: undefined } : undefined;
}

async function cachedCommit(id: string, revision: string, cache: RepositoryCache): Promise<string> {
  const commit = await cache.commitOf(revision);
  if (commit !== undefined) return commit;
  throw new ConvNextV2Error('E_SOURCE', {
    path: id,
    wanted: `revision ${revision} in the cache, since nobody may be asked`,
    got: 'none',
    suggestion: 'fetch it once without localFilesOnly and HF_HUB_OFFLINE',
  });
}

interface Fetching {
  readonly id: string;
  readonly revision: string;
  readonly settings: HubSettings;
  readonly cache: RepositoryCache;
}

async function fetchFile(fetching: Fetching, file: string): Promise<{ path: string | undefined; commit: string }> {
  const { id, revision, settings, cache } = fetching;
  const address = (revision: string) => {
    const path = [...id.split('/'), 'resolve', revision, ...file.split('/')].map(encodeURIComponent).join('/');
    return new URL(`${settings.endpoint}/${path}`);
  };
  const client = await openClient(settings);
  try {
    const url = address(revision);
    const answer = await client.ask('HEAD', url, { redirects: 'relative', headers: { 'accept-encoding': 'identity' } });
    discard(answer);
    const { commit, etag, size } = await describe(fetching, url, answer, file);
    await cache.rememberCommit(revision, commit);
    if (etag === undefined) return { path: undefined, commit };
    const path = cache.snapshot(commit, file);
    if (await exists(path)) return { path, commit };
    const target = { path: cache.blob(etag), lock: cache.lock(etag), name: file };
    await transfer(client, settings, { url: address(commit), ...target, size, checksum: etag });
    await cache.link(commit, file, etag);
    return { path, commit };
  } finally {
    await client.close();
  }
}

/** What the headers say. */
async function describe(
  { id, cache }: Fetching,
  url: URL,
  { status, headers }: Answer,
  file: string,
): Promise<Description> {
  const header = (name: string) => (typeof headers[name] === 'string' ? (headers[name] as string) : undefined);
  const [commit, code] = [header('x-repo-commit'), header('x-error-code')];
  if (status === 404 && code === 'EntryNotFound' && commit !== undefined) {
    await cache.rememberMissing(commit, file);
    return { commit, etag: undefined, size: undefined };
  }
  if (status === 404) {
    const got = code === 'RevisionNotFound' ? 'no such revision' : (code ?? 'none');
    throw new ConvNextV2Error('E_SOURCE', { path: id, wanted: `a model at ${url.origin}`, got });
  }
  const isRedirect = status >= 300 && status < 400;
  if (status !== 200 && !isRedirect) throw statusProblem(url, status, code);
  const etag = (header('x-linked-etag') ?? header('etag'))?.replace(/^W\//, '').replaceAll('"', '');
  if (commit === undefined || !COMMIT.test(commit) || etag === undefined || !/^\w[\w.-]{0,127}$/.test(etag)) {
    throw problem(url, "the Hub's headers X-Repo-Commit and ETag", 'none that are in order');
  }
  const size = header('x-linked-size') ?? (isRedirect ? undefined : header('content-length'));
  return { commit, etag, size: size === undefined || !/^\d+$/.test(size) ? undefined : Number(size) };
}

/** Parts of paths, in an address and in the cache. */
function checkName(path: string, name: string): void {
  const parts = typeof name === 'string' ? name.split('/') : [''];
  const isSound = parts.every((part) => /^[^\\:*?"<>|\p{Cc}]+$/u.test(part) && part !== '.' && part !== '..');
  if (isSound) return;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path,
    wanted: 'a name without "..", and parts that are not empty',
    got: String(name),
  });
}
