import { ConvNextV2Error, show } from '../errors.js';
import { verifyCheckpoints } from '../tasks/verify.js';
import { COMMON_HELP, type Command, json, print, readArgs } from './command.js';
import { readSourceOptions, SOURCE_HELP, SOURCE_OPTIONS, takeArguments } from './source-options.js';

const HELP = `Compares the tensors of two checkpoints, whatever their containers and namings. The exit code is 1 where they differ.

Usage: convnextv2 verify SOURCE_A SOURCE_B [OPTIONS]

  --tolerance NUMBER   the largest difference of two values that passes; default 0
  --json               print JSON
${SOURCE_HELP}
${COMMON_HELP}

Example:
  convnextv2 verify convnextv2_atto_1k_224_ema.pt facebook/convnextv2-atto-1k-224
`;

const OPTIONS = {
  ...SOURCE_OPTIONS,
  tolerance: { type: 'string', default: '0' },
  json: { type: 'boolean', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs(args, OPTIONS);
  const [first, second] = takeArguments('verify', ['SOURCE_A', 'SOURCE_B'], positionals);
  const tolerance = Number(values.tolerance.trim() || Number.NaN);
  if (!(tolerance >= 0)) {
    const wanted = 'a number of at least 0';
    throw new ConvNextV2Error('E_USAGE', { path: '--tolerance', wanted, got: show(values.tolerance) });
  }
  const found = await verifyCheckpoints(first, second, { ...readSourceOptions(values), tolerance });
  if (values.json) await print(json(found));
  else {
    const lines = [
      ...found.onlyInFirst.map((name) => `only in ${first}: ${name}`),
      ...found.onlyInSecond.map((name) => `only in ${second}: ${name}`),
      ...found.misshaped.map((name) => `another shape: ${name}`),
      ...found.unreadable.map((name) => `cannot be read: ${name}`),
      ...found.different.map(({ name, distance }) => `other values: ${name}, up to ${distance.toPrecision(3)} apart`),
      found.same ? `the same ${found.compared} tensors` : `not the same; ${found.compared} tensors have the same name`,
    ];
    await print(`${lines.join('\n')}\n`);
  }
  return found.same ? 0 : 1;
}

export const verify: Command = { summary: 'whether two checkpoints hold the same tensors', help: HELP, run };
