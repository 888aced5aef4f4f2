import { ConvNextV2Error, show } from '../errors.js';
import { inspectModel, type ModelInspection } from '../tasks/inspect.js';
import { COMMON_HELP, type Command, json, print, readArgs, table } from './command.js';
import { readSourceOptions, SOURCE_HELP, SOURCE_OPTIONS, takeArguments } from './source-options.js';

const HELP = `Shows what a model is: stages, strides, channels, parameters, and the arithmetic at a given size.

Usage: convnextv2 inspect SOURCE [OPTIONS]

  SOURCE               a folder, a file of weights, a shipped config, a model of the Hub (OWNER/NAME), or an https URL
  --size SIZE          of the picture, as 224 or 480x640 (height x width); default 224
  --names              also list the tensors of the checkpoint
  --json               print JSON instead of a table
${SOURCE_HELP}
${COMMON_HELP}

Examples:
  convnextv2 inspect convnextv2-tiny
  convnextv2 inspect ./my-model --size 800x1333 --json
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  names: { type: 'boolean', default: false },
  size: { type: 'string', default: '224' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const [source] = takeArguments('inspect', ['SOURCE'], positionals);
  const options = { ...readSourceOptions(values), ...readSize(values.size), names: values.names };
  const inspection = await inspectModel(source, options);
  await print(values.json ? json(inspection) : report(inspection));
  return 0;
}

/** `224`, or `480x640`: the height first. Throws E_USAGE. */
export function readSize(text: string): { readonly height: number; readonly width: number } {
  const [, height, width = height] = /^(\d{1,6})(?:x(\d{1,6}))?$/.exec(text) ?? [];
  if (height !== undefined) return { height: Number(height), width: Number(width) };
  throw new ConvNextV2Error('E_USAGE', { path: '--size', wanted: 'a size such as 224 or 480x640', got: show(text) });
}

function report({ modelType, config, stages, parameters, flops, checkpoint, licence }: ModelInspection): string {
  const gflops = (count: number) => (count / 1e9).toFixed(3);
  const rows = stages.map((stage) => [
    stage.name,
    stage.stride,
    stage.channels,
    `${stage.height} x ${stage.width}`,
    count(stage.parameters),
    gflops(stage.flops),
  ]);
  const total = ['all', '', '', '', count(parameters), gflops(flops)];
  return (
    `${modelType}, from ${config}\n` +
    table(['stage', 'stride', 'channels', 'map', 'parameters', 'GFLOPs'], [...rows, total]) +
    `Without classifier and output norms; a multiplication and an addition are two operations.\n` +
    `${described(checkpoint).join('\n')}\n${licence === undefined ? '' : `${licence}\n`}`
  );
}

function described(checkpoint: ModelInspection['checkpoint']): readonly string[] {
  if (!checkpoint) return ['no checkpoint: fresh weights'];
  const { path, tensors, values, dtypes, recognised, metadata, unreadable, names = [] } = checkpoint;
  return [
    `checkpoint ${path}: ${tensors} tensors, ${count(values)} values, ${dtypes.join(', ')}`,
    `recognised: ${recognised.join('; ')}`,
    ...Object.entries(metadata).map(([key, value]) => `metadata ${key}: ${value}`),
    ...unreadable.map(({ name, reason }) => `cannot be read: ${name}, ${reason}`),
    ...names.map(({ name, dtype, shape }) => `${name}  ${dtype} [${shape.join(', ')}]`),
  ];
}

const count = (number: number): string => number.toLocaleString('en-US');

export const inspect: Command = {
  summary: 'stages, strides, channels, parameters and FLOPs of a model',
  help: HELP,
  run,
};
