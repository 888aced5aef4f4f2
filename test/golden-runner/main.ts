import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { useBackend } from '../../src/backend/use-backend.js';
import type { Case } from './compare.js';
import { runCase } from './run-case.js';

const USAGE = 'npm run golden -- [--backend NAME] DIR...     DIR is a case, or a folder of cases';

/** The folders with a case.json: this one, or those right under it. */
async function casesIn(folder: string): Promise<string[]> {
  const has = (path: string) =>
    stat(join(path, 'case.json')).then(
      () => true,
      () => false,
    );
  if (await has(folder)) return [folder];
  const names = (await readdir(folder)).sort();
  const found = await Promise.all(
    names.map(async (name) => ((await has(join(folder, name))) ? [join(folder, name)] : [])),
  );
  return found.flat();
}

const { values, positionals } = parseArgs({ options: { backend: { type: 'string' } }, allowPositionals: true });
const folders = (await Promise.all(positionals.map(casesIn))).flat();
if (folders.length === 0) {
  console.error(`no case.json found\n${USAGE}`);
  process.exit(2);
}
const { name } = await useBackend(values.backend);
console.log(`backend ${name}`);
const count = { passed: 0, failed: 0, skipped: 0 };
for (const folder of folders) {
  const spec: Case = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8'));
  const { verdict, failures } = await runCase(folder, spec);
  count[verdict] += 1;
  console.log(
    `${verdict.padEnd(7)} ${spec.name}${verdict === 'skipped' ? ` (nothing here computes the family ${spec.family})` : ''}`,
  );
  for (const failure of failures) console.log(`        ${failure}`);
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed > 0 ? 1 : 0;
