import { basename, join } from 'node:path';
import { decodeImage } from '../image/decode.js';
import { detectionPicture } from '../image/detection-picture.js';
import { encodePng } from '../image/draw.js';
import type { DetectedObject } from '../tasks/detection.js';
import { pipeline } from '../tasks/pipeline.js';
import {
  type Command,
  json,
  print,
  progress,
  readArgs,
  readNames,
  readShare,
  reportFailure,
  table,
} from './command.js';
import { writeFile } from './formats.js';
import { DETECTIONS, findInputs, type Input } from './inputs.js';
import { chooseModel, MODEL_OPTIONS, openModel, warnUntrained } from './model.js';

const RESULTS = 'detections.json';

const HELP = `Finds objects in pictures, by a trained detector.

Usage: convnextv2 detect PICTURES... --model SOURCE [OPTIONS]

  PICTURES         files, folders with pictures in them at any depth, and patterns such as 'photos/**/*.jpg'
  --model SOURCE   a folder with config.json and model.safetensors, a file of these, or a shipped config such as
                   mask-rcnn_convnextv2-tiny_fpn (then the weights are fresh and untrained)
  --config NAME    for weights without a config.json, or with another: a file, or the name of a shipped one, such as
                   mask-rcnn_convnextv2-base_fpn_mmdetection
  --threshold N    only what scores as much or more, from 0 to 1; default 0.5
  --classes NAMES  only objects of these classes, separated by commas
  --out DIR        where to write NAME${DETECTIONS}, the picture with boxes, labels and masks, and ${RESULTS},
                   what was found in all of them as COCO's results; default: nothing is written
  --seed N         for fresh weights; default 0
  --backend NAME   auto, simd, tensorflow, cpu; default auto
  --json           print JSON instead of a table

Examples:
  convnextv2 detect street.jpg --model ./mask-rcnn --out found
  convnextv2 detect photos --model ./mask-rcnn --classes person,dog --threshold 0.7 --json
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  threshold: { type: 'string', default: '0.5' },
  classes: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const threshold = readShare('--threshold', values.threshold);
  const classes = values.classes === undefined ? undefined : readNames('--classes', values.classes);
  const choice = await chooseModel('detect', positionals, values);
  const { inputs, failures: none } = await findInputs(positionals);
  const detect = await openModel(choice, (source, options) => pipeline('object-detection', source, options));
  const pictures: { readonly picture: string; readonly objects: readonly object[] }[] = [];
  const results: object[] = [];
  const failures = none.map((error) => reportFailure(error.path, error));
  for (const [i, input] of inputs.entries()) {
    const { picture } = input;
    progress(`${picture} (${i + 1} of ${inputs.length})`);
    try {
      const objects = await detect(picture, { threshold, classes });
      const files = values.out === undefined ? [] : [await draw(values.out, input, objects, detect.config)];
      results.push(...objects.map((object) => toCoco(picture, i, object)));
      progress('');
      if (values.json) pictures.push({ picture, objects: objects.map(plain) });
      else await print(report(picture, objects, files));
    } catch (error) {
      failures.push(reportFailure(picture, error));
    }
  }
  await detect.dispose();
  if (values.out !== undefined) await writeFile(join(values.out, RESULTS), Buffer.from(json(results)));
  const { source, backend, trained } = choice;
  if (values.json) await print(json({ model: source, backend: backend.name, trained, pictures, failures }));
  warnUntrained(choice, 'what is found means nothing', "a Mask R-CNN with torchvision's names");
  return failures.length > 0 ? 1 : 0;
}

/** Writes the picture of what was found, and gives its file. Throws E_OUTPUT. */
async function draw(
  out: string,
  { name, picture }: Input,
  objects: readonly DetectedObject[],
  { id2label }: { readonly id2label: Readonly<Record<number, string>> },
): Promise<string> {
  const file = join(out, `${name}${DETECTIONS}`);
  const drawing = await detectionPicture(await decodeImage(picture), objects, Object.values(id2label));
  await writeFile(file, await encodePng(drawing));
  return file;
}

/** COCO's own pictures are called by their numbers; others count from 1. */
function toCoco(picture: string, index: number, { id, score, box, mask }: DetectedObject) {
  const { xmin, ymin, xmax, ymax } = box;
  const number = /^\d+(?=\.\w+$)/.exec(basename(picture))?.[0];
  return {
    image_id: number === undefined ? index + 1 : Number(number),
    file_name: picture,
    category_id: id,
    bbox: [xmin, ymin, xmax - xmin, ymax - ymin],
    score,
    ...(mask && { segmentation: mask.toRLE() }),
  };
}

const plain = ({ mask, ...object }: DetectedObject) => ({ ...object, ...(mask && { mask: mask.toRLE() }) });

function report(picture: string, objects: readonly DetectedObject[], files: readonly string[]): string {
  const rows = objects.map(({ score, label, box: { xmin, ymin, xmax, ymax } }) => {
    return [score.toFixed(4), label, ...[xmin, ymin, xmax, ymax].map((value) => value.toFixed(1))];
  });
  const found = rows.length > 0 ? table(['score', 'label', 'xmin', 'ymin', 'xmax', 'ymax'], rows) : 'nothing\n';
  return `${picture}\n${found}${files.map((file) => `wrote ${file}\n`).join('')}`;
}

export const detect: Command = { summary: 'pictures to the objects in them', help: HELP, run };
