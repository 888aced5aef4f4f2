import type { Backbone, BackbonePlugin, Selection } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { buildModel, type ModelOptions, openModel, type PretrainedOptions } from './pretrained-model.js';
import { type ModelSource, openSource } from './source.js';

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

/** The config of any registered kind of model. */
export const AutoConfig = {
  /** Throws E_SOURCE, E_JSON, E_CONFIG, E_OUT_FEATURES, E_PLUGIN. */
  async fromPretrained(
    source: string | URL,
    { registry, ...selection }: Selection & Registered = {},
  ): Promise<unknown> {
    const opened = await openSource(source);
    return pluginOf(opened, registry).readConfig(opened.config, opened.origin, selection);
  },
};

/** A backbone of any registered kind, a third party's as well as ours. Pictures and maps are NHWC. */
export const AutoBackbone = {
  /** As `ConvNextV2Backbone.fromPretrained`; throws E_PLUGIN for a `model_type` that no plugin has. */
  async fromPretrained(
    source: string | URL,
    { registry, ...options }: Omit<PretrainedOptions, 'layout'> & Registered = {},
  ): Promise<Backbone> {
    return (await openModel((opened) => pluginOf(opened, registry), source, options)).model;
  },

  /** A backbone with fresh weights. */
  async fromConfig(
    config: { readonly modelType: string },
    { registry = defaultRegistry(), seed }: Pick<ModelOptions, 'seed'> & Registered = {},
  ): Promise<Backbone> {
    return (await buildModel(registry.get(config.modelType), config, undefined, { seed })).model;
  },
};
