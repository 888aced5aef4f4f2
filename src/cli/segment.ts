import { join } from 'node:path';
import { decodeImage } from '../image/decode.js';
import { encodePng } from '../image/draw.js';
import { encodeLabelPng } from '../image/label-png.js';
import { classColours } from '../image/palette.js';
import { segmentationPicture } from '../image/segmentation-picture.js';
import { pipeline } from '../tasks/pipeline.js';
import type { Segmentation } from '../tasks/segmentation.js';
import { COMMON_HELP, type Command, json, print, progress, readArgs, reportFailure, table } from './command.js';
import { writeFile } from './formats.js';
import { CLASSES, contentOf, findInputs, type Input, OVERLAY, PICTURES_HELP } from './inputs.js';
import { chooseModel, MODEL_HELP, MODEL_OPTIONS, MODEL_OPTIONS_HELP, openModel, warnUntrained } from './model.js';
import { readViews, VIEW_HELP, VIEW_OPTIONS } from './views.js';

const HELP = `Says what each pixel of pictures shows, by a trained segmenter.

Usage: convnextv2 segment PICTURES... --model SOURCE [OPTIONS]

${PICTURES_HELP}
${MODEL_HELP}
  --out DIR            where to write NAME${CLASSES}, whose values are the indices of the classes, and
                       NAME${OVERLAY}, the picture with the classes as colours and a legend; default: nothing
${VIEW_HELP}
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP}
${COMMON_HELP}

Examples:
  convnextv2 segment street.jpg --model ./upernet-convnext-tiny --out segments
  convnextv2 segment photos --model ./upernet-convnext-tiny --slide --out segments --json
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  ...VIEW_OPTIONS,
  out: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const views = readViews(values);
  const choice = await chooseModel('segment', positionals, values);
  const { inputs, failures: none } = await findInputs(positionals);
  const segmentPicture = await openModel(choice, (source, options) =>
    pipeline('semantic-segmentation', source, options),
  );
  const pictures: ReturnType<typeof summary>[] = [];
  const failures = none.map((error) => reportFailure(error.path, error));
  for (const [i, input] of inputs.entries()) {
    const { picture } = input;
    const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) =>
      progress(`${picture} (${i + 1} of ${inputs.length}): ${done} of ${total} windows`);
    try {
      const result = await segmentPicture(contentOf(input), { ...views, onProgress });
      const files = values.out === undefined ? [] : await write(values.out, input, result, segmentPicture.config);
      progress('');
      if (values.json) pictures.push(summary(picture, result, files));
      else await print(report(picture, result, files));
    } catch (error) {
      failures.push(reportFailure(picture, error));
    }
  }
  await segmentPicture.dispose();
  const { source, backend, trained } = choice;
  if (values.json) await print(json({ model: source, backend: backend.name, trained, pictures, failures }));
  warnUntrained(choice, 'the classes mean nothing', 'openmmlab/upernet-convnext-tiny');
  return failures.length > 0 ? 1 : 0;
}

/** Writes both files of a picture. Throws E_OUTPUT. */
async function write(
  out: string,
  input: Input,
  { classes: data, width, height, segments }: Segmentation,
  { numLabels }: { readonly numLabels: number },
): Promise<readonly string[]> {
  const map = { data, width, height };
  const colours = classColours(numLabels);
  const files = [join(out, `${input.name}${CLASSES}`), join(out, `${input.name}${OVERLAY}`)];
  await writeFile(files[0], encodeLabelPng(map, colours));
  await writeFile(
    files[1],
    await encodePng(segmentationPicture(await decodeImage(contentOf(input)), map, segments, colours)),
  );
  return files;
}

const shareOf = (area: number, { width, height }: Segmentation): number => area / (width * height);

function summary(picture: string, result: Segmentation, files: readonly string[]) {
  const { width, height, segments } = result;
  const listed = segments.map(({ id, label, area }) => ({ id, label, area, share: shareOf(area, result) }));
  return { picture, width, height, segments: listed, files };
}

function report(picture: string, result: Segmentation, files: readonly string[]): string {
  const rows = result.segments.map(({ id, label, area }) => [(100 * shareOf(area, result)).toFixed(1), id, label]);
  return `${picture}\n${table(['share %', 'class', 'label'], rows)}${files.map((file) => `wrote ${file}\n`).join('')}`;
}

export const segment: Command = { summary: 'pictures to a class for each pixel', help: HELP, run };
