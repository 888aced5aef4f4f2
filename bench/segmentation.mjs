// A segmenter's forward, UperNet on ConvNeXt V2 with fresh weights, split by part: the backbone, the head, and the way of its logits
// to the size of the picture.
//
//   node bench/segmentation.mjs --sizes tiny --side 512 --threads 2 --peers peers.json --json out.json
//
// --peers    rows { peer, job, threads, median, min } measured elsewhere, a job being "upernet tiny 512"
// --runs     measured ones; three more warm up
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { loadNative, simdThreads } from '../dist/src/backend/simd/native.js';
import { createModel, useBackend } from '../dist/src/index.js';
import { beside, flags, interleave, printTable, readPeers, round, summary, writeReport } from './measure.mjs';

const { sizes, side, threads, runs, peers, json } = flags(
  { sizes: ['tiny'], side: 512, threads: availableParallelism(), runs: 9, peers: '', json: '' },
  { sizes: ['atto'], side: 64, runs: 1 },
);
const { isa } = loadNative();
simdThreads(threads);
await useBackend('simd');
const elsewhere = readPeers(peers, threads);

/** Reads what a run gives, as a user would, and frees it. */
const job = (forward) => ({
  run() {
    const output = forward();
    for (const tensor of Object.values(output)) tensor?.dataSync(); // no labels, no loss
    tf.dispose(output);
  },
});

const rows = [];
for (const size of sizes) {
  const model = await createModel(`upernet_convnextv2-${size}`, { weights: 'random', seed: 0 });
  const pixels = tf.randomNormal([1, side, side, 3], 0, 1, 'float32', 0);
  const jobs = [
    job(() => model.forward(pixels)),
    job(() => model.backbone.forward(pixels)),
    job(() => ({ logits: model.coarseLogits(pixels) })),
  ];
  const [whole, backbone, coarse] = (await interleave(jobs, runs)).map(summary);
  const parts = {
    backbone: backbone.min,
    head: round(Math.max(0, coarse.min - backbone.min)),
    upsampling: round(Math.max(0, whole.min - coarse.min)),
  };
  const [ours, ...theirs] = beside(`upernet ${size} ${side}`, [{ engine: 'simd', ...whole }], elsewhere);
  rows.push({ ...ours, parts }, ...theirs);
  tf.dispose(pixels);
  model.dispose();
}
printTable(
  rows.map(({ job, engine, median, min, ratio, parts }) => ({
    job,
    engine,
    'median ms': median,
    'min ms': min,
    'x ours': ratio.toFixed(2),
    ...Object.fromEntries(['backbone', 'head', 'upsampling'].map((part) => [part, parts?.[part] ?? ''])),
  })),
);
writeReport(json, { isa, threads, runs, rows });
