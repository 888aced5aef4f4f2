import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type BackendReport, useBackend } from '../backend/use-backend.js';
import { packageFile } from '../config/package-files.js';
import { ConvNextV2Error } from '../errors.js';
import { openPreprocessor, openSource } from '../weights/source.js';
import { progress, readWhole } from './command.js';

/** The options of all commands that run a model. */
export const MODEL_OPTIONS = {
  model: { type: 'string' },
  config: { type: 'string' },
  seed: { type: 'string', default: '0' },
  backend: { type: 'string', default: 'auto' },
} as const;

/** What these options mean. */
export interface ModelChoice {
  readonly source: string;
  /** In place of the source's own. */
  readonly config: string | undefined;
  /** For fresh weights. */
  readonly seed: number;
  readonly backend: BackendReport;
  /** Whether the source has weights. */
  readonly trained: boolean;
}

/** Reads the options, and chooses the backend. Throws E_USAGE, E_BACKEND, E_SOURCE. */
export async function chooseModel(
  command: string,
  pictures: readonly string[],
  {
    model: source,
    config,
    seed,
    backend,
  }: { readonly model?: string; readonly config?: string; readonly seed: string; readonly backend: string },
): Promise<ModelChoice> {
  const usage = (path: string, wanted: string) =>
    new ConvNextV2Error('E_USAGE', { path, wanted, got: 'none', suggestion: `see convnextv2 ${command} --help` });
  if (pictures.length === 0) throw usage('PICTURES', 'at least one picture');
  if (source === undefined) throw usage('--model', 'a model');
  const choice = { source, config, seed: readWhole('--seed', seed), backend: await useBackend(backend) };
  return { ...choice, trained: (await openSource(source)).openCheckpoint !== undefined };
}

/** Opens the model, and says how long it took. */
export async function openModel<Model>(
  { source, config, seed, backend }: ModelChoice,
  open: (
    source: string,
    options: {
      readonly seed: number;
      readonly config: string | undefined;
      readonly onProgress: (read: { readonly done: number; readonly total: number }) => void;
    },
  ) => Promise<Model>,
): Promise<Model> {
  const start = performance.now();
  const model = await open(source, {
    seed,
    config,
    onProgress: ({ done, total }) => progress(`loading ${source}: ${Math.round((100 * done) / total)} %`),
  });
  progress('');
  const milliseconds = (performance.now() - start).toFixed(0);
  console.error(`${source}: ready in ${milliseconds} ms, backend ${backend.name} (${backend.detail})`);
  return model;
}

/** Says of fresh weights that they are. */
export function warnUntrained(
  { trained, seed }: ModelChoice,
  what: string,
  example = 'facebook/convnextv2-tiny-1k-224',
): void {
  if (trained) return;
  console.error(
    `The weights are untrained (seed ${seed}): ${what}. For trained weights, give a model of the Hub as --model, such as ` +
      `${example}; convnextv2 models lists them.`,
  );
}

/** What a source is: its files may change while their names stay. Throws as `fromPretrained`. */
export async function describeSource(source: string): Promise<Readonly<Record<string, unknown>>> {
  const { config, openCheckpoint } = await openSource(source);
  const checkpoint = await openCheckpoint?.();
  await checkpoint?.close();
  const { size, mtimeMs } = checkpoint ? await stat(checkpoint.path) : { size: 0, mtimeMs: 0 };
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  return { version, config, preprocessor: (await openPreprocessor(source)).json, weights: [size, mtimeMs] };
}
