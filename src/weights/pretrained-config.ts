import { type ConfigKeys, FROM_CODE, readFields, writeFields } from '../config/fields.js';
import { readLabels } from '../config/labels.js';
import { type SchemaName, validateConfig } from '../config/validate.js';
import type { CheckpointForms, ConfigOrigin, Selection } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import type { ProblemType } from '../nn/losses.js';
import { type ClassOptions, withClasses } from './classes.js';
import { openConfigured } from './derive.js';
import type { SourceOptions } from './source.js';

/** What any config is made from; what is left out, or null, takes the reference's default. */
export interface PretrainedConfigInit extends Selection {
  /** Names of the classes by index. Default: `numLabels` of the form LABEL_0. */
  readonly id2label?: Readonly<Record<number, string>> | null;
  /** Default: from `id2label`. */
  readonly label2id?: Readonly<Record<string, number>> | null;
  /** Default: as many as `id2label`, or 2. */
  readonly numLabels?: number | null;
  /** What a classifier's loss is; inferred from the labels where absent. */
  readonly problemType?: ProblemType | null;
}

/** The keys of a file for the fields above. */
export const COMMON_KEYS = {
  outFeatures: 'out_features',
  outIndices: 'out_indices',
  outputHiddenStates: 'output_hidden_states',
  id2label: 'id2label',
  label2id: 'label2id',
  numLabels: 'num_labels',
  problemType: 'problem_type',
} as const satisfies Record<keyof PretrainedConfigInit, string>;

/** What tells one kind of config from another. */
export interface ConfigDefinition {
  /** The `model_type` of its files, and the name of its schema. */
  readonly modelType: SchemaName;
  readonly keys: ConfigKeys;
  /** Keys of the fields that may be functions, which no file can hold. */
  readonly functions: readonly string[];
  /** Fields that give way, by the field whose change makes them. */
  readonly followers: Readonly<Record<string, readonly string[]>>;
  /** How checkpoints with names of others, or without a config, are read. */
  readonly checkpoints?: CheckpointForms;
}

const COMMON_FOLLOWERS: ConfigDefinition['followers'] = {
  outFeatures: ['outIndices'],
  outIndices: ['outFeatures'],
  id2label: ['label2id', 'numLabels'],
  numLabels: ['id2label', 'label2id'],
};

/** Keys of a file that follow from others, or say what it is. */
const DERIVED: readonly string[] = ['$schema', 'model_type', 'stage_names'];

/** Keys of a config file that mean nothing here, and are kept. */
export type OtherKeys = Readonly<Record<string, unknown>>;

/** A config class, seen from the static members it inherits. */
export interface ConfigClass<Config> {
  readonly definition: ConfigDefinition;
  new (init: never, origin: ConfigOrigin, otherKeys: OtherKeys): Config;
}

/** Reads a parsed config file as a config of this class; a selection replaces both halves of the file's own. */
export function readConfig<C>(type: ConfigClass<C>, json: unknown, origin: ConfigOrigin, selection: Selection): C {
  const { modelType, keys } = type.definition;
  validateConfig(modelType, json, origin);
  const { fields, otherKeys } = readFields(keys, json as object, DERIVED);
  const { outFeatures, outIndices, outputHiddenStates } = selection;
  const init = {
    ...fields,
    ...((outFeatures != null || outIndices != null) && { outFeatures, outIndices }),
    ...(outputHiddenStates != null && { outputHiddenStates }),
  };
  return new type(init as never, origin, otherKeys);
}

/** What every config can do: be read from a file, checked, changed into another, and written back. Immutable. */
export abstract class PretrainedConfig<Init extends PretrainedConfigInit> {
  readonly id2label: Readonly<Record<number, string>>;
  readonly label2id: Readonly<Record<string, number>>;
  readonly numLabels: number;
  readonly problemType: ProblemType | undefined;
  readonly outputHiddenStates: boolean;
  readonly #definition: ConfigDefinition;
  readonly #init: Init;

  /**
   * `init` is the config's own: see `takeFields`. `otherKeys` are those of a file that mean nothing here; `toJSON` writes
   * them back. Throws E_CONFIG with all problems.
   */
  protected constructor(
    definition: ConfigDefinition,
    init: Init,
    origin: ConfigOrigin,
    readonly otherKeys: OtherKeys,
  ) {
    const written = Object.entries(writeFields(definition.keys, init)).filter(
      ([key, value]) => !(definition.functions.includes(key) && typeof value === 'function'),
    );
    validateConfig(definition.modelType, { ...otherKeys, ...Object.fromEntries(written) }, origin);
    const labels = readLabels({ id2label: init.id2label, label2id: init.label2id, num_labels: init.numLabels });
    this.#definition = definition;
    this.#init = init;
    this.id2label = labels.id2label;
    this.label2id = labels.label2id;
    this.numLabels = labels.numLabels;
    this.problemType = init.problemType ?? undefined;
    this.outputHiddenStates = init.outputHiddenStates ?? false;
  }

  /** The `model_type` of its files. */
  get modelType(): SchemaName {
    return this.#definition.modelType;
  }

  /** Reads a parsed config file, as `readConfig`. Throws E_CONFIG, E_OUT_FEATURES. */
  static fromJSON<C>(
    this: ConfigClass<C>,
    json: unknown,
    origin: ConfigOrigin = FROM_CODE,
    selection: Selection = {},
  ): C {
    return readConfig(this, json, origin, selection);
  }

  /**
   * Reads the config of a source: a folder, a file, a model of the Hub, or the name of a shipped config. Throws E_SOURCE, E_JSON and
   * as `fromJSON`.
   */
  static async fromPretrained<C>(
    this: ConfigClass<C>,
    source: string | URL,
    options: Selection & ClassOptions & SourceOptions = {},
  ): Promise<C> {
    const { config, origin } = await openConfigured(source, [this.definition.checkpoints], options);
    return readConfig(this, withClasses(config, options), origin, options);
  }

  /** A copy with these fields changed; what follows from a changed field is found anew. */
  with(changes: Init): this {
    const followers = { ...COMMON_FOLLOWERS, ...this.#definition.followers };
    const stale = new Set(Object.keys(changes).flatMap((field) => followers[field] ?? []));
    const kept = Object.fromEntries(Object.entries(this.#init).filter(([field]) => !stale.has(field)));
    const type = this.constructor as unknown as ConfigClass<this>;
    return new type({ ...kept, ...changes } as never, { ...FROM_CODE, unknownKeys: 'keep' }, this.otherKeys);
  }

  /** What config.json holds, as the reference writes it. Throws E_CONFIG where a field is a function. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { modelType, keys } = this.#definition;
    const own = writeFields(keys, { ...this, numLabels: undefined }); // it follows from id2label
    const [unwritable] = Object.keys(own).filter((key) => typeof own[key] === 'function');
    if (unwritable !== undefined) {
      throw new ConvNextV2Error('E_CONFIG', {
        path: unwritable,
        wanted: 'a name, to write to a file',
        got: 'a function',
      });
    }
    const file = { ...this.otherKeys, ...own, model_type: modelType };
    return Object.fromEntries(Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
