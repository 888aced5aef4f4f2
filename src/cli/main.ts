#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { packageFile } from '../config/package-files.js';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import { classify } from './classify.js';
import { type Command, oneLine, print, progress } from './command.js';
import { convert } from './convert.js';
import { detect } from './detect.js';
import { download } from './download.js';
import { evalDetection } from './eval-detection.js';
import { evalSegmentation } from './eval-segmentation.js';
import { features } from './features.js';
import { inspect } from './inspect.js';
import { models } from './models.js';
import { segment } from './segment.js';
import { verify } from './verify.js';
import '../index.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  features,
  classify,
  detect,
  'eval-detection': evalDetection,
  segment,
  'eval-segmentation': evalSegmentation,
  inspect,
  convert,
  verify,
  download,
  models,
};

const HELP = `convnextv2: ConvNeXt V2 as a vision backbone

Usage: convnextv2 COMMAND [OPTIONS]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(18)} ${summary}`)
  .join('\n')}

convnextv2 COMMAND --help tells more; convnextv2 --version prints the version.
`;

/** Runs a command line, and gives the exit code: 0, 1 where the work failed, 2 where it was called wrongly. */
async function run([name, ...args]: readonly string[]): Promise<number> {
  if (name === 'help' && args.length > 0) return run([args[0], '--help']);
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    await print(HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    await print(`${JSON.parse(readFileSync(packageFile('package.json'), 'utf8')).version}\n`);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const names = Object.keys(COMMANDS);
    throw new ConvNextV2Error('E_USAGE', {
      path: 'convnextv2',
      wanted: `one of ${names.join(', ')}`,
      got: name,
      suggestion: didYouMean(name, names),
    });
  }
  const command = COMMANDS[name];
  if (args.includes('--help') || args.includes('-h')) {
    await print(command.help);
    return 0;
  }
  return command.run(args);
}

/** 2 where the command was called wrongly: also where the value of an option of this call is refused; 1 where the work failed. */
function exitCodeOf(error: unknown, args: readonly string[]): number {
  if (!(error instanceof ConvNextV2Error)) return 1;
  const option = `--${error.path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const isOfOption = args.some((arg) => arg === option || arg.startsWith(`${option}=`));
  return error.code === 'E_USAGE' || (error.code === 'E_ARGUMENT' && isOfOption) ? 2 : 1;
}

function report(error: unknown): void {
  progress('');
  // a reader that has seen enough, as `head`, is no news
  if (error instanceof ConvNextV2Error && Object(error.cause).code === 'EPIPE') return;
  console.error(oneLine(error instanceof ConvNextV2Error ? error.message : String(error)));
}

// `print` throws these errors; a stream with an error that nobody listens for would end the process with a stack
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const args = process.argv.slice(2);
run(args).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    report(error);
    process.exitCode = exitCodeOf(error, args);
  },
);
