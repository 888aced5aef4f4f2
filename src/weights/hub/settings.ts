import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvNextV2Error } from '../../errors.js';
import { type Environment, expandPath } from './expand-path.js';

/** How a model of the Hub, or behind a URL, is fetched. */
export interface HubOptions {
  /** A branch, a tag or a commit. Default `main`. */
  readonly revision?: string;
  /** The folder of the repository that the model lies in. Default: its top. */
  readonly subfolder?: string;
  /**
   * Where files are kept, as Python's client keeps them; `~` and `$NAME` are expanded. Default: HF_HUB_CACHE, or HF_HOME/hub, or
   * ~/.cache/huggingface/hub.
   */
  readonly cacheDir?: string;
  /** Whether to take what is there already, and ask nobody. Default: HF_HUB_OFFLINE. */
  readonly localFilesOnly?: boolean;
  /** For private models; false for none. Default: HF_TOKEN, or what `huggingface-cli login` has kept. */
  readonly token?: string | false;
  /** The checksum that the file behind a plain URL has to have. */
  readonly sha256?: string;
  /** Stops a download. */
  readonly signal?: AbortSignal;
  /** Called as bytes come in, and as tensors are read: those so far, those in all, of this file or tensor. */
  readonly onProgress?: (progress: Progress) => void;
}

/** How far the work is. */
export interface Progress {
  readonly phase: 'download' | 'load';
  /** In bytes; of tensors, as float32. */
  readonly done: number;
  readonly total: number;
  /** Of the file, or of the tensor. */
  readonly name: string;
}

/** What the environment and the options say, in the words of Python's client. */
export interface HubSettings {
  /** Of the server, without a slash at its end. */
  readonly endpoint: string;
  /** The folder of repositories. */
  readonly cache: string;
  /** The folder of files that have a URL alone. */
  readonly downloads: string;
  readonly isOffline: boolean;
  readonly token: string | undefined;
  /** Milliseconds without a byte until a connection is given up. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: HubOptions['onProgress'];
}

const TRUE = ['1', 'ON', 'YES', 'TRUE'];

/** Seconds; the default of Python's client. */
const DEFAULT_TIMEOUT = 10;

/** Throws E_ARGUMENT for a setting that cannot be. */
export async function hubSettings(options: HubOptions, env: Environment = process.env): Promise<HubSettings> {
  const expand = (path: string) => expandPath(path, env);
  const home = expand(env.HF_HOME || join(env.XDG_CACHE_HOME || join('~', '.cache'), 'huggingface'));
  const seconds = Number(env.HF_HUB_DOWNLOAD_TIMEOUT || DEFAULT_TIMEOUT);
  const own = options.cacheDir === undefined ? undefined : expand(options.cacheDir);
  const cache = own ?? expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub'));
  return {
    endpoint: checkEndpoint(env.HF_ENDPOINT || 'https://huggingface.co'),
    cache,
    downloads: join(own ?? home, 'convnextv2'),
    isOffline: options.localFilesOnly ?? TRUE.includes((env.HF_HUB_OFFLINE ?? '').toUpperCase()),
    token: options.token === false ? undefined : (options.token ?? (await standingToken(home, env))),
    patience: seconds > 0 ? 1000 * seconds : 1000 * DEFAULT_TIMEOUT,
    signal: options.signal,
    onProgress: options.onProgress,
  };
}

function checkEndpoint(endpoint: string): string {
  if (/^https?:\/\//.test(endpoint) && URL.canParse(endpoint)) return endpoint.replace(/\/+$/, '');
  throw new ConvNextV2Error('E_ARGUMENT', { path: 'HF_ENDPOINT', wanted: 'an http(s) address', got: endpoint });
}

async function standingToken(home: string, env: Environment): Promise<string | undefined> {
  if (TRUE.includes((env.HF_HUB_DISABLE_IMPLICIT_TOKEN ?? '').toUpperCase())) return undefined;
  const file = expandPath(env.HF_TOKEN_PATH || join(home, 'token'), env);
  const kept = () => readFile(file, 'utf8').catch(() => '');
  return (env.HF_TOKEN || (await kept())).trim() || undefined;
}
