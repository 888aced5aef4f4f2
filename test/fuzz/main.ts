import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fuzz, SEEDS } from './readers.js';

// npx tsx test/fuzz/main.ts READER [COUNT] [SEED]: a longer run than that of the tests
const [reader, count = '100000', seed = '1'] = process.argv.slice(2);
if (!Object.hasOwn(SEEDS, reader ?? '')) {
  console.error(`npm run fuzz -- READER [COUNT] [SEED]     READER is one of ${Object.keys(SEEDS).join(', ')}`);
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), 'convnextv2-fuzz-'));
try {
  const start = performance.now();
  const report = await fuzz(reader, Number(count), Number(seed), folder);
  console.log(JSON.stringify({ reader, ...report, seconds: (performance.now() - start) / 1000 }));
} finally {
  await rm(folder, { recursive: true });
}
