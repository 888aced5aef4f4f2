// Time and memory of a fresh process, from its import to the first feature map of a checkpoint.
//
//   node bench/memory.mjs --size tiny --runs 5 --json out.json
//
// Memory is the most that was resident beyond what the import took. The goal is twice the weights (plain and packed) and 1.5
// times the largest pair of neighbouring activations.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConvNextV2Backbone, useBackend } from '../dist/src/index.js';
import { configOf } from './engines.mjs';
import { flags, printTable, round, summary, writeReport } from './measure.mjs';

const { size, side, runs, json } = flags(
  { size: 'tiny', side: 224, runs: 5, json: '' },
  { size: 'atto', side: 32, runs: 1 },
);
const folder = mkdtempSync(join(tmpdir(), 'convnextv2-bench-'));
try {
  await useBackend('cpu');
  const config = (await configOf(size)).with({ outFeatures: ['stage4'] });
  await (await ConvNextV2Backbone.fromConfig(config, { seed: 0 })).savePretrained(folder);
  const weights = statSync(join(folder, 'model.safetensors')).size;
  const child = fileURLToPath(new URL('first-map.mjs', import.meta.url));
  const seen = Array.from({ length: runs }, () =>
    JSON.parse(execFileSync(process.execPath, [child, folder, String(side)], { encoding: 'utf8' })),
  );

  const times = (step) => summary(seen.map((one) => one[step].ms));
  const beyond = (step) => summary(seen.map((one) => (one[step].rss - one.imported.rss) / 1e6)).median;
  // the first stage's: a block's input and what it widens it to
  const activations = (4 * (1 + 4) * config.hiddenSizes[0] * Math.floor(side / config.patchSize) ** 2) / 1e6;
  const report = {
    size,
    side,
    runs,
    checkpointMB: round(weights / 1e6),
    imported: { ...times('imported'), rssMB: summary(seen.map((one) => one.imported.rss / 1e6)).median },
    opened: { ...times('opened'), beyondMB: beyond('opened') },
    computed: { ...times('computed'), beyondMB: beyond('computed') },
    goalMB: round((2 * weights) / 1e6 + 1.5 * activations),
  };
  const row = (name, { median, min, beyondMB }) => ({
    'from import to': name,
    'median ms': median,
    'min ms': min,
    'MB beyond import': beyondMB,
  });
  printTable([
    row('backend ready', { ...report.imported, beyondMB: 0 }),
    row('checkpoint open', report.opened),
    row('first map', report.computed),
  ]);
  console.log(
    `a checkpoint of ${report.checkpointMB} MB; ${report.imported.rssMB} MB after import; goal ${report.goalMB} MB beyond`,
  );
  writeReport(json, report);
} finally {
  rmSync(folder, { recursive: true });
}
