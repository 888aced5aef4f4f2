// Whether a server stays free while features are computed: how late the event loop of the main thread comes, with the work
// in this thread and in a worker.
//
//   node bench/worker.mjs --size tiny --backend simd --pictures 40 --json out.json
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { pipeline, useBackend } from '../dist/src/index.js';
import { flags, printTable, round, writeReport } from './measure.mjs';

const { size, backend, picture, pictures, batch, json } = flags({
  size: 'tiny',
  backend: 'auto',
  picture: 'examples/pictures/rocket.jpg',
  pictures: 40,
  batch: 4,
  json: '',
});
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

await measured('none, for 2 s', () => pause(2000));
rows[0]['pictures/s'] = '';
for (const worker of [true, false]) {
  const features = await pipeline('image-feature-extraction', `convnextv2-${size}`, {
    pool: 'mean',
    weights: 'random',
    seed: 0,
    worker,
  });
  await features(Array(batch).fill(picture)); // warms up
  const run = () => features(Array(pictures).fill(picture), { batchSize: batch });
  await measured(worker ? 'in a worker' : 'in this thread', run);
  await features.dispose();
}
console.log(`convnextv2-${size} on ${detail}; the event loop is late by`);
printTable(rows);
writeReport(json, { size, backend: detail, pictures, batch, rows });
