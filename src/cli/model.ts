import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type BackendReport, useBackend } from '../backend/use-backend.js';
import { packageFile } from '../config/package-files.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { openPreprocessor, openSource, type SourceOptions } from '../weights/source.js';
import { note, progress, readWhole } from './command.js';
import { readSourceOptions, SOURCE_HELP, SOURCE_OPTIONS, type SourceValues } from './source-options.js';

/** The options of all commands that run a model. */
export const MODEL_OPTIONS = {
  ...SOURCE_OPTIONS,
  model: { type: 'string' },
  'random-weights': { type: 'boolean', default: false },
  seed: { type: 'string', default: '0' },
  backend: { type: 'string', default: 'auto' },
} as const;

const BACKENDS = ['auto', 'simd', 'tensorflow', 'cpu'];

/** How the help of these commands describes --model. */
export const MODEL_HELP = `  --model SOURCE       a model of the Hub (OWNER/NAME), a folder, a file of weights, or an https URL`;

/** The same for the other options. */
export const MODEL_OPTIONS_HELP = `  --random-weights     untrained weights, for a config without weights such as one that ships (convnextv2 models lists
                       trained ones)
  --seed N             of random weights; default 0
  --backend NAME       ${BACKENDS.join(', ')}; default auto
${SOURCE_HELP}`;

/** What these options mean. */
export interface ModelChoice {
  readonly source: string;
  readonly options: SourceOptions;
  readonly weights: 'random' | undefined;
  /** Of random weights. */
  readonly seed: number;
  readonly backend: BackendReport;
  /** Whether the weights are the source's own. */
  readonly trained: boolean;
}

/** The values of these options. */
export interface ModelValues extends SourceValues {
  readonly model?: string;
  readonly 'random-weights': boolean;
  readonly seed: string;
  readonly backend: string;
}

/** Reads the options, and chooses the backend. Throws E_USAGE, E_BACKEND. */
export async function chooseModel(
  command: string,
  pictures: readonly string[],
  values: ModelValues,
): Promise<ModelChoice> {
  const usage = (path: string, wanted: string) =>
    new ConvNextV2Error('E_USAGE', { path, wanted, got: 'none', suggestion: `see convnextv2 ${command} --help` });
  if (pictures.length === 0) throw usage('PICTURES', 'at least one picture');
  const { model: source, backend, 'random-weights': isRandom } = values;
  if (source === undefined) throw usage('--model', 'a model');
  if (!BACKENDS.includes(backend)) {
    throw new ConvNextV2Error('E_USAGE', {
      path: '--backend',
      wanted: `one of ${BACKENDS.join(', ')}`,
      got: show(backend),
      suggestion: didYouMean(backend, BACKENDS),
    });
  }
  return {
    source,
    options: readSourceOptions(values),
    weights: isRandom ? 'random' : undefined,
    seed: readWhole('--seed', values.seed),
    backend: await useBackend(backend),
    trained: !isRandom,
  };
}

/** Opens the model, and says how long it took. */
export async function openModel<Model>(
  { source, options, weights, seed, backend }: ModelChoice,
  open: (
    source: string,
    options: SourceOptions & { readonly seed: number; readonly weights: 'random' | undefined },
  ) => Promise<Model>,
): Promise<Model> {
  const start = performance.now();
  const model = await open(source, { ...options, seed, weights });
  progress('');
  const milliseconds = (performance.now() - start).toFixed(0);
  note(`${source}: ready in ${milliseconds} ms, backend ${backend.name} (${backend.detail})`);
  return model;
}

/** Says of random weights that they are. */
export function warnUntrained(
  { trained, seed }: ModelChoice,
  what: string,
  example = 'facebook/convnextv2-tiny-1k-224',
): void {
  if (trained) return;
  note(
    `The weights are untrained (seed ${seed}): ${what}. For trained weights, give a model of the Hub as --model, such as ` +
      `${example}; convnextv2 models lists them.`,
  );
}

/** What a source is: its files may change while their names stay. Throws as `fromPretrained`. */
export async function describeSource({
  source,
  options,
  weights,
}: ModelChoice): Promise<Readonly<Record<string, unknown>>> {
  const { config, openCheckpoint } = await openSource(source, options);
  const checkpoint = weights === 'random' ? undefined : await openCheckpoint?.();
  await checkpoint?.close();
  const { size, mtimeMs } = checkpoint ? await stat(checkpoint.path) : { size: 0, mtimeMs: 0 };
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  const { revision, subfolder, key, format, config: given } = options;
  return {
    version,
    config,
    preprocessor: (await openPreprocessor(source, options)).json,
    weights: weights ?? [size, mtimeMs],
    options: { revision, subfolder, key, format, given },
  };
}
