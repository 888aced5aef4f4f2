import type { Checkpoint, Naming, RenamedTensor, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { where } from './safetensors.js';

/** What torch puts before every name of a model that is wrapped: by DataParallel and its distributed twin, by torch.compile. */
const WRAPPERS = ['module.', '_orig_mod.'];

/** A checkpoint under a model's own names, and whose names it had: undefined for the model's own. */
export interface Renamed {
  readonly checkpoint: Checkpoint;
  readonly naming: string | undefined;
}

/**
 * A checkpoint under the names of a model: without the prefixes of wrappers, and read by the first naming that knows its names,
 * or by the one called `format`. Throws E_ARGUMENT where no naming has that name, E_WEIGHTS where it does not know the names or
 * two tensors would have one name.
 */
export function renameCheckpoint(checkpoint: Checkpoint, namings: readonly Naming[], format?: string): Renamed {
  const { stripped, steps } = unwrap(checkpoint.tensors);
  const found = recognise(checkpoint.path, stripped, namings, format);
  const tensors = new Map<string, StoredTensor>();
  const origins = new Map<string, RenamedTensor & { readonly stored: string }>();
  for (const [name, { stored, ...tensor }] of stripped) {
    const renamed = found?.tensors.get(name) ?? { name };
    const other = origins.get(renamed.name);
    if (other) {
      throw new ConvNextV2Error('E_WEIGHTS', {
        path: where(checkpoint.path, stored),
        wanted: 'one tensor for each of the model',
        got: `another for ${renamed.name}: ${show(other.stored)}`,
      });
    }
    tensors.set(renamed.name, { ...tensor, shape: renamed.shape ?? tensor.shape });
    origins.set(renamed.name, { ...renamed, stored });
  }
  const storedNames = new Map([...origins].map(([name, { stored }]) => [name, stored]));
  const naming = found?.naming.name;
  return {
    naming,
    checkpoint: {
      ...checkpoint,
      tensors,
      recognised: [...(checkpoint.recognised ?? []), ...steps, ...(naming === undefined ? [] : [`names of ${naming}`])],
      storedNames,
      async readFloat32(name) {
        const { stored, convert } = origins.get(name) ?? { stored: name };
        const values = await checkpoint.readFloat32(stored);
        return convert ? convert(values) : values;
      },
    },
  };
}

/** The tensors without the prefixes that every name has from a wrapper. */
function unwrap(tensors: Checkpoint['tensors']) {
  let stripped = new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, stored: name }]));
  const steps: string[] = [];
  for (;;) {
    const wrapper = WRAPPERS.find((prefix) => [...stripped.keys()].every((name) => name.startsWith(prefix)));
    if (wrapper === undefined || stripped.size === 0) return { stripped, steps };
    stripped = new Map([...stripped].map(([name, tensor]) => [name.slice(wrapper.length), tensor]));
    steps.push(`without the prefix ${wrapper}`);
  }
}

function recognise(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  namings: readonly Naming[],
  format: string | undefined,
) {
  for (const naming of format === undefined ? namings : [namingCalled(format, namings, 'format')]) {
    const read = naming.read(tensors);
    if (read) return { naming, tensors: read };
  }
  if (format === undefined) return undefined;
  throw new ConvNextV2Error('E_WEIGHTS', {
    path,
    wanted: `names of ${format}`,
    got: `others: ${[...tensors.keys()].slice(0, 3).join(', ')}, ...`,
  });
}

/** The naming with this name, which is the value of an option. Throws E_ARGUMENT. */
export function namingCalled(called: string, namings: readonly Naming[], option: 'format' | 'naming'): Naming {
  const naming = namings.find(({ name }) => name === called);
  if (naming) return naming;
  const names = namings.map(({ name }) => name);
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: option,
    wanted: names.length > 0 ? `one of ${names.join(', ')}` : 'nothing: this model knows its own names alone',
    got: show(called),
    suggestion: didYouMean(String(called), names),
  });
}
