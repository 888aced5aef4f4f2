import { FROM_CODE } from '../config/fields.js';
import type {
  Backbone,
  BackbonePlugin,
  BaseModel,
  CheckpointForms,
  Detector,
  HeadModels,
  HeadPlugin,
  HeadTask,
  ImageClassifier,
  Plugin,
  PluginList,
  Scope,
  Segmenter,
  Selection,
} from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { type ClassOptions, withClasses } from './classes.js';
import { openConfigured } from './derive.js';
import { withBackbones } from './head-namings.js';
import {
  buildModel,
  type FreshOptions,
  type ModelKind,
  type ModelOptions,
  openModel,
  type PretrainedOptions,
} from './pretrained-model.js';
import { checkOptions, MODEL_OPTIONS } from './pretrained-options.js';
import type { ModelSource, SourceOptions } from './source.js';

/** The plugin for the `model_type` of an opened source. Throws E_CONFIG where it has none, E_PLUGIN for an unknown one. */
export function pluginOf<P>({ config, origin }: Pick<ModelSource, 'config' | 'origin'>, plugins: PluginList<P>): P {
  const type: unknown = Object(config).model_type;
  const path = `${origin.file}: /model_type`;
  if (typeof type === 'string') return plugins.get(type, path);
  throw new ConvNextV2Error('E_CONFIG', {
    path,
    wanted: `one of ${plugins.types.join(', ')}`,
    got: type === undefined ? 'nothing' : show(type),
  });
}

/** How plugins understand checkpoints without a config. */
export function formsOf(plugins: PluginList<Plugin>): readonly (CheckpointForms | undefined)[] {
  return plugins.types.map((type) => plugins.get(type).checkpoints);
}

/** The config of any registered kind of model. */
export const AutoConfig = {
  /** Throws E_SOURCE, E_JSON, E_CONFIG, E_OUT_FEATURES, E_PLUGIN. */
  async fromPretrained(
    source: string | URL,
    {
      registry = defaultRegistry(),
      ...options
    }: Selection & ClassOptions & SourceOptions & Pick<ModelOptions, 'registry'> = {},
  ): Promise<unknown> {
    const opened = await openConfigured(source, formsOf(registry.all), options);
    const config = withClasses(opened.config, options);
    return pluginOf(opened, registry.all).readConfig(config, opened.origin, options);
  },
};

/** Options of the Auto classes' `fromPretrained`. */
export type AutoOptions = Omit<PretrainedOptions, 'layout'>;

/** Opens and makes models of any registered kind; `kindOf` says what a plugin, one of `listIn` a registry, makes. */
function auto<P extends Plugin, Model>(
  listIn: (registry: Registry) => PluginList<P>,
  kindOf: (plugin: P, registry: Registry) => ModelKind<unknown, Model>,
) {
  return {
    /** As `ConvNextV2Backbone.fromPretrained`; throws E_PLUGIN for a `model_type` that no plugin has, or not as this model. */
    async fromPretrained(
      source: string | URL,
      { registry = defaultRegistry(), ...options }: AutoOptions = {},
    ): Promise<Model> {
      const plugins = listIn(registry);
      const opened = await openConfigured(source, formsOf(plugins), options);
      return (await openModel(kindOf(pluginOf(opened, plugins), registry), opened, options)).model;
    },

    /** A model with fresh weights: of a config, or of the config of a source, such as the name of a shipped one. */
    async fromConfig(
      config: { readonly modelType: string } | string | URL,
      { registry = defaultRegistry(), ...options }: Omit<FreshOptions, 'layout'> = {},
    ): Promise<Model> {
      if (typeof config === 'string' || config instanceof URL) {
        return this.fromPretrained(config, { registry, ...options, weights: 'random' });
      }
      checkOptions(options, MODEL_OPTIONS);
      const kind = kindOf(listIn(registry).get(config.modelType), registry);
      return (await buildModel(kind, config, undefined, options)).model;
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

const backbones = (registry: Registry): PluginList<BackbonePlugin> => registry;

/** A backbone of any registered kind, a third party's as well as ours. Pictures and maps are NHWC. */
export const AutoBackbone = auto<BackbonePlugin, Backbone>(backbones, (plugin) => plugin);

/** The whole model without a head. */
export const AutoModel = auto<BackbonePlugin, BaseModel>(backbones, (plugin) =>
  optional(plugin, 'createModel', (scope, config) => plugin.createModel?.(scope, config)),
);

/** The whole model with a classifier. */
export const AutoModelForImageClassification = auto<BackbonePlugin, ImageClassifier>(backbones, (plugin) =>
  optional(plugin, 'createImageClassifier', (scope, config) => plugin.createImageClassifier?.(scope, config)),
);

/** What a head's plugin makes, on a backbone of this registry. */
function onBackbone<Task extends HeadTask>(
  plugin: HeadPlugin<unknown, Task>,
  registry: Registry,
): ModelKind<unknown, HeadModels[Task]> {
  return {
    checkpoints: withBackbones(plugin.checkpoints, registry),
    readConfig: (json, origin) => plugin.readConfig(json, origin),
    create: (scope, config) => plugin.create(scope, config, registry),
  };
}

/** The same, where its models are for one of these tasks. */
function forTask<Task extends HeadTask>(...tasks: readonly Task[]) {
  return (plugin: HeadPlugin, registry: Registry): ModelKind<unknown, HeadModels[Task]> => {
    if ((tasks as readonly HeadTask[]).includes(plugin.task))
      return onBackbone(plugin as HeadPlugin<unknown, Task>, registry);
    throw new ConvNextV2Error('E_PLUGIN', {
      path: plugin.type,
      wanted: `a model for ${tasks.join(' or ')}`,
      got: `one for ${plugin.task}`,
    });
  };
}

/** A segmenter of any registered kind, on a backbone of any. Pictures and logits are NHWC. */
export const AutoModelForSemanticSegmentation = auto<HeadPlugin, Segmenter>(
  (registry) => registry.heads,
  forTask('semantic-segmentation'),
);

/** A detector of any registered kind, on a backbone of any, those that find masks included. */
export const AutoModelForObjectDetection = auto<HeadPlugin, Detector>(
  (registry) => registry.heads,
  forTask('object-detection', 'instance-segmentation'),
);

/** A detector that finds masks. */
export const AutoModelForInstanceSegmentation = auto<HeadPlugin, Detector>(
  (registry) => registry.heads,
  forTask('instance-segmentation'),
);

const kindOf = (plugin: Plugin, registry: Registry): ModelKind<unknown, Backbone | HeadModels[HeadTask]> =>
  'task' in plugin ? onBackbone(plugin, registry) : plugin;

const AutoAny = auto<Plugin, Backbone | HeadModels[HeadTask]>((registry) => registry.all, kindOf);

/**
 * A model of any registered kind, a head on its backbone or a backbone alone: of a source with its weights, or of the contents of
 * a config file with fresh ones. `createModel('upernet_convnextv2-tiny', { weights: 'random' })` makes one of a config that ships
 * with the package. Throws as `AutoBackbone.fromPretrained`.
 */
export async function createModel(
  source: string | URL | Readonly<Record<string, unknown>>,
  options: AutoOptions = {},
): Promise<Backbone | HeadModels[HeadTask]> {
  if (typeof source === 'string' || source instanceof URL) return AutoAny.fromPretrained(source, options);
  const { registry = defaultRegistry() } = options;
  const kind = kindOf(pluginOf({ config: source, origin: FROM_CODE }, registry.all), registry);
  const config = kind.readConfig(withClasses(source, options), FROM_CODE, options);
  return (await buildModel(kind, config, undefined, options)).model;
}
