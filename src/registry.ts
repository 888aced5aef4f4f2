import type { BackbonePlugin } from './contracts.js';
import { ConvNextV2Error, didYouMean, show } from './errors.js';

/** A list of plugins, looked up by type. Making one, or importing a plugin, registers nothing anywhere else. */
export interface Registry {
  readonly types: readonly string[];
  /** The plugin of this type, or E_PLUGIN naming the known ones. */
  get(type: string): BackbonePlugin;
}

/** The plugin as it is, its config type inferred: what `readConfig` gives is what `create` takes. */
export function definePlugin<Config>(plugin: BackbonePlugin<Config>): BackbonePlugin<Config> {
  return plugin;
}

/** A registry of these plugins. Two of one type throw E_PLUGIN. To extend one: `createRegistry([mine], defaultRegistry())`. */
export function createRegistry(plugins: readonly BackbonePlugin[], base?: Registry): Registry {
  const byType = new Map<string, BackbonePlugin>(base?.types.map((type) => [type, base.get(type)]));
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
    get(type) {
      const plugin = byType.get(type);
      if (plugin) return plugin;
      throw new ConvNextV2Error('E_PLUGIN', {
        path: 'model_type',
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
