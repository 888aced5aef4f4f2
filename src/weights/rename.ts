import type { Checkpoint, Naming, RenamedTensor, StoredTensor } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { cutPrefix, prefixesOf, withoutWrappers } from './prefix.js';
import { where } from './safetensors.js';

/** A checkpoint under a model's own names, and whose names it had: undefined for the model's own. */
export interface Renamed {
  readonly checkpoint: Checkpoint;
  readonly naming: string | undefined;
}

/**
 * A checkpoint under the names of a model: without what wrappers put into names, without the prefix that all of the model's names
 * have, and read by the first naming that knows them, or by the one called `format`. `own` are the model's own names, where they
 * are known: a prefix before these is found, too. Throws E_ARGUMENT where no naming is called `format`, E_WEIGHTS where it does not
 * know the names or two tensors would have one name.
 */
export function renameCheckpoint(
  checkpoint: Checkpoint,
  namings: readonly Naming[],
  format?: string,
  own: readonly string[] = [],
): Renamed {
  const { unwrapped, steps } = unwrap(checkpoint);
  const found = recognize(checkpoint.path, unwrapped, namings, format);
  const prefix = found?.prefix ?? ownPrefix(unwrapped, own);
  const stripped = strip(unwrapped, prefix);
  if (prefix !== '') steps.push(`without the prefix ${prefix}`);
  const tensors = new Map<string, StoredTensor>();
  const origins = new Map<string, RenamedTensor & { readonly stored: string }>();
  for (const [name, { stored, ...tensor }] of stripped) {
    const renamed = found?.tensors.get(name) ?? { name };
    const other = origins.get(renamed.name);
    if (other) throw clash(checkpoint.path, stored, renamed.name, other.stored);
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

/** A tensor, and its name in the file. */
interface Named extends StoredTensor {
  readonly stored: string;
}

/** The tensors without what wrappers put into their names. */
function unwrap({ path, tensors }: Checkpoint) {
  const unwrapped = new Map<string, Named>();
  let isWrapped = false;
  for (const [stored, tensor] of tensors) {
    const name = withoutWrappers(stored);
    const other = unwrapped.get(name);
    if (other) throw clash(path, stored, name, other.stored);
    unwrapped.set(name, { ...tensor, stored });
    isWrapped ||= name !== stored;
  }
  return { unwrapped, steps: isWrapped ? ["without the names of PyTorch's wrappers"] : [] };
}

function strip(tensors: ReadonlyMap<string, Named>, prefix: string): ReadonlyMap<string, Named> {
  if (prefix === '') return tensors;
  return new Map(Array.from(cutPrefix(tensors.keys(), prefix), ([name, full]) => [name, tensors.get(full)!]));
}

const clash = (path: string, stored: string, name: string, other: string): ConvNextV2Error =>
  new ConvNextV2Error('E_WEIGHTS', {
    path: where(path, stored),
    wanted: 'one tensor for each of the model',
    got: `another for ${name}: ${show(other)}`,
  });

/** The first naming that knows the names, less the shortest prefix with which it does. */
function recognize(
  path: string,
  tensors: ReadonlyMap<string, Named>,
  namings: readonly Naming[],
  format: string | undefined,
) {
  const asked = format === undefined ? namings : [namingCalled(format, namings, 'format')];
  if (asked.length === 0) return undefined;
  for (const prefix of prefixesOf([...tensors.keys()])) {
    const stripped = strip(tensors, prefix);
    for (const naming of asked) {
      const read = naming.read(stripped, path);
      if (read) return { naming, prefix, tensors: read };
    }
  }
  if (format === undefined) return undefined;
  throw new ConvNextV2Error('E_WEIGHTS', {
    path,
    wanted: `names of ${format}`,
    got: `others: ${[...tensors.keys()].slice(0, 3).join(', ')}, ...`,
  });
}

/**
 * The prefix that the most of the model's own names have in a checkpoint; of several, the shortest. Where the model's names are not
 * known, what PyTorch's DataParallel puts before all of them.
 */
function ownPrefix(tensors: ReadonlyMap<string, Named>, own: readonly string[]): string {
  const names = new Set(own);
  if (names.size === 0) return [...tensors.keys()].every((name) => name.startsWith('module.')) ? 'module.' : '';
  let [best, most] = ['', 0];
  for (const prefix of prefixesOf([...tensors.keys()])) {
    let count = 0;
    for (const name of strip(tensors, prefix).keys()) if (names.has(name)) count += 1;
    if (count > most) [best, most] = [prefix, count];
  }
  return best;
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
