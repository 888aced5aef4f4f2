// Whether a server stays free while features are computed: how late the event loop of the main thread comes, with the work
// in this thread and in a worker.
//
//   node bench/worker.mjs --size tiny --backend simd --pictures 40 --json out.json
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { ConvNextV2Model, pipeline, useBackend } from '../dist/src/index.js';
import { configOf } from './engines.mjs';
import { flags, printTable, round, writeReport } from './measure.mjs';

const { size, backend, picture, pictures, batch, pauseMs, json } = flags(
  {
    size: 'tiny',
    backend: 'auto',
    picture: 'examples/pictures/rocket.jpg',
    pictures: 40,
    batch: 4,
    pauseMs: 2000,
    json: '',
  },
  { size: 'atto', pictures: 2, batch: 1, pauseMs: 20 },
);
const { detail } = await useBackend(backend);
const rows = [];

/** Runs, and adds how late the event loop was meanwhile. */
async function measured(what, run) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  delay.disable();
  const late = (nanoseconds) => round(nanoseconds / 1e6);
  rows.push({
    work: what,
    'pictures/s': round((1000 * pictures) / ms),
    'median, ms': late(delay.percentile(50)),
    'p99, ms': late(delay.percentile(99)),
    'most, ms': late(delay.max),
  });
}

await measured(`none, for ${pauseMs} ms`, () => pause(pauseMs));
rows[0]['pictures/s'] = '';
const folder = mkdtempSync(join(tmpdir(), 'convnextv2-bench-'));
try {
  const model = await ConvNextV2Model.fromConfig(await configOf(size), { seed: 0 });
  await model.savePretrained(folder);
  model.dispose();
  copyFileSync('configs/preprocessors/imagenet-224.json', join(folder, 'preprocessor_config.json'));
  for (const worker of [true, false]) {
    const features = await pipeline('image-feature-extraction', folder, { pool: 'mean', worker });
    await features(Array(batch).fill(picture)); // warms up
    const run = () => features(Array(pictures).fill(picture), { batchSize: batch });
    await measured(worker ? 'in a worker' : 'in this thread', run);
    await features.dispose();
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`convnextv2-${size} on ${detail}; the event loop is late by`);
printTable(rows);
writeReport(json, { size, backend: detail, pictures, batch, rows });
