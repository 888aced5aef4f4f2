import { readFileSync } from 'node:fs';
import { shippedConfigPath } from '../config/package-files.js';
import type { Backbone, BackbonePlugin, ConfigOrigin, PluginList, Scope } from '../contracts.js';
import { pluginOf } from './auto.js';

/** The config.json of a backbone, parsed, inside that of a model with a head. */
export type BackboneJson = Readonly<Record<string, unknown>>;

/** A backbone as a config gives it: parsed, as a config of ours, or by the name of one that ships with the package. */
export type BackboneChoice = BackboneJson | { toJSON(): BackboneJson } | string;

/** What a choice means. A shipped config's classes are left out: they are ImageNet's. Throws E_SOURCE for an unknown name. */
export function readBackboneChoice(choice: BackboneChoice): BackboneJson {
  if (typeof choice === 'string') {
    const { $schema, id2label, ...config } = JSON.parse(readFileSync(shippedConfigPath(choice, 'backbones'), 'utf8'));
    return config;
  }
  return typeof choice.toJSON === 'function' ? choice.toJSON() : { ...choice };
}

/** The stages that a head is built on where nothing says otherwise. */
const LAST_FOUR: readonly number[] = [-4, -3, -2, -1];

/**
 * Builds the backbone of a model with a head, as `name` of its scope; with neither out_features nor out_indices it gives
 * these stages. Throws E_PLUGIN, E_CONFIG, E_OUT_FEATURES.
 */
export function createInnerBackbone(
  scope: Scope,
  config: BackboneJson,
  { file, unknownKeys }: ConfigOrigin,
  backbones: PluginList<BackbonePlugin>,
  {
    name = 'backbone',
    outIndices = LAST_FOUR,
  }: { readonly name?: string; readonly outIndices?: readonly number[] } = {},
): Backbone {
  const origin = { file: `${file}: /backbone_config`, unknownKeys };
  const plugin = pluginOf({ config, origin }, backbones);
  const isSelected = config.out_features != null || config.out_indices != null;
  return plugin.create(scope.inner(name), plugin.readConfig(config, origin, isSelected ? {} : { outIndices }));
}
