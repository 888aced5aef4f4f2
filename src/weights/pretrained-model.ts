import { basename, join } from 'node:path';
import { ensureBackend } from '../backend/use-backend.js';
import { knownModels } from '../config/known-models.js';
import { shippedConfigNames } from '../config/package-files.js';
import type {
  CheckpointForms,
  ConfigOrigin,
  Layout,
  LoadReport,
  Parameters,
  Scope,
  Selection,
  Strict,
} from '../contracts.js';
import { ConvNextV2Error, checkKnown, requireThat } from '../errors.js';
import { createScope } from '../nn/scope.js';
import type { Registry } from '../registry.js';
import { makeFolder, writeJson } from './atomic.js';
import { hasClasses, withClasses } from './classes.js';
import { openConfigured } from './derive.js';
import { toBytes } from './dtypes.js';
import { withBackbones } from './head-namings.js';
import { type FillOptions, fillParameters, namesOf } from './match.js';
import { type ConfigClass, readConfig } from './pretrained-config.js';
import {
  checkOptions,
  type FreshOptions,
  MODEL_OPTIONS,
  type ModelOptions,
  type PretrainedOptions,
} from './pretrained-options.js';
import { renameCheckpoint } from './rename.js';
import { checkFolder, imageNetPreprocessor, type ModelSource, savePreprocessor } from './source.js';
import { writeSafetensors } from './write-safetensors.js';

export type { FreshOptions, ModelOptions, PretrainedOptions };

/** A config that can be written to config.json. */
export interface ModelConfig {
  readonly imageSize?: number | readonly [number, number];
  toJSON(): Readonly<Record<string, unknown>>;
}

/** Options of `savePretrained`. */
export interface SaveOptions {
  /** What prepares the model's pictures. Default: that of the source, or ImageNet's. */
  readonly processor?: { toJSON(): Readonly<Record<string, unknown>> };
}

/** How a kind of model is made: what a plugin and a model class have in common. */
export interface ModelKind<Config, Model> {
  readonly prefix?: string;
  readonly checkpoints?: CheckpointForms;
  readConfig(json: unknown, origin: ConfigOrigin, selection?: Selection): Config;
  create(scope: Scope, config: Config, layout?: Layout): Model;
}

/** A model class, seen from the static members it inherits. */
export interface ModelClass<Config, Model> {
  /** Its config class; the `modelType` of that is also what task models put before this model's names in a checkpoint. */
  readonly Config: ConfigClass<Config>;
  new (scope: Scope, config: Config, layout?: Layout, registry?: Registry): Model;
}

/** What every model of the package can do: be opened, made, saved, asked for its parameters, and disposed. */
export abstract class PretrainedModel<Config extends ModelConfig> {
  readonly #scope: Scope;
  #report: LoadReport | undefined;
  #preprocessor: unknown;

  /** For subclasses: use `fromPretrained` or `fromConfig`. */
  constructor(
    scope: Scope,
    readonly config: Config,
    readonly layout: Layout = 'NHWC',
  ) {
    this.#scope = scope;
  }

  /**
   * Opens a model with its weights: of the Hub by its id, from a folder, a file, or a URL. What fitted is in `report`. Throws
   * E_SOURCE, also for a config without weights: `fromConfig` makes a model of one; E_NETWORK, E_JSON, E_LIMIT, E_CONFIG,
   * E_OUT_FEATURES; what reading the file throws (see `openCheckpoint`), E_WEIGHTS (see `strict`), and E_ARGUMENT for an invalid
   * option.
   */
  static async fromPretrained<C extends ModelConfig, M extends PretrainedModel<C>>(
    this: ModelClass<C, M>,
    source: string | URL,
    options: PretrainedOptions = {},
  ): Promise<M> {
    const kind = kindOf(this, options);
    const opened = await openConfigured(source, [kind.checkpoints], options);
    return (await openModel(kind, opened, options)).model;
  }

  /**
   * Makes a model with fresh weights: of a config, or of the config of a source, such as the name of one that ships with the
   * package. Throws E_ARGUMENT for a config of another class and for an unknown option, E_LIMIT, and what opening a source throws.
   */
  static async fromConfig<C extends ModelConfig, M extends PretrainedModel<C>>(
    this: ModelClass<C, M>,
    config: C,
    options?: ModelOptions,
  ): Promise<M>;
  static async fromConfig<C extends ModelConfig, M extends PretrainedModel<C>>(
    this: ModelClass<C, M>,
    source: string | URL,
    options?: FreshOptions,
  ): Promise<M>;
  static async fromConfig<C extends ModelConfig, M extends PretrainedModel<C>>(
    this: ModelClass<C, M>,
    config: C | string | URL,
    options: FreshOptions = {},
  ): Promise<M> {
    const kind = kindOf(this, options);
    if (typeof config === 'string' || config instanceof URL) {
      const opened = await openConfigured(config, [kind.checkpoints], options);
      return (await openModel(kind, opened, { ...options, weights: 'random' })).model;
    }
    requireThat('config', config instanceof this.Config, `a ${this.Config.name}, or the name of a config`, config);
    checkOptions(options, MODEL_OPTIONS);
    return (await buildModel(kind, config, undefined, options)).model;
  }

  /** For `buildModel`: tells a model where it comes from. */
  static introduce(model: unknown, report: LoadReport, opened: ModelSource | undefined): void {
    if (!(model instanceof PretrainedModel)) return;
    model.#report = report;
    model.#preprocessor = opened?.preprocessor?.json;
  }

  /** By the names of the checkpoint, in the order of the network. */
  get parameters(): Parameters {
    return this.#scope.parameters;
  }

  /** What was loaded, what is new, and what did not fit. */
  get report(): LoadReport {
    return this.#report!;
  }

