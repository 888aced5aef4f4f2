import type { ClassScore } from '../tasks/classification.js';
import { pipeline } from '../tasks/pipeline.js';
import { type Command, json, print, progress, readArgs, readCount, reportFailure, table } from './command.js';
import { findInputs } from './inputs.js';
import { chooseModel, MODEL_OPTIONS, openModel, warnUntrained } from './model.js';

const HELP = `Says what is in pictures: the classes of a trained classifier, the surest first.

Usage: convnextv2 classify PICTURES... --model SOURCE [OPTIONS]

  PICTURES         files, folders with pictures in them at any depth, and patterns such as 'photos/**/*.jpg'
  --model SOURCE   a folder with config.json and model.safetensors, a file of these, or a shipped config such as
                   convnextv2-atto (then the weights are fresh and untrained)
  --top-k N        how many classes of each picture; default 5
  --config NAME    in place of the weights' own: a file, or the name of a config that ships
  --seed N         for fresh weights; default 0
  --backend NAME   auto, simd, tensorflow, cpu; default auto
  --json           print JSON instead of a table

Examples:
  convnextv2 classify cat.png --model ./convnextv2-tiny
  convnextv2 classify photos --model ./convnextv2-tiny --top-k 1 --json
`;

const OPTIONS = {
  ...MODEL_OPTIONS,
  'top-k': { type: 'string', default: '5' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const topK = readCount('--top-k', values['top-k']);
  const choice = await chooseModel('classify', positionals, values);
  const { inputs, failures: none } = await findInputs(positionals);
  const classify = await openModel(choice, (source, options) => pipeline('image-classification', source, options));
  const pictures: { readonly picture: string; readonly classes: readonly ClassScore[] }[] = [];
  const failures = none.map((error) => reportFailure(error.path, error));
  for (const [i, { picture }] of inputs.entries()) {
    progress(`${picture} (${i + 1} of ${inputs.length})`);
    try {
      const classes = await classify(picture, { topK });
      progress('');
      if (values.json) pictures.push({ picture, classes });
      else await print(`${picture}\n${report(classes)}`);
    } catch (error) {
      failures.push(reportFailure(picture, error));
    }
  }
  await classify.dispose();
  const { source, backend, trained } = choice;
  if (values.json) await print(json({ model: source, backend: backend.name, trained, pictures, failures }));
  warnUntrained(choice, 'the classes mean nothing');
  return failures.length > 0 ? 1 : 0;
}

const report = (classes: readonly ClassScore[]): string =>
  table(
    ['score', 'label'],
    classes.map(({ label, score }) => [score.toFixed(4), label]),
  );

export const classify: Command = { summary: 'pictures to classes', help: HELP, run };
