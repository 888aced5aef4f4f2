import { checkKnown, requireThat } from '../errors.js';
import { type ImageLimits, readLimits } from '../image/limits.js';

/** What transformers and transformers.js call options of ours, in calls of a pipeline. */
const ALIASES = new Map([
  ['top_k', 'topK'],
  ['topk', 'topK'],
  ['batch_size', 'batchSize'],
]);

/** What to do about options of theirs that are none here. */
const HINTS = new Map(
  Object.entries({
    function_to_apply: "scores are what the config's problem_type says: a softmax, or a sigmoid of each",
    mask_threshold: 'a mask holds what is inside by more than 0.5',
    num_workers: 'concurrency says how many pictures are read ahead, where the task has it',
    overlap_mask_area_threshold: 'objects may overlap here',
    percentage: 'boxes are in pixels of the picture',
    pool: "an option of pipeline(), not of its calls: { pool: 'mean' }",
    return_tensors: "a pipeline gives plain data; a model's forward gives tensors",
    subtask: 'the name of the task says what is done',
    timeout: 'limits: { timeoutSeconds } says how long a picture may take',
  }),
);

interface Common {
  readonly signal?: AbortSignal;
  readonly limits?: ImageLimits;
}

/**
 * The options of a call by our names, without those that are null or undefined. Throws E_ARGUMENT for a value that is not an options object, an
 * unknown one, one that is given twice, and for a signal or limits that are none.
 */
export function readCallOptions<Options extends Common>(options: unknown, known: readonly string[]): Options {
  requireThat(
    'options',
    typeof (options ?? {}) === 'object' && !Array.isArray(options),
    `an object of options, as { ${known[0]}: ... }`,
    options,
  );
  const found = new Map<string, unknown>();
  const nameOf = (given: string) => {
    const alias = ALIASES.get(given);
    return alias !== undefined && known.includes(alias) ? alias : given;
  };
  const entries = Object.entries(options ?? {}).map(([given, value]) => [nameOf(given), value] as const);
  checkKnown(Object.fromEntries(entries), known, (name) => HINTS.get(snakeCase(name)));
  for (const [name, value] of entries) {
    if (value == null) continue;
    requireThat(name, !found.has(name), 'one value', 'two, as it has two spellings');
    found.set(name, value);
  }
  const read: Common = Object.fromEntries(found);
  const { signal, limits } = read;
  requireThat('signal', signal === undefined || isSignal(signal), 'an AbortSignal', signal);
  if (limits !== undefined) readLimits(limits);
  return read as Options;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Also one of another implementation. */
const isSignal = (value: unknown): boolean =>
  typeof Object(value).aborted === 'boolean' && typeof Object(value).addEventListener === 'function';
