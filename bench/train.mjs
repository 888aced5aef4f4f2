// A training step: forward, backward and AdamW over all parameters, this package beside its peers.
//
//   node bench/train.mjs --threads 2 --peers peers.json --json out.json
//
// --cases    size:batch. --engines of simd, tensorflow, cpu; the first is what the others are compared with
// --peers    rows { peer, job, threads, median, min } measured elsewhere, a job being "tiny train batch 2"
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { simdThreads } from '../dist/src/backend/simd/native.js';
import { AdamW } from '../dist/src/index.js';
import { openClassifier, openEngines } from './engines.mjs';
import { beside, flags, interleave, printTable, readPeers, summary, writeReport } from './measure.mjs';

const {
  cases,
  side,
  threads,
  runs,
  engines: names,
  peers,
  json,
} = flags(
  {
    cases: ['atto:8', 'tiny:2'],
    side: 224,
    threads: availableParallelism(),
    runs: 15,
    engines: ['simd', 'tensorflow'],
    peers: '',
    json: '',
  },
  { cases: ['atto:2'], side: 32, runs: 1, engines: ['simd'] },
);
simdThreads(threads);
const engines = await openEngines(names, { threads });
const elsewhere = readPeers(peers, threads);

async function training(engine, size, batch) {
  await engine.before();
  const model = await openClassifier(size);
  const optimiser = new AdamW([{ parameters: model.parameters.values() }]);
  const pixels = tf.randomNormal([batch, side, side, 3], 0, 1, 'float32', 0);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i),
    'int32',
  );
  const run = () => optimiser.step(() => model.forward(pixels, { labels, training: true }).loss);
  return {
    run,
    before: engine.before,
    close: () => [model, optimiser, pixels, labels].forEach((held) => void held.dispose()),
  };
}

const rows = [];
for (const [size, batch] of cases.map((text) => text.split(':'))) {
  const job = `${size} train batch ${batch}`;
  const steps = [];
  for (const engine of engines) steps.push(await training(engine, size, Number(batch)));
  const times = await interleave(steps, runs);
  for (const { close } of steps) close();
  const ours = engines.map(({ name }, i) => ({ engine: name, ...summary(times[i]) }));
  rows.push(...beside(job, ours, elsewhere));
}
printTable(
  rows.map(({ job, engine, median, min, ratio }) => ({
    job,
    engine,
    'median ms': median,
    'min ms': min,
    'x ours': ratio.toFixed(2),
  })),
);
writeReport(json, { threads, runs, rows });
