import type { Layout, Selection } from '../contracts.js';
import { checkKnown } from '../errors.js';
import type { Registry } from '../registry.js';
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
export interface PretrainedOptions extends ModelOptions, Selection, Omit<FillOptions, 'prefix'>, SourceOptions {}

/** All options of every `fromPretrained`. */
export const OPTIONS = [
  'cacheDir',
  'config',
  'format',
  'key',
  'layout',
  'localFilesOnly',
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
] as const satisfies readonly (keyof PretrainedOptions)[];

/** Throws E_ARGUMENT for options that nobody knows, with the nearest that is known. */
export function checkOptions(options: object): void {
  checkKnown(options, OPTIONS);
}
