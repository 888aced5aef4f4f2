import { licenceNotice } from '../config/known-models.js';
import { ConvNextV2Error } from '../errors.js';
import { type ConvertDtype, convertCheckpoint } from '../tasks/convert.js';
import { COMMON_HELP, type Command, json, print, readArgs } from './command.js';
import { readSourceOptions, SOURCE_HELP, SOURCE_OPTIONS, takeArguments } from './source-options.js';

const HELP = `Writes a checkpoint of any kind as config.json, model.safetensors and preprocessor_config.json.

Usage: convnextv2 convert SOURCE --to DIR [OPTIONS]

  SOURCE               a folder, a file of weights, a model of the Hub (OWNER/NAME), or an https URL
  --to DIR             where to write; each file is replaced whole or not at all
  --dtype DTYPE        f32, f16 or bf16; default f32
  --naming NAME        whose names to write: hf, timm or fb; default hf
  --json               print JSON
${SOURCE_HELP}
${COMMON_HELP}

Examples:
  convnextv2 convert convnextv2_base_22k_384_ema.pt --to my-model
  convnextv2 convert facebook/convnextv2-atto-1k-224 --to my-model --dtype bf16
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  to: { type: 'string' },
  dtype: { type: 'string', default: 'f32' },
  naming: { type: 'string', default: 'hf' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const [source] = takeArguments('convert', ['SOURCE'], positionals);
  const { to, naming } = values;
  if (to === undefined) {
    const suggestion = 'see convnextv2 convert --help';
    throw new ConvNextV2Error('E_USAGE', { path: '--to', wanted: 'a folder', got: 'none', suggestion });
  }
  const dtype = values.dtype as ConvertDtype;
  const options = { ...readSourceOptions(values), dtype, naming };
  const conversion = await convertCheckpoint(source, to, options);
  const licence = licenceNotice(source);
  if (values.json) await print(json({ source, folder: to, licence, ...conversion }));
  else {
    const { recognised, tensors, leftOut, unreadable } = conversion;
    const reasons = new Map(unreadable.map(({ name, reason }) => [name, `, which cannot be read: ${reason}`]));
    const lines = [
      `read ${recognised.join('; ')}`,
      `wrote ${tensors} tensors to ${to}`,
      ...leftOut.map((name) => `left out ${name}${reasons.get(name) ?? ''}`),
      ...(licence === undefined ? [] : [licence]),
    ];
    await print(`${lines.join('\n')}\n`);
  }
  return 0;
}

export const convert: Command = { summary: 'a checkpoint of any kind to safetensors', help: HELP, run };
