import { join } from 'node:path';
import { readCocoImages } from '../data/coco.js';
import type { CocoDataset } from '../data/coco-dataset.js';
import { categoriesByName, matchCategories } from '../data/coco-targets.js';
import { ConvNextV2Error } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { detectionPicture } from '../image/detection-picture.js';
import { encodePng } from '../image/draw.js';
import { type CocoId, countOf } from '../metrics/coco.js';
import type { DetectedObject } from '../tasks/detection.js';
import { pipeline } from '../tasks/pipeline.js';
import {
  COMMON_HELP,
  type Command,
  json,
  note,
  print,
  progress,
  readArgs,
  readNames,
  readShare,
  reportFailure,
  table,
} from './command.js';
import { writeFile } from './formats.js';
import { findImageIds, numberPictures } from './image-ids.js';
import { contentOf, DETECTIONS, findInputs, type Input, PICTURES_HELP } from './inputs.js';
import { chooseModel, MODEL_HELP, MODEL_OPTIONS, MODEL_OPTIONS_HELP, openModel, warnUntrained } from './model.js';

const RESULTS = 'detections.json';

const HELP = `Finds objects in pictures, by a trained detector.

Usage: convnextv2 detect PICTURES... --model SOURCE [OPTIONS]

${PICTURES_HELP}
${MODEL_HELP}
  --threshold N        only what scores as much or more, from 0 to 1; default 0.5
  --classes NAMES      only objects of these classes, separated by commas
  --out DIR            where to write NAME${DETECTIONS}, the picture with boxes, labels and masks, and
                       ${RESULTS}, what was found in all of them as COCO's results; default: nothing is written
  --annotations FILE   a COCO annotation file that lists the pictures: results have its ids of images and categories;
                       default: pictures are numbered, and categories are the indices of the classes
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP}
${COMMON_HELP}

Examples:
  convnextv2 detect street.jpg --model ./mask-rcnn --out found
  convnextv2 detect photos --model ./mask-rcnn --classes person,dog --threshold 0.7 --json
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  threshold: { type: 'string', default: '0.5' },
  classes: { type: 'string' },
  out: { type: 'string' },
  annotations: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const threshold = readShare('--threshold', values.threshold);
  const classes = values.classes === undefined ? undefined : readNames('--classes', values.classes);
  const { annotations } = values;
  if (annotations !== undefined && values.out === undefined && !values.json) {
    throw new ConvNextV2Error('E_USAGE', { path: '--annotations', wanted: 'also --out or --json', got: 'neither' });
  }
  const choice = await chooseModel('detect', positionals, values);
  const { inputs, failures: none } = await findInputs(positionals);
  const files = inputs.map(({ picture }) => picture);
  const dataset = annotations === undefined ? undefined : await readCocoImages(annotations);
  const ids = dataset ? findImageIds(files, dataset.images, annotations!) : numberPictures(files);
  const detect = await openModel(choice, (source, options) => pipeline('object-detection', source, options));
  const categories = dataset && categoryIds(dataset, detect.config);
  const pictures: { readonly picture: string; readonly image_id: CocoId; readonly objects: readonly object[] }[] = [];
  /** By image, since a picture can be given twice. */
  const results = new Map<CocoId, ReturnType<typeof toResults>>();
  const failures = none.map((error) => reportFailure(error.path, error));
  for (const [i, input] of inputs.entries()) {
    const { picture } = input;
    progress(`${picture} (${i + 1} of ${inputs.length})`);
    try {
      const objects = await detect(contentOf(input), { threshold, classes });
      const files = values.out === undefined ? [] : [await draw(values.out, input, objects, detect.config)];
      const image_id = ids.get(picture)!;
      results.set(image_id, toResults(objects, { image_id, file_name: picture }, categories));
      progress('');
      if (values.json) pictures.push({ picture, image_id, objects: objects.map(plain) });
      else await print(report(picture, objects, files));
    } catch (error) {
      failures.push(reportFailure(picture, error));
    }
  }
  await detect.dispose();
  if (values.out !== undefined) {
    const all = [...results.values()].flat();
    const known = all.filter(({ category_id }) => category_id !== undefined);
    await writeFile(join(values.out, RESULTS), Buffer.from(json(known)));
    if (known.length < all.length) {
      const count = countOf(all.length - known.length, 'object');
      note(`${RESULTS}: left out ${count} of classes that ${annotations} has no category for`);
    }
  }
  const { source, backend, trained } = choice;
  if (values.json) await print(json({ model: source, backend: backend.name, trained, pictures, failures }));
  warnUntrained(choice, 'what is found means nothing', "a Mask R-CNN with torchvision's names");
  return failures.length > 0 ? 1 : 0;
}

/** Writes the picture of what was found, and gives its file. Throws E_OUTPUT. */
async function draw(
  out: string,
  input: Input,
  objects: readonly DetectedObject[],
  { id2label }: { readonly id2label: Readonly<Record<number, string>> },
): Promise<string> {
  const file = join(out, `${input.name}${DETECTIONS}`);
  const drawing = await detectionPicture(await decodeImage(contentOf(input)), objects, Object.values(id2label));
  await writeFile(file, await encodePng(drawing));
  return file;
}

/** The ids of the categories that are classes of the model, by name; undefined where the file has no categories. */
function categoryIds(
  { categories }: Pick<CocoDataset, 'categories'>,
  { id2label }: { readonly id2label: Readonly<Record<number, string>> },
): ReadonlyMap<string, CocoId> | undefined {
  return categories.length > 0 ? categoriesByName(categories, matchCategories(categories, id2label).labels) : undefined;
}

/** As COCO's results files have them, with the picture's file beside the id that was given to it. */
function toResults(
  objects: readonly DetectedObject[],
  image: { readonly image_id: CocoId; readonly file_name: string },
  categories: ReadonlyMap<string, CocoId> | undefined,
) {
  return objects.map(({ id, label, score, box: { xmin, ymin, xmax, ymax }, mask }) => ({
    ...image,
    category_id: categories ? categories.get(label) : id,
    bbox: [xmin, ymin, xmax - xmin, ymax - ymin],
    score,
    ...(mask && { segmentation: mask.toRLE() }),
  }));
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
