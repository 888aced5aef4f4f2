import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile, shippedConfigNames, shippedConfigPath } from '../config/package-files.js';
import { readJsonFile } from '../config/read-json.js';
import type { Checkpoint, ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { openSafetensors, openShardedSafetensors } from './checkpoint.js';

/** What a source name led to: a config, what goes with it, and a checkpoint where it has one. */
export interface ModelSource {
  readonly config: unknown;
  readonly origin: ConfigOrigin;
  /** The folder's preprocessor_config.json, where it has one. */
  readonly preprocessor: { readonly json: unknown; readonly file: string } | undefined;
  /** Absent where the source is a config alone: weights are then fresh. */
  readonly openCheckpoint: (() => Promise<Checkpoint>) | undefined;
}

const CONFIG = 'config.json';
const PREPROCESSOR = 'preprocessor_config.json';
const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Finds a model: a folder as `savePretrained` writes it, a .safetensors file or its .index.json with a config.json beside it,
 * a config file (.json), a file URL of any of these, or the name of a config that ships with the package.
 * Throws E_SOURCE where there is none, E_JSON, E_LIMIT.
 */
export async function openSource(source: string | URL): Promise<ModelSource> {
  const path = toPath(source);
  const kind = await kindOf(path);
  if (kind === 'folder') return fromFolder(path, await weightsIn(path));
  if (kind === 'file') {
    if (path.endsWith('.index.json')) return fromFolder(dirname(path), () => openShardedSafetensors(path));
    if (extname(path) === '.safetensors') return fromFolder(dirname(path), () => openSafetensors(path));
    if (extname(path) === '.json') return fromConfigFile(path);
    throw new ConvNextV2Error('E_SOURCE', {
      path,
      wanted: 'a folder, a .safetensors file, its .index.json, or a config (.json)',
      got: `a file ${basename(path)}`,
    });
  }
  const names = shippedConfigNames();
  if (names.includes(path)) return fromConfigFile(shippedConfigPath(path));
  throw new ConvNextV2Error('E_SOURCE', {
    path,
    wanted: 'a folder, a file, or the name of a config that ships with the package',
    got: 'none of these',
    suggestion:
      didYouMean(path, names) ??
      (/^[\w.-]+\/[\w.-]+$/.test(path)
        ? 'for a model of the Hub, download its files into a folder and give that'
        : `the configs are ${names.join(', ')}`),
  });
}

function toPath(source: string | URL): string {
  if (typeof source === 'string' && !source.startsWith('file:') && source !== '') return source;
  try {
    return fileURLToPath(source);
  } catch {
    throw new ConvNextV2Error('E_SOURCE', {
      path: 'source',
      wanted: 'a path, a file URL, or a name',
      got: show(source),
    });
  }
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

async function fromFolder(folder: string, openCheckpoint: () => Promise<Checkpoint>): Promise<ModelSource> {
  const file = join(folder, CONFIG);
  if ((await kindOf(file)) === undefined) {
    throw new ConvNextV2Error('E_SOURCE', { path: folder, wanted: `a ${CONFIG} beside the weights`, got: 'none' });
  }
  const preprocessor = join(folder, PREPROCESSOR);
  return {
    ...(await fromConfigFile(file)),
    preprocessor: (await kindOf(preprocessor)) && { json: await readJsonFile(preprocessor), file: preprocessor },
    openCheckpoint,
  };
}

async function weightsIn(folder: string): Promise<() => Promise<Checkpoint>> {
  const [weights, index] = [join(folder, WEIGHTS), join(folder, INDEX)];
  if ((await kindOf(weights)) === 'file') return () => openSafetensors(weights);
  if ((await kindOf(index)) === 'file') return () => openShardedSafetensors(index);
  if ((await kindOf(join(folder, CONFIG))) === undefined) {
    throw new ConvNextV2Error('E_SOURCE', {
      path: folder,
      wanted: `a folder with ${CONFIG} and ${WEIGHTS}`,
      got: `no ${CONFIG}`,
    });
  }
  throw new ConvNextV2Error('E_SOURCE', {
    path: folder,
    wanted: `${WEIGHTS} or ${INDEX}`,
    got: 'neither',
    suggestion: `for fresh weights, give ${join(folder, CONFIG)}`,
  });
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
 * The preprocessor_config.json of a source: the file itself, that of a folder, or `whereNone` where there is a config alone.
 * Throws E_SOURCE, E_JSON, E_LIMIT.
 */
export async function openPreprocessor(
  source: string | URL,
  whereNone: (imageSize: unknown) => Promise<unknown> = imageNetPreprocessor,
): Promise<{ readonly json: unknown; readonly file: string }> {
  const path = toPath(source);
  if ((await kindOf(path)) === 'folder') {
    const [file, config] = [join(path, PREPROCESSOR), join(path, CONFIG)];
    if ((await kindOf(file)) || !(await kindOf(config))) return { json: await readJsonFile(file), file };
    return openPreprocessor(config, whereNone);
  }
  const { config, origin, preprocessor } = await openSource(source);
  if (preprocessor) return preprocessor;
  // a JSON file that is no model's config can only be meant as the preprocessor's own, whatever its name
  const { model_type, image_size } = Object(config);
  if (model_type === undefined) return { json: config, file: origin.file };
  return { json: await whereNone(image_size), file: origin.file };
}
