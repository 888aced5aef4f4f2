import { type KnownModel, knownModels } from '../config/known-models.js';
import { type Command, json, print, readArgs, table } from './command.js';

const HELP = `Lists the published ConvNeXt checkpoints, with what their publishers say of them.

Usage: convnextv2 models [WORD...] [OPTIONS]

  WORD     show those that have every one of these in their row, as tiny, 384, timm, cc-by
  --json   print JSON instead of a table

Example:
  convnextv2 models convnextv2-base 384
`;

const OPTIONS = { json: { type: 'boolean', default: false } } as const;

const HEADINGS = ['source', 'config', 'naming', 'resolution', 'trained', 'top-1', 'mIoU', 'licence'];

const row = (model: KnownModel): readonly (string | number)[] => [
  model.source,
  model.config,
  model.naming,
  model.resolution ?? '',
  [model.pretraining, model.trainedOn].filter((part) => part !== undefined).join(', then '),
  model.top1?.toFixed(1) ?? '',
  model.mIoU?.toFixed(1) ?? '',
  model.licence ?? '',
];

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const words = positionals.map((word) => word.toLowerCase());
  const found = knownModels().filter((model) => {
    const text = row(model).join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
  await print(values.json ? json(found) : table(HEADINGS, found.map(row)));
  return found.length > 0 ? 0 : 1;
}

export const models: Command = { summary: 'the published checkpoints', help: HELP, run };
