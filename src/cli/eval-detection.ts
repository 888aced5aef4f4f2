import { readCocoAnnotations, readCocoResults } from '../data/coco.js';
import type { CocoDataset } from '../data/coco-dataset.js';
import { checkCocoPictures, findCocoPictures } from '../data/coco-pictures.js';
import { categoriesByName, matchCategories } from '../data/coco-targets.js';
import { ConvNextV2Error } from '../errors.js';
import { type CocoId, type CocoKind, type CocoResult, shorten } from '../metrics/coco.js';
import { evaluateCoco } from '../metrics/coco-eval.js';
import type { DetectedObject, ObjectDetectionPipeline } from '../tasks/detection.js';
import { pipeline } from '../tasks/pipeline.js';
import { COMMON_HELP, type Command, json, note, print, progress, readArgs, table } from './command.js';
import { chooseModel, MODEL_HELP, MODEL_OPTIONS, MODEL_OPTIONS_HELP, openModel, warnUntrained } from './model.js';

const HELP = `Measures how well a detector does, by COCO's average precision, to the numbers of pycocotools.

Usage: convnextv2 eval-detection ANNOTATIONS --results FILE [OPTIONS]
       convnextv2 eval-detection ANNOTATIONS --model SOURCE --images DIR [OPTIONS]

  ANNOTATIONS          a COCO annotation file
  --results FILE       what was found, as a COCO results file: as detect --out writes it
${MODEL_HELP};
                       its classes are matched with the categories by their names, and stderr says which categories it
                       does not know
  --images DIR         where the pictures of the annotations are; all of them are read and their sizes compared first
  --masks              measure masks; default: boxes
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP}
${COMMON_HELP}

AP is the mean over overlaps of 0.5 to 0.95, AP50 and AP75 at one, APs, APm and APl of small, medium and large objects;
AR1, AR10 and AR100 are recalls with so many objects a picture. -1 stands where there is nothing to measure by.

Examples:
  convnextv2 eval-detection instances_val2017.json --model ./mask-rcnn --images val2017 --masks
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  results: { type: 'string' },
  images: { type: 'string' },
  masks: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const usage = (path: string, wanted: string, got: string) => new ConvNextV2Error('E_USAGE', { path, wanted, got });
  if (positionals.length !== 1) throw usage('ANNOTATIONS', 'one file', String(positionals.length));
  const { results: file, model, images } = values;
  if ((file === undefined) === (model === undefined)) {
    throw usage('--results', 'either --results or --model', file === undefined ? 'neither' : 'both');
  }
  if (model !== undefined && images === undefined) throw usage('--images', 'the folder of the pictures', 'none');
  const [annotations] = positionals;
  const kind: CocoKind = values.masks ? 'segm' : 'bbox';
  const segmentations = values.masks ? 'keep' : 'leave-out';
  const boxes = values.masks ? 'leave-out' : 'keep';
  const truths = await readCocoAnnotations(annotations, { segmentations, onWarning });
  const results =
    file === undefined
      ? await detectAll(truths, images!, values, kind)
      : await readCocoResults(file, { boxes, segmentations });
  const { stats, categories } = evaluateCoco(truths, results, kind, { onWarning });
  const all = { annotations, kind, pictures: truths.images.length, objects: results.length, stats, categories };
  await print(values.json ? json(all) : report(all));
  return 0;
}

/** In one line, and without what could steer a terminal. */
const onWarning = (message: string): void => {
  progress('');
  note(message);
};

/**
 * What a model finds in the pictures of a dataset. Before it computes, throws E_SOURCE, E_IMAGE or E_SHAPE for pictures that are
 * missing, unreadable, or of another size than annotated, and E_ARGUMENT where it knows no category.
 */
async function detectAll(
  truths: CocoDataset,
  folder: string,
  values: Parameters<typeof chooseModel>[2],
  kind: CocoKind,
): Promise<readonly CocoResult[]> {
  const pictures = await findCocoPictures(truths, folder);
  const choice = await chooseModel('eval-detection', [folder], values);
  const onProgress = ({ done, total }: { done: number; total: number }) =>
    progress(`checking pictures: ${done} of ${total}`);
  await checkCocoPictures(truths, pictures, { onProgress, onWarning });
  const task = kind === 'segm' ? 'instance-segmentation' : 'object-detection';
  const detect: ObjectDetectionPipeline = await openModel(choice, (source, options) => pipeline(task, source, options));
  try {
    const { id2label } = detect.config;
    const { labels, unknown } = matchCategories(truths.categories, id2label);
    if (unknown.size > 0) {
      onWarning(
        `categories that the model has no class for, which count as not found: ${shorten([...unknown.values()])}`,
      );
    }
    const categories = categoriesByName(truths.categories, labels);
    const classes = [...categories.keys()];
    const results: CocoResult[] = [];
    for (const [i, picture] of pictures.entries()) {
      progress(`${picture} (${i + 1} of ${pictures.length})`);
      const found = await detect(picture, { threshold: 0, classes });
      const { id } = truths.images[i];
      results.push(...found.map((object) => toResult(object, id, categories.get(object.label)!)));
    }
    warnUntrained(choice, 'the scores mean nothing', "a Mask R-CNN with torchvision's names");
    return results;
  } finally {
    progress('');
    await detect.dispose();
  }
}

function toResult({ box, score, mask }: DetectedObject, image_id: CocoId, category_id: CocoId): CocoResult {
  const { xmin, ymin, xmax, ymax } = box;
  const bbox = [xmin, ymin, xmax - xmin, ymax - ymin];
  return { image_id, category_id, score, bbox, ...(mask && { segmentation: mask.toRLE() }) };
}

const shown = (value: number): string => (value < 0 ? '-1' : value.toFixed(4));

function report({
  pictures,
  objects,
  stats,
  categories,
}: ReturnType<typeof evaluateCoco> & { pictures: number; objects: number }): string {
  const rows = categories.map(({ name, AP, AP50, AR100 }) => [name, shown(AP), shown(AP50), shown(AR100)]);
  const means = table(Object.keys(stats), [Object.values(stats).map(shown)]);
  return `${table(['category', 'AP', 'AP50', 'AR100'], rows)}\n${means}${pictures} pictures, ${objects} objects found\n`;
}

export const evalDetection: Command = {
  summary: "a detector's average precision, on COCO's annotations",
  help: HELP,
  run,
};
