import type { BackbonePlugin, HeadPlugin, HeadTask, Plugin, PluginList } from './contracts.js';
import { ConvNextV2Error, didYouMean, show } from './errors.js';

/** A list of backbones, with the models that are built on them. Making one, or importing a plugin, registers nothing elsewhere. */
export interface Registry extends PluginList<BackbonePlugin> {
  readonly heads: PluginList<HeadPlugin>;
  /** Both. */
  readonly all: PluginList<Plugin>;
}

/** The plugin as it is, its config type inferred: what `readConfig` gives is what `create` takes. */
export function definePlugin<Config>(plugin: BackbonePlugin<Config>): BackbonePlugin<Config>;
export function definePlugin<Config, Task extends HeadTask>(plugin: HeadPlugin<Config, Task>): HeadPlugin<Config, Task>;
export function definePlugin<T>(plugin: T): T {
  return plugin;
}

/** A registry of these plugins. Two of one type throw E_PLUGIN. To extend one: `createRegistry([mine], defaultRegistry())`. */
export function createRegistry(plugins: readonly Plugin[], base?: Registry): Registry {
  const every = [...(base?.all.types.map((type) => base.all.get(type)) ?? []), ...plugins];
  const isHead = (plugin: Plugin): plugin is HeadPlugin => 'task' in plugin;
  const all = listOf(every);
  const backbones = listOf(every.filter((plugin) => !isHead(plugin)) as BackbonePlugin[]);
  return { ...backbones, heads: listOf(every.filter(isHead)), all };
}

function listOf<P extends Plugin>(plugins: readonly P[]): PluginList<P> {
  const byType = new Map<string, P>();
  for (const plugin of plugins) {
    if (byType.has(plugin.type)) {
      throw new ConvNextV2Error('E_PLUGIN', {
        path: 'registry',
        wanted: 'one plugin of each type',
        got: `a second plugin of type ${JSON.stringify(plugin.type)}`,
      });
    }
    byType.set(plugin.type, plugin);
  }
  const types = [...byType.keys()];
  return {
    types,
    get(type, path = 'model_type') {
      const plugin = byType.get(type);
      if (plugin) return plugin;
      throw new ConvNextV2Error('E_PLUGIN', {
        path,
        wanted: `one of ${types.join(', ')}`,
        got: show(type),
        suggestion: typeof type === 'string' ? didYouMean(type, types) : undefined,
      });
    },
  };
}

let standing: Registry = createRegistry([]);

/** The registry used where none is passed: the built-in plugins, once the front door has been imported. */
export const defaultRegistry = (): Registry => standing;

/** Called by the front door, and by programs that want another default. */
export function setDefaultRegistry(registry: Registry): void {
  standing = registry;
}