  /**
   * Writes config.json, model.safetensors and preprocessor_config.json, as transformers reads them, into a folder (made
   * where it is not there). Each file is replaced whole or not at all. The preprocessor is that of the source, unless a `processor`
   * is given. Throws E_OUTPUT, E_ARGUMENT for a wrong argument, E_CONFIG where the config has a function, E_DISPOSED.
   */
  async savePretrained(folder: string, options: SaveOptions = {}): Promise<void> {
    checkFolder(folder);
    checkKnown(options, ['processor']);
    const { processor } = options;
    const isProcessor = processor === undefined || typeof processor?.toJSON === 'function';
    requireThat('processor', isProcessor, 'an image processor', processor);
    // the config of a source in half precision says so, and transformers would read what is written here as that
    const { torch_dtype, ...own } = this.config.toJSON();
    const config = { ...own, dtype: 'float32', architectures: [this.constructor.name] };
    const preprocessor = processor?.toJSON() ?? this.#preprocessor ?? (await this.defaultPreprocessor());
    await makeFolder(folder);
    const tensors = [...this.parameters.values()].map((parameter) => ({
      name: parameter.name,
      dtype: 'F32' as const,
      shape: parameter.shape,
      bytes: async () => {
        const stored = parameter.stored();
        const values = await stored.data();
        stored.dispose();
        return toBytes('F32', values);
      },
    }));
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
    if (preprocessor !== undefined) await savePreprocessor(folder, preprocessor);
    await writeJson(join(folder, 'config.json'), config);
  }

  /** The preprocessor_config.json of a model whose source had none; undefined where its config says it all. */
  protected defaultPreprocessor(): Promise<Readonly<Record<string, unknown>> | undefined> {
    return imageNetPreprocessor(this.config.imageSize);
  }

  /** Frees the weights. The model cannot be used afterwards. */
  dispose(): void {
    for (const parameter of this.#scope.parameters.values()) parameter.dispose();
  }
}

function kindOf<C, M>(type: ModelClass<C, M>, { registry }: ModelOptions): ModelKind<C, M> {
  return {
    prefix: type.Config.definition.modelType,
    checkpoints: withBackbones(type.Config.definition.checkpoints, registry),
    readConfig: (json, origin, selection = {}) => readConfig(type.Config, json, origin, selection),
    create: (scope, config, layout) => new type(scope, config, layout, registry),
  };
}

/**
 * Makes a model of this kind from an opened source, with the source's weights or, where `weights` is `random`, with fresh ones.
 * Throws E_SOURCE where there are none and fresh ones were not asked for.
 */
export async function openModel<C, M>(kind: ModelKind<C, M>, opened: ModelSource, options: PretrainedOptions) {
  const { weights } = options;
  requireThat('weights', weights === undefined || weights === 'random', 'random, or nothing', weights);
  const read = (json: unknown) => kind.readConfig(json, opened.origin, options);
  const config = read(withClasses(opened.config, options));
  if (weights === 'random') return buildModel(kind, config, { ...opened, openCheckpoint: undefined }, options);
  if (!opened.openCheckpoint) throw noWeights(opened);
  if (!hasClasses(options)) return buildModel(kind, config, opened, options);
  const scope = createScope();
  kind.create(scope, read(opened.config));
  const ownShapes = new Map(Array.from(scope.parameters, ([name, { shape }]) => [name, shape]));
  return buildModel(kind, config, opened, { ...options, ownShapes });
}

/** The E_SOURCE of a source that is a config alone: says where weights are, and how to have fresh ones. */
function noWeights({ origin: { file } }: ModelSource): ConvNextV2Error {
  const name = basename(file, '.json');
  const isShipped = shippedConfigNames().includes(name);
  const path = isShipped ? name : file;
  const published = isShipped && knownModels().find(({ config }) => config === name)?.source;
  const trained = published ? `for trained weights open ${JSON.stringify(published)}; ` : '';
  return new ConvNextV2Error('E_SOURCE', {
    path,
    wanted: 'a model with weights',
    got: 'a config alone',
    suggestion: `${trained}for fresh weights use fromConfig(${JSON.stringify(path)}, { seed }), or { weights: 'random' } with a pipeline, or --random-weights`,
  });
}

const LAYOUTS: readonly unknown[] = ['NHWC', 'NCHW'] satisfies Layout[];
const STRICTS: readonly unknown[] = ['body', 'model', 'all', 'none'] satisfies Strict[];

/** Makes a model of this kind, and gives its parameters their values. */
export async function buildModel<C, M>(
  kind: ModelKind<C, M>,
  config: C,
  opened: ModelSource | undefined,
  options: PretrainedOptions & Pick<FillOptions, 'ownShapes'>,
) {
  const { layout = 'NHWC', strict = 'body' } = options;
  requireThat('layout', LAYOUTS.includes(layout), `one of ${LAYOUTS.join(', ')}`, layout);
  requireThat('strict', STRICTS.includes(strict), `one of ${STRICTS.join(', ')}`, strict);
  await ensureBackend();
  const scope = createScope();
  const model = kind.create(scope, config, layout);
  const checkpoint = await opened?.openCheckpoint?.();
  try {
    const own = [...scope.parameters.keys()].flatMap((name) => namesOf(name, kind.prefix));
    const renamed = checkpoint && renameCheckpoint(checkpoint, kind.checkpoints?.namings ?? [], options.format, own);
    const filling = { ...options, prefix: kind.prefix, isOfOtherLayout: kind.checkpoints?.isOfOtherLayout };
    const report = await fillParameters(scope.parameters, renamed?.checkpoint, filling);
    PretrainedModel.introduce(model, report, opened);
    return { model, report };
  } finally {
    await checkpoint?.close();
  }
}
