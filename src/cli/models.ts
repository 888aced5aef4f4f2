import { type KnownModel, knownModels } from '../config/known-models.js';
import { didYouMean } from '../errors.js';
import { COMMON_HELP, type Command, json, note, print, readArgs } from './command.js';

const HELP = `Lists the published ConvNeXt checkpoints, with what their publishers say of them.

Usage: convnextv2 models [WORD...] [OPTIONS]

Below each source: its config, whose names its tensors have, the side of its pictures, what it was trained on (IN is
ImageNet), its top-1 accuracy or mIoU, its licence.

  WORD                 show only those whose text has every one of these, as tiny, 384, timm, cc-by
  --json               print JSON
${COMMON_HELP}

Example:
  convnextv2 models convnextv2-base 384
`;

const OPTIONS = { json: { type: 'boolean', default: false } } as const;

/** What a row says of a model, below its source. */
function detailsOf({ config, naming, resolution, pretraining, trainedOn, top1, mIoU, licence }: KnownModel): string {
  const trained = [pretraining, trainedOn]
    .filter((part) => part !== undefined)
    .join(', then ')
    .replaceAll('ImageNet', 'IN');
  const scores = [top1 && `top-1 ${top1.toFixed(1)}`, mIoU && `mIoU ${mIoU.toFixed(1)}`];
  const parts = [config, naming, resolution && `${resolution} px`, trained, ...scores, licence];
  return parts.filter(Boolean).join('; ');
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const words = positionals.map((word) => word.toLowerCase());
  const all = knownModels();
  const textOf = (model: KnownModel) => [...Object.values(model), detailsOf(model)].join(' ').toLowerCase();
  const found = all.filter((model) => words.every((word) => textOf(model).includes(word)));
  if (values.json) await print(json(found));
  else await print(found.map((model) => `${model.source}\n  ${detailsOf(model)}\n`).join(''));
  if (found.length > 0) return 0;
  const unknown = words.find((word) => !all.some((model) => textOf(model).includes(word)));
  const names = [...new Set(all.flatMap(({ source, config }) => [source, config]))];
  const near = unknown === undefined ? undefined : didYouMean(unknown, names);
  note(`no published checkpoint matches ${words.join(' ')}${near === undefined ? '' : ` (${near})`}`);
  return 1;
}

export const models: Command = { summary: 'the published checkpoints', help: HELP, run };
