import { licenceNotice } from '../config/known-models.js';
import { ConvNextV2Error } from '../errors.js';
import { openSource } from '../weights/source.js';
import { COMMON_HELP, type Command, json, note, print, readArgs } from './command.js';
import { readSourceOptions, SOURCE_HELP, SOURCE_OPTIONS, takeArguments } from './source-options.js';

const HELP = `Downloads a model into the cache, and prints where its weights are. What is there already is not fetched again.

Usage: convnextv2 download SOURCE [OPTIONS]

  SOURCE               a model of the Hub (OWNER/NAME), or an https URL of a file
  --json               print JSON
${SOURCE_HELP}
${COMMON_HELP}

The environment's HF_TOKEN, HF_ENDPOINT, HF_HOME, HTTPS_PROXY and NO_PROXY count.

Example:
  convnextv2 download facebook/convnextv2-tiny-1k-224
`;

const OPTIONS = { ...SOURCE_OPTIONS, json: { type: 'boolean', default: false } } as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const [source] = takeArguments('download', ['SOURCE'], positionals);
  const licence = licenceNotice(source);
  if (licence !== undefined) note(licence);
  const opened = await openSource(source, readSourceOptions(values));
  const checkpoint = await opened.openCheckpoint?.();
  if (!checkpoint) {
    throw new ConvNextV2Error('E_SOURCE', { path: source, wanted: 'a model with weights', got: 'a config alone' });
  }
  await checkpoint.close();
  const { path } = checkpoint;
  await print(values.json ? json({ source, path, licence }) : `${path}\n`);
  return 0;
}

export const download: Command = { summary: 'a model of the Hub, or the file behind a URL', help: HELP, run };
