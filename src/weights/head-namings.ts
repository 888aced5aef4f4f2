import type { BackbonePlugin, CheckpointForms, Naming, PluginList, RenamedTensor, StoredTensor } from '../contracts.js';
import { defaultRegistry } from '../registry.js';

/**
 * A head's namings, each with the names of the backbone read as well: by the first naming of a registered kind of backbone that
 * knows them. The registry is the default one where none is given.
 */
export function withBackbones(
  forms: CheckpointForms | undefined,
  registry: PluginList<BackbonePlugin> | undefined,
): CheckpointForms | undefined {
  const prefix = forms?.backbonePrefix;
  if (prefix === undefined) return forms;
  const backbones = registry ?? defaultRegistry();
  const inner = backbones.types.flatMap((type) => backbones.get(type).checkpoints?.namings ?? []);
  const namings = forms!.namings.map((naming): Naming => {
    return {
      name: naming.name,
      read(tensors, file) {
        const head = naming.read(tensors, file);
        const backbone = () => readBackbone(tensors, naming.backbonePrefix ?? prefix, prefix, inner, file);
        return head && new Map([...head, ...backbone()]);
      },
    };
  });
  return { ...forms, namings };
}

function readBackbone(
  tensors: ReadonlyMap<string, StoredTensor>,
  prefix: string,
  ownPrefix: string,
  namings: readonly Naming[],
  file: string | undefined,
): Iterable<readonly [string, RenamedTensor]> {
  const own = new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
  for (const naming of namings) {
    const found = naming.read(own, file);
    if (found) {
      return Array.from(
        found,
        ([stored, { name, ...form }]) => [prefix + stored, { name: ownPrefix + name, ...form }] as const,
      );
    }
  }
  return [];
}
