import type { Layout, Selection } from '../contracts.js';
import { checkKnown } from '../errors.js';
import type { Registry } from '../registry.js';
import type { ClassOptions } from './classes.js';
import type { FillOptions } from './match.js';
import type { SourceOptions } from './source.js';

/** Options of every `fromConfig`. */
export interface ModelOptions {
  /** For fresh weights: the same seed gives the same ones. Default: others each time. */
  readonly seed?: number;
  /** The axes that `forward` takes and gives. Default NHWC. */
  readonly layout?: Layout;
  /** Where the plugins are. Default: that of the front door, with the built-in plugins. */
  readonly registry?: Registry;
}

/** Options of every `fromPretrained`. */
export interface PretrainedOptions
  extends ModelOptions,
    Selection,
    ClassOptions,
    Omit<FillOptions, 'prefix' | 'ownShapes'>,
    SourceOptions {
  /** `random`: the source's config alone is used, and all weights are fresh. Default: the source's own weights. */
  readonly weights?: 'random';
}

/** Options of `fromConfig` where it is given a source: of that the config alone is used. */
export type FreshOptions = Omit<PretrainedOptions, 'strict' | 'weights'>;

/** All options of every `fromPretrained`. */
export const OPTIONS = [
  'cacheDir',
  'config',
  'format',
  'id2label',
  'key',
  'layout',
  'localFilesOnly',
  'numLabels',
  'onProgress',
  'outFeatures',
  'outIndices',
  'outputHiddenStates',
  'registry',
  'revision',
  'seed',
  'sha256',
  'signal',
  'strict',
  'subfolder',
  'token',
  'useTestSize',
  'weights',
] as const satisfies readonly (keyof PretrainedOptions)[];

/** The options of a `fromConfig` that is given a config. */
export const MODEL_OPTIONS = ['layout', 'registry', 'seed'] as const satisfies readonly (keyof ModelOptions)[];

/** Throws E_ARGUMENT for unknown options, with the nearest known one. */
export function checkOptions(options: object, known: readonly string[] = OPTIONS): void {
  checkKnown(options, known);
}
