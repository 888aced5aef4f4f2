import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile, shippedConfigNames, shippedConfigPath } from '../config/package-files.js';
import { readJsonFile } from '../config/read-json.js';
import type { Checkpoint, ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, requireThat, show } from '../errors.js';
import { makeFolder, writeJson } from './atomic.js';
import { readShardNames } from './checkpoint.js';
import { openRepository, type Repository } from './hub/repository.js';
import type { HubOptions } from './hub/settings.js';
import { fetchUrl } from './hub/url.js';
import { looksLikePath, noSuchPath } from './missing-path.js';
import { openCheckpoint } from './open-checkpoint.js';
import { isTimmConfig, timmPreprocessor } from './timm-config.js';
import type { CheckpointOptions } from './torch.js';

/** How a source is found and read. */
export interface SourceOptions extends CheckpointOptions, HubOptions {
  /** Whose names the tensors have, as `timm`. Default: recognised from the names themselves. */
  readonly format?: string;
  /** In place of the source's own config, for weights that come without one: a config, or a source of one, as a shipped name. */
  readonly config?: string | URL | { toJSON(): Readonly<Record<string, unknown>> };
  /**
   * Whether pictures are prepared at the test size of timm's config.json (`test_input_size`, `test_crop_pct`), where it has one, as
   * timm's validation does. Default false: at the input size, as on timm's model cards.
   */
  readonly useTestSize?: boolean;
}

/** How the preprocessor of a source is found and read. */
export type PreprocessorOptions = HubOptions & Pick<SourceOptions, 'useTestSize'>;

/** What a source name led to: a config, what goes with it, and a checkpoint where it has one. */
export interface ModelSource {
  /** Undefined for weights with no config beside them: see `openConfigured`. */
  readonly config: unknown;
  readonly origin: ConfigOrigin;
  /** The folder's preprocessor_config.json, where it has one. */
  readonly preprocessor: { readonly json: unknown; readonly file: string } | undefined;
  /** Absent where the source is a config alone: weights are then fresh. */
  readonly openCheckpoint: (() => Promise<Checkpoint>) | undefined;
}

const CONFIG = 'config.json';
const PREPROCESSOR = 'preprocessor_config.json';

/** The files of weights that a folder may have, the first that is there is taken. */
export const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'tf_model.h5',
] as const;

/**
 * Finds a model: a folder as `savePretrained` writes it; a file of weights (see `openCheckpoint`), or the index of several,
 * with a config.json beside it or none; a config file (.json); a file URL of any of these; the name of a config that ships
 * with the package; the id of a model of the Hub; or the https URL of a file. The weights of the Hub come when they are opened.
 * Throws E_SOURCE where there is none, E_JSON, E_LIMIT, E_NETWORK, E_ABORTED, E_OUTPUT for a cache that cannot be written.
 */
export async function openSource(source: string | URL, options: SourceOptions = {}): Promise<ModelSource> {
  const found = await locate(source, options);
  if ('repository' in found) return fromRepository(found.id, found.repository, options);
  const { path } = found;
  if ((await kindOf(path)) === 'folder') return fromFolder(path, await weightsIn(path), options);
  if (extname(path) === '.json' && !path.endsWith('.index.json')) return fromConfigFile(path);
  return fromFolder(dirname(path), path, options);
}

type Located = { readonly path: string } | { readonly id: string; readonly repository: Repository };

/** What a source means: a path that is there, or a model of the Hub. */
async function locate(source: string | URL, options: HubOptions): Promise<Located> {
  const url = /^https?:\/\//.test(String(source)) && URL.canParse(source) ? new URL(source) : undefined;
  if (url) return { path: await fetchUrl(url, options) };
  const path = toPath(source);
  if (await kindOf(path)) return { path };
  const names = shippedConfigNames();
  if (names.includes(path)) return { path: shippedConfigPath(path) };
  if (await looksLikePath(path)) throw await noSuchPath(path);
  if (HUB_ID.test(path)) return { id: path, repository: await openRepository(path, options) };
  const neighbours = await readdir(dirname(path)).catch(() => []);
  throw new ConvNextV2Error('E_SOURCE', {
    path,
    wanted:
      'a folder, a file, a URL, a model of the Hub (OWNER/NAME), or the name of a config that ships with the package',
    got: 'none of these',
    suggestion:
      didYouMean(path, names) ??
      didYouMean(basename(path), neighbours) ??
      `the configs of backbones are ${shippedConfigNames('backbones').join(', ')}`,
  });
}

/** As the Hub allows them: OWNER/NAME. */
const HUB_ID = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

function toPath(source: string | URL): string {
  if (typeof source === 'string' && !source.startsWith('file:') && source !== '') return source;
  try {
    return fileURLToPath(source);
  } catch {
    throw new ConvNextV2Error('E_SOURCE', {
      path: 'source',
      wanted: 'a path, a URL, or a name',
      got: show(source),
    });
  }
}

async function fromRepository(id: string, { file }: Repository, options: SourceOptions): Promise<ModelSource> {
  const config = await file(CONFIG);
  const preprocessor = await file(PREPROCESSOR);
  return {
    ...(await readConfigs(config, preprocessor, id, options)),
    async openCheckpoint() {
      for (const name of WEIGHTS) {
        const path = await file(name);
        if (path === undefined) continue;
        if (name.endsWith('.index.json')) for (const shard of await readShardNames(path)) await file(shard);
        return openCheckpoint(path, { key: options.key });
      }
      throw new ConvNextV2Error('E_SOURCE', {
        path: id,
        wanted: `one of ${WEIGHTS.join(', ')}`,
        got: 'none of them',
        suggestion: 'where the server was not reached: fetch it once with the network',
      });
    },
  };
}

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? 'folder' : found?.isFile() ? 'file' : undefined;
}

