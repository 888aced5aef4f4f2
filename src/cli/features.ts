import { basename, dirname, extname, join } from 'node:path';
import { useBackend } from '../backend/use-backend.js';
import type { Backbone } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { AutoImageProcessor } from '../image/auto.js';
import { decodeImage } from '../image/decode.js';
import { encodePng, featurePicture } from '../image/draw.js';
import type { ConvNextImageProcessor } from '../image/processor.js';
import type { RawImage } from '../image/raw-image.js';
import { extractFeatureMaps, type FeatureMapData } from '../tasks/features.js';
import { makeFolder, writeFileAtomically } from '../weights/atomic.js';
import { AutoBackbone } from '../weights/auto.js';
import { toBytes } from '../weights/dtypes.js';
import { openSource } from '../weights/source.js';
import { writeSafetensors } from '../weights/write-safetensors.js';
import { type Command, json, oneLine, print, progress, readArgs, readNames, readWhole, table } from './command.js';

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
  const names = values['out-features'];
  const outFeatures = names === undefined ? undefined : readNames('--out-features', names);
  const backend = await useBackend(values.backend);
  const start = performance.now();
  const backbone = await AutoBackbone.fromPretrained(source, {
    outFeatures,
    seed,
    onProgress: ({ done, total }) => progress(`loading ${source}: ${Math.round((100 * done) / total)} %`),
  });
  const processor = await AutoImageProcessor.fromPretrained(source);
  const loading = performance.now() - start;
  const trained = (await openSource(source)).openCheckpoint !== undefined;
  progress('');
  console.error(`${source}: ready in ${loading.toFixed(0)} ms, backend ${backend.name} (${backend.detail})`);
  const fileNames = fileNamesOf(pictures);
  const results: Result[] = [];
  const failures: { readonly picture: string; readonly error: string }[] = [];
  for (const [i, picture] of pictures.entries()) {
    progress(`${picture} (${i + 1} of ${pictures.length})`);
    try {
      const result = await extract(picture, backbone, processor, out && join(out, fileNames[i]));
      progress('');
      if (!values.json) await print(report(result));
      results.push(result);
    } catch (error) {
      if (!(error instanceof ConvNextV2Error) || error.code === 'E_OUTPUT') throw error;
      progress('');
      failures.push({
        picture,
        error: oneLine(error.path === picture ? error.message : `${error.message} (${picture})`),
      });
      console.error(failures[failures.length - 1].error);
    }
  }
  backbone.dispose();
  if (values.json) await print(json({ model: source, backend: backend.name, trained, pictures: results, failures }));
  if (!trained) {
    console.error(
      `The weights are untrained (seed ${seed}): the maps show the network at work, not what a trained one sees. For trained ` +
        'weights, download config.json and model.safetensors of a model, as facebook/convnextv2-tiny-1k-224, into a folder ' +
        'and give that folder as --model.',
    );
  }
  return failures.length > 0 ? 1 : 0;
}

/** What to call the files of each picture: as the picture, with a number where another one's are called so. */
export function fileNamesOf(pictures: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return pictures.map((picture) => {
    const own = basename(picture, extname(picture));
    let name = own;
    // not every file system tells a from A
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${own}-${i}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** `path`: where to write, less the endings. */
async function extract(
  picture: string,
  backbone: Backbone,
  processor: ConvNextImageProcessor,
  path: string | undefined,
): Promise<Result> {
  const start = performance.now();
  const photograph = await decodeImage(picture);
  const maps = await extractFeatureMaps(backbone, processor, photograph);
  const milliseconds = Math.round(performance.now() - start);
  return {
    picture,
    milliseconds,
    maps: maps.map((map) => ({ name: map.name, shape: map.shape, stride: map.stride, ...moments(map.data) })),
    files: path === undefined ? [] : await write(path, photograph, maps),
  };
}

async function write(path: string, photograph: RawImage, maps: readonly FeatureMapData[]): Promise<readonly string[]> {
  const [tensors, drawing] = [`${path}.safetensors`, `${path}.features.png`];
  await makeFolder(dirname(path));
  await writeSafetensors(
    tensors,
    maps.map(({ name, shape, data }) => ({ name, dtype: 'F32', shape, bytes: toBytes('F32', data) })),
  );
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
    fixed(mean),
    fixed(deviation),
  ]);
  const written = files.map((file) => `wrote ${file}\n`).join('');
  return `${picture}: ${milliseconds} ms\n${table(['map', 'shape', 'stride', 'mean', 'deviation'], rows)}${written}`;
}

/** Four decimals, without the sign of a -0.00001. */
const fixed = (value: number): string => value.toFixed(4).replace(/^-(0\.0+)$/, '$1');

export const features: Command = { summary: 'pictures to multi-scale feature maps', help: HELP, run };
