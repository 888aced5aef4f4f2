import type { Checkpoint, LoadReport, LoadRow, StoredTensor, Strict } from '../contracts.js';
import { ConvNextV2Error, didYouMean, type Problem } from '../errors.js';
import { anySeed } from '../nn/random.js';
import { type DeclaredParameter, initialValues } from '../nn/scope.js';
import type { Progress } from './hub/settings.js';
import { unreadableIn } from './report.js';
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
  /**
   * The shapes that parameters have in a model with the checkpoint's own classes, by name, where a model with other classes is
   * made. What has another shape there is initialized anew, unless `strict` is `model` or `all`.
   */
  readonly ownShapes?: ReadonlyMap<string, readonly number[]>;
  /** Whether a tensor that the model has no parameter for shows that it is another model's. Default: none does. */
  readonly isOfOtherLayout?: (name: string, parameters: Iterable<string>) => boolean;
  /** Called after each tensor. */
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Gives every parameter its values: those of the checkpoint under its name, fresh ones otherwise. Which differences throw
 * (E_WEIGHTS, listing all, before anything is read): `body` a mis-shaped tensor, a wrong dtype, a missing body parameter or
 * nothing matching at all; `model` also a missing parameter of the head; `all` any difference; `none` nothing. After an error no
 * parameter holds values.
 */
export async function fillParameters(
  parameters: ReadonlyMap<string, DeclaredParameter>,
  checkpoint: Checkpoint | undefined,
  { prefix, strict = 'body', seed = anySeed(), ownShapes, isOfOtherLayout = () => false, onProgress }: FillOptions = {},
): Promise<LoadReport> {
  const plan = match(parameters, checkpoint, prefix, ownShapes);
  const isForeign = (name: string) => isOfOtherLayout(name, parameters.keys());
  if (checkpoint) refuse(differences(plan, checkpoint, strict, isForeign));
  const nonFinite: string[] = [];
  const total = [...parameters.values()].reduce((bytes, { size }) => bytes + 4 * size, 0);
  let done = 0;
  try {
    for (const { parameter, state, name } of plan.matches) {
      const isLoaded = state === 'loaded';
      const values = isLoaded ? await checkpoint!.readFloat32(name) : initialValues(parameter, seed);
      if (isLoaded && !allFinite(values)) nonFinite.push(parameter.name);
      parameter.fill(values);
      done += 4 * parameter.size;
      onProgress?.({ phase: 'load', done, total, name: parameter.name });
    }
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    throw error;
  }
  return { ...reportOf(plan, checkpoint), nonFinite };
}

/** A parameter, and the tensor that it has or should have. */
interface Match {
  readonly parameter: DeclaredParameter;
  readonly state: Exclude<LoadRow['state'], 'unused'>;
  /** Of the tensor, as the checkpoint calls it; where there is none, as the parameter is called. */
  readonly name: string;
  readonly storedName: string;
  readonly wanted: string;
  readonly got: string;
  /** Whether the checkpoint has it for other classes. */
  readonly isReplaced?: boolean;
}

interface Plan {
  /** In the order of the network. */
  readonly matches: readonly Match[];
  /** By the names of the file. */
  readonly unused: readonly string[];
  /** The same by the model's own names. */
  readonly unusedOwn: readonly string[];
}

/** PyTorch's batch norms count batches, whole numbers that nothing is computed with: files hold them, and no model here does. */
const BATCH_COUNT = '.num_batches_tracked';

function match(
  parameters: ReadonlyMap<string, DeclaredParameter>,
  checkpoint: Checkpoint | undefined,
  prefix: string | undefined,
  ownShapes: FillOptions['ownShapes'],
): Plan {
  const storedName = (name: string) => checkpoint?.storedNames?.get(name) ?? name;
  const unused = new Set([...(checkpoint?.tensors.keys() ?? [])].filter((name) => !name.endsWith(BATCH_COUNT)));
  const matches = Array.from(parameters.values(), (parameter): Match => {
    const name = namesOf(parameter.name, prefix).find((name) => checkpoint?.tensors.has(name));
    const size = `[${parameter.shape.join(', ')}]`;
    if (name === undefined) {
      const { name } = parameter;
      const wanted = `a tensor ${size}`;
      return { parameter, state: 'new', name, storedName: name, wanted, got: 'no tensor of this name' };
    }
    unused.delete(name);
    const tensor = checkpoint!.tensors.get(name)!;
    const got = tensor.unreadable ?? `${tensor.dtype} [${tensor.shape.join(', ')}]`;
    const found = { parameter, name, storedName: storedName(name), wanted: `F32 ${size}` };
    if (fits(parameter, tensor)) return { ...found, state: 'loaded', got };
    const isReplaced = ownShapes !== undefined && fits(parameter, tensor, ownShapes.get(parameter.name));
    return isReplaced
      ? { ...found, state: 'new', got: `${got}, of a model for other classes`, isReplaced }
      : { ...found, state: 'mis-shaped', got };
  });
  return { matches, unused: [...unused].map(storedName), unusedOwn: [...unused] };
}

