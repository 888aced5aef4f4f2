import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { useBackend } from '../backend/use-backend.js';
import type { Backbone } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { AutoImageProcessor } from '../image/auto.js';
import { decodeImage } from '../image/decode.js';
import { encodePng, featurePicture } from '../image/draw.js';
import type { ConvNextImageProcessor } from '../image/processor.js';
import { extractFeatureMaps, type FeatureMapData } from '../tasks/features.js';
import { writeFileAtomically } from '../weights/atomic.js';
import { AutoBackbone } from '../weights/auto.js';
import { toBytes } from '../weights/dtypes.js';
import { openSource } from '../weights/source.js';
import { writeSafetensors } from '../weights/write-safetensors.js';
import { type Command, progress, readArgs, readNames, readWhole, table } from './command.js';

const HELP = `Turns pictures into multi-scale feature maps.

Usage: convnextv2 features PICTURES... --model SOURCE [OPTIONS]

  --model SOURCE         a folder with config.json and model.safetensors, a file of these, or a shipped config such as
                         convnextv2-atto (then the weights are fresh and untrained)
  --out-features NAMES   which maps, as stage2,stage3,stage4; default: the model's own
  --out DIR              where to write, for each picture, NAME.safetensors with its maps and NAME.features.png with a
                         picture of them; default: nothing is written
  --seed N               for fresh weights; default 0
  --backend NAME         auto, tensorflow, cpu; default auto
  --json                 print JSON instead of a table

Examples:
  convnextv2 features cat.png --model ./convnextv2-tiny --out-features stage2,stage3,stage4 --out features
  convnextv2 features *.jpg --model convnextv2-atto --json
`;

const OPTIONS = {
  model: { type: 'string' },
  'out-features': { type: 'string' },
  out: { type: 'string' },
  seed: { type: 'string', default: '0' },
  backend: { type: 'string', default: 'auto' },
  json: { type: 'boolean', default: false },
} as const;

/** What came of one picture. */
interface Result {
  readonly picture: string;
  readonly milliseconds: number;
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
  const { values, positionals: pictures } = readArgs(args, OPTIONS);
  const { model: source, out } = values;
  const usage = (path: string, wanted: string) =>
    new ConvNextV2Error('E_USAGE', { path, wanted, got: 'none', suggestion: 'see convnextv2 features --help' });
  if (pictures.length === 0) throw usage('PICTURES', 'at least one picture');
  if (source === undefined) throw usage('--model', 'a model');
  const seed = readWhole('--seed', values.seed);
  const outFeatures = values['out-features'] === undefined ? undefined : readNames(values['out-features']);
  const backend = await useBackend(values.backend);
  const start = performance.now();
  const backbone = await AutoBackbone.fromPretrained(source, {
    outFeatures,
    seed,
    onProgress: ({ done, total }) => progress(`loading ${source}: ${Math.round((100 * done) / total)} %`),
  });
  const processor = await AutoImageProcessor.fromPretrained(source);
  progress('');
  if (out !== undefined) await makeFolder(out);
  const loading = performance.now() - start;
  const trained = (await openSource(source)).openCheckpoint !== undefined;
  console.error(`${source}: ready in ${loading.toFixed(0)} ms, backend ${backend.name} (${backend.detail})`);
  const results: Result[] = [];
  let failed = 0;
  for (const [i, picture] of pictures.entries()) {
    progress(`${picture} (${i + 1} of ${pictures.length})`);
    try {
      const result = await extract(picture, nameOf(pictures, i), backbone, processor, out);
      progress('');
      if (!values.json) process.stdout.write(report(result));
      results.push(result);
    } catch (error) {
      if (!(error instanceof ConvNextV2Error) || error.code === 'E_OUTPUT') throw error;
      progress('');
      console.error(error.message.replace(/\n\s*/g, '; '));
      failed += 1;
    }
  }
  backbone.dispose();
  if (values.json)
    console.log(JSON.stringify({ model: source, backend: backend.name, trained, pictures: results }, null, 2));
  if (!trained) {
    console.error(
      `The weights are untrained (seed ${seed}): the maps show the network at work, not what a trained one sees. For trained ` +
        'weights, download config.json and model.safetensors of a model, as facebook/convnextv2-tiny-1k-224, into a folder ' +
        'and give that folder as --model.',
    );
  }
  return failed > 0 ? 1 : 0;
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw new ConvNextV2Error('E_OUTPUT', { path: folder, wanted: 'a folder to write to', got: cause.code }, { cause });
  });
}

/** The name of a picture's files: its own, and a number where another picture has the same. */
function nameOf(pictures: readonly string[], i: number): string {
  const names = pictures.map((picture) => basename(picture, extname(picture)));
  const before = names.slice(0, i).filter((name) => name === names[i]).length;
  return before === 0 ? names[i] : `${names[i]}-${before + 1}`;
}

async function extract(
  picture: string,
  name: string,
  backbone: Backbone,
  processor: ConvNextImageProcessor,
  out?: string,
): Promise<Result> {
  const start = performance.now();
  const maps = await extractFeatureMaps(backbone, processor, picture);
  const milliseconds = performance.now() - start;
  const files = out === undefined ? [] : await write(join(out, name), picture, maps);
  return {
    picture,
    milliseconds,
    maps: maps.map((map) => ({ name: map.name, shape: map.shape, stride: map.stride, ...moments(map.data) })),
    files,
  };
}

async function write(path: string, picture: string, maps: readonly FeatureMapData[]): Promise<readonly string[]> {
  const [tensors, drawing] = [`${path}.safetensors`, `${path}.features.png`];
  await writeSafetensors(
    tensors,
    maps.map(({ name, shape, data }) => ({
      name,
      dtype: 'F32',
      shape,
      bytes: toBytes('F32', data),
    })),
  );
  const photograph = await decodeImage(picture);
  const tiles = maps.map(({ name, data, shape: [height, width, channels] }) => ({
    name,
    data,
    height,
    width,
    channels,
  }));
  const png = await encodePng(featurePicture(photograph, tiles));
  await writeFileAtomically(drawing, async (handle) => {
    await handle.writeFile(png);
  });
  return [tensors, drawing];
}

function moments(data: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance) };
}

function report({ picture, milliseconds, maps, files }: Result): string {
  const rows = maps.map(({ name, shape, stride, mean, deviation }) => [
    name,
    shape.join(' x '),
    stride,
    mean.toFixed(4),
    deviation.toFixed(4),
  ]);
  const written = files.map((file) => `wrote ${file}\n`).join('');
  return `${picture}: ${milliseconds.toFixed(0)} ms\n${table(['map', 'shape', 'stride', 'mean', 'deviation'], rows)}${written}`;
}

export const features: Command = { summary: 'pictures to multi-scale feature maps', help: HELP, run };