async function fromConfigFile(file: string): Promise<ModelSource> {
  return {
    config: await readJsonFile(file),
    origin: { file, unknownKeys: basename(file) === CONFIG ? 'keep' : 'refuse' },
    preprocessor: undefined,
    openCheckpoint: undefined,
  };
}

async function fromFolder(folder: string, weights: string, options: SourceOptions): Promise<ModelSource> {
  const there = async (name: string) => ((await kindOf(join(folder, name))) ? join(folder, name) : undefined);
  return {
    ...(await readConfigs(await there(CONFIG), await there(PREPROCESSOR), weights, options)),
    openCheckpoint: () => openCheckpoint(weights, { key: options.key }),
  };
}

/** The config and the preprocessor of weights, where they have any; `weights` is for messages. */
async function readConfigs(
  config: string | undefined,
  preprocessor: string | undefined,
  weights: string,
  options: SourceOptions,
) {
  const own = preprocessor === undefined ? undefined : { json: await readJsonFile(preprocessor), file: preprocessor };
  if (config === undefined) {
    const origin = { file: weights, unknownKeys: 'keep' } as const;
    return { config: undefined, origin, preprocessor: own };
  }
  const found = await fromConfigFile(config);
  const ofTimm = isTimmConfig(found.config)
    ? { json: timmPreprocessor(found.config, options), file: config }
    : undefined;
  return { ...found, preprocessor: own ?? ofTimm };
}

async function weightsIn(folder: string): Promise<string> {
  for (const name of WEIGHTS) {
    const file = join(folder, name);
    if ((await kindOf(file)) === 'file') return file;
  }
  const hasConfig = (await kindOf(join(folder, CONFIG))) !== undefined;
  throw new ConvNextV2Error('E_SOURCE', {
    path: folder,
    wanted: hasConfig ? `one of ${WEIGHTS.join(', ')}` : `a folder with ${CONFIG} and ${WEIGHTS[0]}`,
    got: hasConfig ? 'none of them' : `no ${CONFIG}`,
    suggestion: hasConfig ? `for fresh weights, give ${join(folder, CONFIG)}` : undefined,
  });
}

/** Throws E_ARGUMENT for a folder to write to that is not a path. */
export function checkFolder(folder: unknown): void {
  requireThat('folder', typeof folder === 'string' && folder !== '', 'the path of a folder', folder);
}

/** Writes preprocessor_config.json into a folder, which is made where it is missing. Throws E_OUTPUT, E_ARGUMENT. */
export async function savePreprocessor(folder: string, json: unknown): Promise<void> {
  checkFolder(folder);
  await makeFolder(folder);
  await writeJson(join(folder, PREPROCESSOR), json);
}

/** A preprocessor_config.json that ships with the package. */
export async function shippedPreprocessor(
  name: 'imagenet-224' | 'ade20k-512',
): Promise<Readonly<Record<string, unknown>>> {
  const { $schema, ...shipped } = Object(await readJsonFile(packageFile('configs', 'preprocessors', `${name}.json`)));
  return shipped;
}

/**
 * ImageNet's preprocessing at a config's image_size (the longer side of two; 224 where it has none), for models whose source
 * says nothing: as the published checkpoints' files have it.
 */
export async function imageNetPreprocessor(imageSize: unknown): Promise<Readonly<Record<string, unknown>>> {
  const given: readonly unknown[] = [imageSize].flat();
  const sides = given.slice(0, 2).filter((side): side is number => Number.isInteger(side));
  const shipped = await shippedPreprocessor('imagenet-224');
  return { ...shipped, size: { shortest_edge: sides.length > 0 ? Math.max(...sides) : 224 } };
}

/**
 * The preprocessor_config.json of a source: the file itself, that of a folder or a model of the Hub, or `whereNone` where there is
 * a config alone, or weights. Throws as `openSource`.
 */
export async function openPreprocessor(
  source: string | URL,
  options: SourceOptions = {},
  whereNone: (imageSize: unknown) => Promise<unknown> = imageNetPreprocessor,
): Promise<{ readonly json: unknown; readonly file: string }> {
  const found = await locate(source, options);
  if ('path' in found && (await kindOf(found.path)) === 'folder') {
    const [file, config] = [join(found.path, PREPROCESSOR), join(found.path, CONFIG)];
    if ((await kindOf(file)) || !(await kindOf(config))) return { json: await readJsonFile(file), file };
    return openPreprocessor(config, options, whereNone);
  }
  const { config, origin, preprocessor } = await openSource('path' in found ? found.path : source, options);
  if (preprocessor) return preprocessor;
  // a config in place of the source's own also says how large its pictures are
  const { config: given, ...others } = options;
  if (typeof given === 'string' || given instanceof URL) {
    return openPreprocessor(
      given,
      { ...others, revision: undefined, subfolder: undefined, sha256: undefined },
      whereNone,
    );
  }
  if (given) return { json: await whereNone(given.toJSON().image_size), file: origin.file };
  if (isTimmConfig(config)) return { json: timmPreprocessor(config, options), file: origin.file };
  // a JSON file that is no model's config can only be meant as the preprocessor's own, whatever its name
  const { model_type, image_size } = Object(config);
  if (model_type === undefined && config !== undefined) return { json: config, file: origin.file };
  return { json: await whereNone(image_size), file: origin.file };
}
