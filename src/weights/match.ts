import type { Checkpoint, LoadReport, StoredTensor, Strict } from '../contracts.js';
import { ConvNextV2Error, didYouMean, type Problem } from '../errors.js';
import { anySeed } from '../nn/random.js';
import { type DeclaredParameter, initialValues } from '../nn/scope.js';
import { where } from './safetensors.js';

export interface FillOptions {
  /**
   * The name under which task models hold this one, as `convnextv2`: its parameters are found in a checkpoint with the
   * prefix and without it, whichever of the two has it.
   */
  readonly prefix?: string;
  /** Default `body`. */
  readonly strict?: Strict;
  /** For what no checkpoint gives. Default: another one each time. */
  readonly seed?: number;
  /** Called after each tensor, with the bytes read so far (as float32) and in all. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number; readonly name: string }) => void;
}

/**
 * Gives every parameter its values: those of the checkpoint under its name, fresh ones otherwise. Which differences throw
 * (E_WEIGHTS, listing all, before anything is read): `body` a mis-shaped tensor, a wrong dtype, a missing body parameter or
 * nothing matching at all; `all` any difference; `none` nothing. After an error no parameter holds values.
 */
export async function fillParameters(
  parameters: ReadonlyMap<string, DeclaredParameter>,
  checkpoint: Checkpoint | undefined,
  { prefix, strict = 'body', seed = anySeed(), onProgress }: FillOptions = {},
): Promise<LoadReport> {
  const plan = match(parameters, checkpoint, prefix);
  if (checkpoint) refuse(differences(plan, checkpoint, strict));
  const nonFinite: string[] = [];
  const total = [...parameters.values()].reduce((bytes, { size }) => bytes + 4 * size, 0);
  let done = 0;
  try {
    for (const parameter of parameters.values()) {
      const stored = plan.loaded.get(parameter);
      const values = stored === undefined ? initialValues(parameter, seed) : await checkpoint!.readFloat32(stored);
      if (stored !== undefined && !allFinite(values)) nonFinite.push(parameter.name);
      parameter.fill(values);
      done += 4 * parameter.size;
      onProgress?.({ done, total, name: parameter.name });
    }
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    throw error;
  }
  return {
    loaded: [...plan.loaded.keys()].map(({ name }) => name),
    initialized: plan.initialized.map(({ name }) => name),
    unused: plan.unused,
    misshaped: plan.misshaped,
    nonFinite,
  };
}

interface Plan {
  /** Each parameter that is loaded, and the name of its tensor in the checkpoint. */
  readonly loaded: ReadonlyMap<DeclaredParameter, string>;
  readonly initialized: readonly DeclaredParameter[];
  readonly misshaped: LoadReport['misshaped'];
  readonly unused: readonly string[];
}

/** PyTorch's batch norms count batches, whole numbers that nothing is computed with: files hold them, and no model here does. */
const BATCH_COUNT = '.num_batches_tracked';

function match(
  parameters: ReadonlyMap<string, DeclaredParameter>,
  checkpoint: Checkpoint | undefined,
  prefix: string | undefined,
): Plan {
  const loaded = new Map<DeclaredParameter, string>();
  const initialized: DeclaredParameter[] = [];
  const misshaped: LoadReport['misshaped'][number][] = [];
  const unused = new Set([...(checkpoint?.tensors.keys() ?? [])].filter((name) => !name.endsWith(BATCH_COUNT)));
  for (const parameter of parameters.values()) {
    const name = namesOf(parameter.name, prefix).find((name) => checkpoint?.tensors.has(name));
    if (name === undefined) {
      initialized.push(parameter);
      continue;
    }
    unused.delete(name);
    const tensor = checkpoint!.tensors.get(name)!;
    if (fits(parameter, tensor)) loaded.set(parameter, name);
    else
      misshaped.push({
        name,
        wanted: `F32 [${parameter.shape.join(', ')}]`,
        got: `${tensor.dtype} [${tensor.shape.join(', ')}]`,
      });
  }
  return { loaded, initialized, misshaped, unused: [...unused] };
}

function namesOf(name: string, prefix: string | undefined): readonly string[] {
  if (prefix === undefined) return [name];
  return name.startsWith(`${prefix}.`) ? [name, name.slice(prefix.length + 1)] : [name, `${prefix}.${name}`];
}

const FLOATS: readonly string[] = ['F64', 'F32', 'F16', 'BF16'];

function fits({ shape, size, options }: DeclaredParameter, tensor: StoredTensor): boolean {
  if (!FLOATS.includes(tensor.dtype)) return false;
  if (options.match === 'same-size') return tensor.shape.reduce((product, length) => product * length, 1) === size;
  return tensor.shape.length === shape.length && tensor.shape.every((length, axis) => length === shape[axis]);
}

/** A second's worth of looking for near names; a hostile checkpoint can have hundreds of thousands. */
const MAX_COMPARISONS = 1_000_000;

function differences(
  { loaded, initialized, misshaped, unused }: Plan,
  checkpoint: Checkpoint,
  strict: Strict,
): Problem[] {
  if (strict === 'none') return [];
  const at = (name: string) => where(checkpoint.path, name);
  if (loaded.size === 0 && misshaped.length === 0) {
    const [first] = initialized;
    return [
      {
        path: checkpoint.path,
        wanted: `tensors of this model${first ? `, such as ${first.name}` : ''}`,
        got: unused.length === 0 ? 'no tensors at all' : `none of them; it has ${unused.slice(0, 3).join(', ')}, ...`,
      },
    ];
  }
  const missing = initialized.filter(({ options }) => strict === 'all' || options.part !== 'head');
  const candidates = missing.length * unused.length > MAX_COMPARISONS ? [] : unused;
  return [
    ...misshaped.map(({ name, wanted, got }) => ({ path: at(name), wanted, got })),
    ...missing.map(({ name, shape }) => ({
      path: at(name),
      wanted: `a tensor [${shape.join(', ')}]`,
      got: 'no tensor of this name',
      suggestion: didYouMean(name, candidates),
    })),
    ...(strict === 'all'
      ? unused.map((name) => ({
          path: at(name),
          wanted: 'only tensors that the model uses',
          got: 'one that it has no use for',
        }))
      : []),
  ];
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ConvNextV2Error('E_WEIGHTS', problems);
}

/** x - x is 0 for a finite number and NaN for every other. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] - values[i];
  return sum === 0;
}
