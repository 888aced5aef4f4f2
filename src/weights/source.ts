import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile, shippedConfigNames, shippedConfigPath } from '../config/package-files.js';
import { readJsonFile } from '../config/read-json.js';
import type { Checkpoint, ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { openCheckpoint } from './open-checkpoint.js';
import { isTimmConfig, timmPreprocessor } from './timm-config.js';
import type { CheckpointOptions } from './torch.js';

/** How a source is found and read. */
export interface SourceOptions extends CheckpointOptions {
  /** Whose names the tensors have, as `timm`. Default: recognised from the names themselves. */
  readonly format?: string;
  /** In place of the source's own config, for weights that come without one. */
  readonly config?: { toJSON(): Readonly<Record<string, unknown>> };
}

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
 * with a config.json beside it or none; a config file (.json); a file URL of any of these; or the name of a config that ships
 * with the package. Throws E_SOURCE where there is none, E_JSON, E_LIMIT.
 */
export async function openSource(source: string | URL, options: SourceOptions = {}): Promise<ModelSource> {
  const path = toPath(source);
  const kind = await kindOf(path);
  if (kind === 'folder') return fromFolder(path, await weightsIn(path), options);
  if (kind === 'file') {
    if (extname(path) === '.json' && !path.endsWith('.index.json')) return fromConfigFile(path);
    return fromFolder(dirname(path), path, options);
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

async function fromFolder(folder: string, weights: string, options: SourceOptions): Promise<ModelSource> {
  const [config, preprocessor] = [join(folder, CONFIG), join(folder, PREPROCESSOR)];
  const openWeights = () => openCheckpoint(weights, options);
  if ((await kindOf(config)) === undefined) {
    const origin = { file: weights, unknownKeys: 'keep' } as const;
    return {
      config: undefined,
      origin,
      preprocessor: await readPreprocessor(preprocessor),
      openCheckpoint: openWeights,
    };
  }
  const found = await fromConfigFile(config);
  const ofTimm = isTimmConfig(found.config) ? { json: timmPreprocessor(found.config), file: config } : undefined;
  return { ...found, preprocessor: (await readPreprocessor(preprocessor)) ?? ofTimm, openCheckpoint: openWeights };
}

async function readPreprocessor(file: string): Promise<ModelSource['preprocessor']> {
  return (await kindOf(file)) && { json: await readJsonFile(file), file };
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

/**
 * ImageNet's preprocessing at a config's image_size (the longer side of two; 224 where it has none), for models whose source
 * says nothing: as the published checkpoints' files have it.
 */
export async function imageNetPreprocessor(imageSize: unknown): Promise<Readonly<Record<string, unknown>>> {
  const given: readonly unknown[] = [imageSize].flat();
  const sides = given.slice(0, 2).filter((side): side is number => Number.isInteger(side));
  const { $schema, ...shipped } = Object(
    await readJsonFile(packageFile('configs', 'preprocessors', 'imagenet-224.json')),
  );
  return { ...shipped, size: { shortest_edge: sides.length > 0 ? Math.max(...sides) : 224 } };
}

/**
 * The preprocessor_config.json of a source: the file itself, that of a folder, or ImageNet's where there is a config alone.
 * Throws E_SOURCE, E_JSON, E_LIMIT.
 */
export async function openPreprocessor(
  source: string | URL,
): Promise<{ readonly json: unknown; readonly file: string }> {
  const path = toPath(source);
  if ((await kindOf(path)) === 'folder') {
    const [file, config] = [join(path, PREPROCESSOR), join(path, CONFIG)];
    if ((await kindOf(file)) || !(await kindOf(config))) return { json: await readJsonFile(file), file };
    return openPreprocessor(config);
  }
  const { config, origin, preprocessor } = await openSource(source);
  if (preprocessor) return preprocessor;
  if (isTimmConfig(config)) return { json: timmPreprocessor(config), file: origin.file };
  // a JSON file that is no model's config can only be meant as the preprocessor's own, whatever its name
  const { model_type, image_size } = Object(config);
  if (model_type === undefined && config !== undefined) return { json: config, file: origin.file };
  return { json: await imageNetPreprocessor(image_size), file: origin.file };
}
