import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { type FeatureMapData, openExtractor } from '../tasks/extractor.js';
import {
  COMMON_HELP,
  type Command,
  json,
  note,
  print,
  progress,
  readArgs,
  readCount,
  readNames,
  reportFailure,
  table,
} from './command.js';
import { FORMATS } from './formats.js';
import { contentOf, findInputs, type Input, PICTURES_HELP } from './inputs.js';
import {
  chooseModel,
  describeSource,
  MODEL_HELP,
  MODEL_OPTIONS,
  MODEL_OPTIONS_HELP,
  openModel,
  warnUntrained,
} from './model.js';
import { type OutputOptions, openOutput } from './output.js';

const HELP = `Turns pictures into multi-scale feature maps.

Usage: convnextv2 features PICTURES... --model SOURCE [OPTIONS]

${PICTURES_HELP}
${MODEL_HELP}
  --out-features NAMES which maps, as stage2,stage3,stage4; default: those of the backbone that wrote SOURCE, or of
                       any other model last_hidden_state
  --pool               the mean of each map, a vector, instead of the map; of a whole model its pooler_output
  --out DIR            where to write; what is there already, of the same pictures by the same model, is not done
                       again; default: nothing is written
  --again              do what is there already again
  --format FORMAT      safetensors: NAME.safetensors for each picture (default); npy: NAME.MAP.npy for each map;
                       json, parquet: features.json or features.parquet for all
  --picture            also write NAME.features.png, a picture of the maps of each
  --batch-size N       how many pictures are computed at once; default 4
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP.replace('--format NAME       ', '--source-format NAME')}
${COMMON_HELP}

Examples:
  convnextv2 features cat.png --model facebook/convnextv2-tiny-1k-224 --out-features stage3,stage4 --out features
  convnextv2 features photos --model ./convnextv2-tiny --pool --out features --format parquet
  convnextv2 features *.jpg --model convnextv2-atto --random-weights --json
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  'source-format': { type: 'string' },
  'out-features': { type: 'string' },
  pool: { type: 'boolean', default: false },
  out: { type: 'string' },
  format: { type: 'string' },
  picture: { type: 'boolean', default: false },
  again: { type: 'boolean', default: false },
  'batch-size': { type: 'string', default: '4' },
  json: { type: 'boolean', default: false },
} as const;

/** What came of one picture. */
interface Result {
  readonly picture: string;
  readonly maps: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly stride: number;
    readonly mean: number;
    readonly deviation: number;
  }[];
  readonly files: readonly string[];
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const target = readTarget(values);
  const batchSize = readCount('--batch-size', values['batch-size']);
  const names = values['out-features'];
  const outFeatures = names === undefined ? undefined : readNames('--out-features', names);
  const pool = values.pool ? 'mean' : 'none';
  // --format is that of the files to write
  const choice = await chooseModel('features', positionals, { ...values, format: values['source-format'] });
  const { source, seed, backend, trained } = choice;

  const { inputs, failures: none } = await findInputs(positionals);
  const settings = { source: await describeSource(choice), outFeatures, pool, seed, backend: backend.name, batchSize };
  const output = target && (await openOutput(target, settings, inputs));
  const finishedBefore = output?.finished.size ?? 0;
  if (finishedBefore > 0) {
    note(`${finishedBefore} of ${inputs.length} pictures were finished before (--again does them again)`);
  }

  const results: Result[] = [];
  const failures = none.map((error) => reportFailure(error.path, error));
  const todo = unfinished(inputs, output?.finished, batchSize);
  if (todo.length > 0) {
    const extractor = await openModel(choice, (source, options) =>
      openExtractor(source, { ...options, outFeatures, pool }),
    );
    const start = performance.now();
    let done = 0;
    const pictures = todo.map(contentOf);
    for await (const { result, error } of extractor.extract(pictures, { batchSize })) {
      const input = todo[done++];
      const { picture } = input;
      try {
        if (error) throw error;
        if (output?.finished.has(input.name)) continue;
        const files = (await output?.write(input, result)) ?? [];
        progress('');
        if (values.json) results.push(summary(picture, result, files));
        else await print(report(summary(picture, result, files)));
      } catch (error) {
        failures.push(reportFailure(picture, error));
      }
      const seconds = (performance.now() - start) / 1000;
      progress(`${done} of ${todo.length}, ${(done / seconds).toFixed(1)} pictures/s`);
    }
    progress('');
    await extractor.dispose();
  }
  const file = await output?.close();
  if (values.json) {
    const found = { pictures: results, finishedBefore, failures, ...(file && { file }) };
    await print(json({ model: source, backend: backend.name, trained, ...found }));
  } else if (file) {
    await print(`wrote ${file}\n`);
  }
  warnUntrained(choice, 'the maps show the network at work, not what a trained one sees');
  return failures.length > 0 ? 1 : 0;
}

/** What to write where; undefined for nothing. Throws E_USAGE. */
function readTarget({
  out,
  format,
  picture,
  pool,
  again,
}: {
  readonly out?: string;
  readonly format?: string;
  readonly picture: boolean;
  readonly pool: boolean;
  readonly again: boolean;
}): OutputOptions | undefined {
  const usage = (path: string, wanted: string, got: string, suggestion?: string) =>
    new ConvNextV2Error('E_USAGE', { path, wanted, got, suggestion });
  const known = FORMATS.find((name) => name === (format ?? 'safetensors'));
  if (!known) throw usage('--format', `one of ${FORMATS.join(', ')}`, show(format), didYouMean(format!, FORMATS));
  if (picture && pool) throw usage('--picture', 'maps to draw', 'the vectors of --pool');
  if (out !== undefined) {
    return { out, format: known, draw: picture ? 'picture' : 'nothing', finished: again ? 'again' : 'skip' };
  }
  if (picture || again || format !== undefined) throw usage('--out', 'a folder to write to', 'none');
  return undefined;
}

/**
 * What is left to do. Pictures are computed in batches, and on some backends the last bits depend on what else is in one: so a
 * batch that is not finished is done again as a whole, and the files are the same however often a run was stopped.
 */
export function unfinished(
  inputs: readonly Input[],
  finished: ReadonlySet<string> | undefined,
  batchSize: number,
): readonly Input[] {
  const todo: Input[] = [];
  for (let i = 0; i < inputs.length; i += batchSize) {
    const batch = inputs.slice(i, i + batchSize);
    if (!batch.every(({ name }) => finished?.has(name))) todo.push(...batch);
  }
  return todo;
}

function summary(picture: string, maps: readonly FeatureMapData[], files: readonly string[]): Result {
  const described = maps.map(({ name, shape, stride, data }) => ({ name, shape, stride, ...moments(data) }));
  return { picture, maps: described, files };
}

function moments(data: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance) };
}

function report({ picture, maps, files }: Result): string {
  const rows = maps.map(({ name, shape, stride, mean, deviation }) => [
    name,
    shape.join(' x '),
    stride,
    fixed(mean),
    fixed(deviation),
  ]);
  const written = files.map((file) => `wrote ${file}\n`).join('');
  return `${picture}\n${table(['map', 'shape', 'stride', 'mean', 'deviation'], rows)}${written}`;
}

/** Four decimals, without the sign of a -0.00001. */
const fixed = (value: number): string => value.toFixed(4).replace(/^-(0\.0+)$/, '$1');

export const features: Command = { summary: 'pictures to multi-scale feature maps', help: HELP, run };
