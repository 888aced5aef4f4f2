import { checkLabelledPictures, findLabelledPictures, readLabels } from '../data/ade20k.js';
import { ConvNextV2Error } from '../errors.js';
import { SegformerImageProcessor } from '../image/segformer-processor.js';
import { createMeanIoU, type SegmentationScores } from '../metrics/mean-iou.js';
import { segmentImage } from '../tasks/segmentation.js';
import { AutoModelForSemanticSegmentation } from '../weights/auto.js';
import { COMMON_HELP, type Command, json, print, progress, readArgs, table } from './command.js';
import { chooseModel, MODEL_HELP, MODEL_OPTIONS, MODEL_OPTIONS_HELP, openModel, warnUntrained } from './model.js';
import { readViews, VIEW_HELP, VIEW_OPTIONS } from './views.js';

const HELP = `Measures how well a segmenter does on pictures with labels, as mmsegmentation measures it.

Usage: convnextv2 eval-segmentation FOLDER --model SOURCE [OPTIONS]

  FOLDER               laid out as ADE20K's SceneParsing: images/SPLIT/NAME.jpg and annotations/SPLIT/NAME.png, whose
                       values are 0 for nothing and 1 more than the index of the class (see --zero-is-a-class)
${MODEL_HELP}
  --split SPLIT        default validation
  --zero-is-a-class    the values of the labels are the indices of the classes, and 255 is nothing
${VIEW_HELP}
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP}
${COMMON_HELP}

mIoU is the mean over the classes of intersection over union, aAcc the share of all pixels that were given their class,
mAcc the mean of that over the classes. Classes that no pixel is of or was given have no share, and count for nothing.

Examples:
  convnextv2 eval-segmentation ADEChallengeData2016 --model ./upernet-convnext-tiny --slide --shortest-edge 512
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  ...VIEW_OPTIONS,
  split: { type: 'string', default: 'validation' },
  'zero-is-a-class': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const views = readViews(values);
  if (positionals.length > 1) {
    const got = `${positionals.length}: ${positionals.join(', ')}`;
    throw new ConvNextV2Error('E_USAGE', { path: 'FOLDER', wanted: 'one folder', got });
  }
  const choice = await chooseModel('eval-segmentation', positionals, values);
  const pictures = await findLabelledPictures(positionals[0], values.split);
  const processor = await SegformerImageProcessor.fromPretrained(choice.source, choice.options);
  const model = await openModel(choice, (source, options) =>
    AutoModelForSemanticSegmentation.fromPretrained(source, { ...options, strict: 'model' }),
  );
  const { numLabels, id2label } = model.config;
  const counting = { numClasses: numLabels, reduceLabels: !values['zero-is-a-class'] };
  const metric = createMeanIoU(counting);
  try {
    await checkLabelledPictures(pictures, counting, {
      onProgress: ({ done, total }) => progress(`checking pictures: ${done} of ${total}`),
    });
    for (const [i, { picture, labels }] of pictures.entries()) {
      progress(`${picture} (${i + 1} of ${pictures.length})`);
      const truth = await readLabels(labels, counting);
      const found = await segmentImage(model, processor, picture, views);
      metric.add(found.classes, truth.data);
    }
  } finally {
    progress('');
    model.dispose();
  }
  const scores = metric.scores();
  const { source, backend, trained } = choice;
  const names = scores.classes.map((_, id) => id2label[id] ?? `LABEL_${id}`);
  const all = { model: source, backend: backend.name, trained, pictures: pictures.length, ...named(scores, names) };
  await print(values.json ? json(all) : report(scores, names, pictures.length));
  warnUntrained(choice, 'the scores mean nothing', 'openmmlab/upernet-convnext-tiny');
  return 0;
}

/** Without NaN, which JSON has not: null. */
const named = ({ classes, ...means }: SegmentationScores, names: readonly string[]) => ({
  ...means,
  classes: classes.map((scores, id) => ({ id, label: names[id], ...scores })),
});

const percent = (share: number): string => (Number.isNaN(share) ? '-' : (100 * share).toFixed(2));

function report(scores: SegmentationScores, names: readonly string[], pictures: number): string {
  const rows = scores.classes.map(({ iou, accuracy, labelArea }, id) => [
    names[id],
    percent(iou),
    percent(accuracy),
    labelArea,
  ]);
  const { mIoU, aAcc, mAcc } = scores;
  const means = table(['pictures', 'mIoU', 'aAcc', 'mAcc'], [[pictures, percent(mIoU), percent(aAcc), percent(mAcc)]]);
  return `${table(['class', 'IoU %', 'accuracy %', 'pixels'], rows)}\n${means}`;
}

export const evalSegmentation: Command = {
  summary: 'how well a segmenter does, on pictures with labels',
  help: HELP,
  run,
};
