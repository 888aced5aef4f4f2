import type {
  Backbone,
  BackbonePlugin,
  BaseModel,
  CheckpointForms,
  ImageClassifier,
  Scope,
  Selection,
} from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { openConfigured } from './derive.js';
import {
  buildModel,
  type ModelKind,
  type ModelOptions,
  openModel,
  type PretrainedOptions,
} from './pretrained-model.js';
import type { ModelSource, SourceOptions } from './source.js';

interface Registered {
  /** Where the plugins are. Default: that of the front door, with the built-in ones. */
  readonly registry?: Registry;
}

/** The plugin for the `model_type` of an opened source. Throws E_CONFIG where it has none, E_PLUGIN for an unknown one. */
export function pluginOf({ config, origin }: ModelSource, registry: Registry = defaultRegistry()): BackbonePlugin {
  const type: unknown = Object(config).model_type;
  if (typeof type === 'string') return registry.get(type);
  throw new ConvNextV2Error('E_CONFIG', {
    path: `${origin.file}: /model_type`,
    wanted: `one of ${registry.types.join(', ')}`,
    got: type === undefined ? 'nothing' : show(type),
  });
}

/** How the plugins of a registry understand checkpoints without a config. */
export function formsOf(registry: Registry = defaultRegistry()): readonly (CheckpointForms | undefined)[] {
  return registry.types.map((type) => registry.get(type).checkpoints);
}

/** The config of any registered kind of model. */
export const AutoConfig = {
  /** Throws E_SOURCE, E_JSON, E_CONFIG, E_OUT_FEATURES, E_PLUGIN. */
  async fromPretrained(
    source: string | URL,
    { registry, ...options }: Selection & SourceOptions & Registered = {},
  ): Promise<unknown> {
    const opened = await openConfigured(source, formsOf(registry), options);
    return pluginOf(opened, registry).readConfig(opened.config, opened.origin, options);
  },
};

/** Options of the Auto classes' `fromPretrained`. */
export type AutoOptions = Omit<PretrainedOptions, 'layout'> & Registered;

/** Opens and makes models of any registered kind; `kindOf` says what a plugin makes. */
function auto<Model>(kindOf: (plugin: BackbonePlugin) => ModelKind<unknown, Model>) {
  return {
    /** As `ConvNextV2Backbone.fromPretrained`; throws E_PLUGIN for a `model_type` that no plugin has, or not as this model. */
    async fromPretrained(source: string | URL, { registry, ...options }: AutoOptions = {}): Promise<Model> {
      const opened = await openConfigured(source, formsOf(registry), options);
      return (await openModel(kindOf(pluginOf(opened, registry)), opened, options)).model;
    },

    /** A model with fresh weights. */
    async fromConfig(
      config: { readonly modelType: string },
      { registry = defaultRegistry(), seed }: Pick<ModelOptions, 'seed'> & Registered = {},
    ): Promise<Model> {
      return (await buildModel(kindOf(registry.get(config.modelType)), config, undefined, { seed })).model;
    },
  };
}

/** What a plugin makes by a member that it need not have. */
function optional<Model>(
  plugin: BackbonePlugin,
  member: keyof BackbonePlugin,
  create: (scope: Scope, config: unknown) => Model | undefined,
): ModelKind<unknown, Model> {
  return {
    prefix: plugin.prefix,
    checkpoints: plugin.checkpoints,
    readConfig: (json, origin, selection) => plugin.readConfig(json, origin, selection),
    create(scope, config) {
      const model = create(scope, config);
      if (model) return model;
      throw new ConvNextV2Error('E_PLUGIN', {
        path: plugin.type,
        wanted: `a plugin with ${member}`,
        got: 'one without',
      });
    },
  };
}

/** A backbone of any registered kind, a third party's as well as ours. Pictures and maps are NHWC. */
export const AutoBackbone = auto<Backbone>((plugin) => plugin);

/** The whole model without a head. */
export const AutoModel = auto<BaseModel>((plugin) =>
  optional(plugin, 'createModel', (scope, config) => plugin.createModel?.(scope, config)),
);

/** The whole model with a classifier. */
export const AutoModelForImageClassification = auto<ImageClassifier>((plugin) =>
  optional(plugin, 'createImageClassifier', (scope, config) => plugin.createImageClassifier?.(scope, config)),
);