/** The names that a parameter may have in a checkpoint: with the prefix of task models, and without it. */
export function namesOf(name: string, prefix: string | undefined): readonly string[] {
  if (prefix === undefined) return [name];
  return name.startsWith(`${prefix}.`) ? [name, name.slice(prefix.length + 1)] : [name, `${prefix}.${name}`];
}

function reportOf({ matches, unused }: Plan, checkpoint: Checkpoint | undefined): Omit<LoadReport, 'nonFinite'> {
  const of = (state: LoadRow['state']) => matches.filter((match) => match.state === state);
  const fresh = of('new');
  const candidates = comparable(fresh.length, unused);
  const unreadable = new Map(checkpoint && unreadableIn(checkpoint));
  return {
    loaded: of('loaded').map(({ parameter }) => parameter.name),
    initialized: fresh.map(({ parameter }) => parameter.name),
    unused,
    misshaped: of('mis-shaped').map(({ storedName, wanted, got }) => ({ name: storedName, wanted, got })),
    recognised: checkpoint?.recognised ?? [],
    rows: [
      ...matches.map(({ parameter: { name }, state, storedName, wanted, got }): LoadRow => {
        const row = { state, name, ...(storedName !== name && { storedName }) };
        if (state === 'loaded') return row;
        const reason = checkpoint ? `wanted ${wanted}, got ${got}` : 'there is no checkpoint';
        return { ...row, reason, suggestion: state === 'new' ? didYouMean(name, candidates) : undefined };
      }),
      ...unused.map((name): LoadRow => {
        const reason = unreadable.has(name)
          ? `it cannot be read: ${unreadable.get(name)}`
          : 'the model has no use for it';
        return { state: 'unused', name, reason };
      }),
    ],
  };
}

const FLOATS: readonly string[] = ['F64', 'F32', 'F16', 'BF16'];

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function fits({ shape: own, options }: DeclaredParameter, tensor: StoredTensor, shape = own): boolean {
  if (tensor.unreadable !== undefined || !FLOATS.includes(tensor.dtype)) return false;
  if (options.match === 'same-size') return sizeOf(tensor.shape) === sizeOf(shape);
  return tensor.shape.length === shape.length && tensor.shape.every((length, axis) => length === shape[axis]);
}

/** A second's worth of looking for near names; a hostile checkpoint can have hundreds of thousands. */
const MAX_COMPARISONS = 1_000_000;

/** The names to look for near ones among: none where there are too many. */
const comparable = (missing: number, names: readonly string[]): readonly string[] =>
  missing * names.length > MAX_COMPARISONS ? [] : names;

function differences(
  { matches, unused, unusedOwn }: Plan,
  checkpoint: Checkpoint,
  strict: Strict,
  isForeign: (name: string) => boolean,
): Problem[] {
  if (strict === 'none') return [];
  const at = (name: string) => where(checkpoint.path, name);
  if (matches.every(({ state }) => state === 'new')) {
    const [first] = matches;
    return [
      {
        path: checkpoint.path,
        wanted: `tensors of this model${first ? `, such as ${first.name}` : ''}`,
        got: unused.length === 0 ? 'no tensors at all' : `none of them; it has ${unused.slice(0, 3).join(', ')}, ...`,
      },
    ];
  }
  const misshaped = matches.filter(({ state }) => state === 'mis-shaped');
  const missing = matches.filter(
    ({ state, parameter, isReplaced }) =>
      state === 'new' && (strict !== 'body' || !(isReplaced || parameter.options.part === 'head')),
  );
  const candidates = comparable(missing.length, unused);
  return [
    ...misshaped.map(({ storedName, wanted, got }) => ({ path: at(storedName), wanted, got })),
    ...missing.map(({ name, wanted, got }) => ({
      path: at(name),
      wanted,
      got,
      suggestion: didYouMean(name, candidates),
    })),
    ...unused
      .filter((_, i) => isForeign(unusedOwn[i]))
      .map((name) => ({
        path: at(name),
        wanted: 'tensors of the network that the config describes',
        got: 'one of another layout',
        suggestion: 'leave out the option config, or correct config.json',
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
