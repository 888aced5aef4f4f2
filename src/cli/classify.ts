import type { ClassScore } from '../tasks/classification.js';
import { pipeline } from '../tasks/pipeline.js';
import {
  COMMON_HELP,
  type Command,
  json,
  print,
  progress,
  readArgs,
  readCount,
  reportFailure,
  table,
} from './command.js';
import { contentOf, findInputs, PICTURES_HELP } from './inputs.js';
import { chooseModel, MODEL_HELP, MODEL_OPTIONS, MODEL_OPTIONS_HELP, openModel, warnUntrained } from './model.js';

const HELP = `Says what is in pictures: the classes of a trained classifier, the surest first.

Usage: convnextv2 classify PICTURES... --model SOURCE [OPTIONS]

${PICTURES_HELP}
${MODEL_HELP}
  --top-k N            how many classes of each picture; default 5
  --json               print JSON instead of a table
${MODEL_OPTIONS_HELP}
${COMMON_HELP}

Examples:
  convnextv2 classify cat.png --model facebook/convnextv2-tiny-1k-224
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
  for (const [i, input] of inputs.entries()) {
    const { picture } = input;
    progress(`${picture} (${i + 1} of ${inputs.length})`);
    try {
      const classes = await classify(contentOf(input), { topK });
      progress('');
      if (values.json) pictures.push({ picture, classes });
      else await print(`${picture}\n${report(classes)}`);
    } catch (error) {
      failures.push(reportFailure(picture, error));
    }
  }
  await classify.dispose();
  const { source: model, backend, trained } = choice;
  if (values.json) await print(json({ model, backend: backend.name, trained, pictures, failures }));
  warnUntrained(choice, 'the classes mean nothing');
  return failures.length > 0 ? 1 : 0;
}

const report = (classes: readonly ClassScore[]): string =>
  table(
    ['score', 'label'],
    classes.map(({ label, score }) => [score.toFixed(4), label]),
  );

export const classify: Command = { summary: 'pictures to classes', help: HELP, run };
