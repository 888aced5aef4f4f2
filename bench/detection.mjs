// A detector's way from pixels to objects, Mask R-CNN on ConvNeXt V2 with fresh weights and a hundred objects a picture, split by
// part: the resized batch, the backbone, the pyramid, proposals, the box head, the mask head, and what picks and draws the objects.
//
//   node bench/detection.mjs --sizes tiny --height 800 --width 1066 --threads 2 --peers peers.json --json out.json
//
// --peers    rows { peer, job, threads, median, min } measured elsewhere, a job being "mask-rcnn tiny 800 x 1066"
// --runs     measured ones; three more warm up
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { loadNative, simdThreads } from '../dist/src/backend/simd/native.js';
import { createModel, useBackend } from '../dist/src/index.js';
import { beside, flags, interleave, printTable, readPeers, round, summary, writeReport } from './measure.mjs';

const { sizes, height, width, threads, runs, peers, json } = flags(
  { sizes: ['tiny'], height: 800, width: 1066, threads: availableParallelism(), runs: 9, peers: '', json: '' },
  { sizes: ['atto'], height: 64, width: 96, runs: 1 },
);
const { isa } = loadNative();
simdThreads(threads);
await useBackend('simd');
const elsewhere = readPeers(peers, threads);

/** The parts, and what the model shows when each is done. */
const PARTS = {
  batch: 'batch',
  pyramid: 'pyramid.pool',
  proposals: 'proposals.0',
  'box head': 'box.deltas',
  selection: 'found.0',
  'mask head': 'mask.logits',
};

/** Milliseconds of each part of one call, and how many objects it finds. */
function timed(model, picture) {
  const times = {};
  let last = performance.now();
  const end = (part) => {
    const now = performance.now();
    times[part] = now - last;
    last = now;
  };
  const observe = (name) => {
    const part = Object.keys(PARTS).find((part) => PARTS[part] === name);
    if (part) end(part);
  };
  const [{ labels }] = model.detect([picture], { observe });
  end('masks drawn');
  return { times, found: labels.length };
}

const rows = [];
for (const size of sizes) {
  const config = JSON.parse(readFileSync('configs/detectors/mask-rcnn_convnextv2-tiny_fpn.json', 'utf8'));
  const sides = [Math.min(height, width), Math.max(height, width)];
  const model = await createModel(
    {
      ...config,
      backbone_config: `convnextv2-${size}`,
      min_size: sides[0],
      max_size: sides[1],
      box_score_thresh: 0, // so that fresh weights find as many objects as there may be
    },
    { seed: 0 },
  );
  const picture = tf.randomUniform([height, width, 3], 0, 1, 'float32', 0);
  const pixels = tf.expandDims(picture, 0);
  const calls = [];
  const whole = { run: () => calls.push(timed(model, picture)) };
  const backboneAlone = {
    run() {
      const maps = model.backbone.forward(pixels);
      for (const map of Object.values(maps)) map.dataSync();
      tf.dispose(maps);
    },
  };
  const [all, backbone] = (await interleave([whole, backboneAlone], runs)).map(summary);
  const least = (part) => Math.min(...calls.map(({ times }) => times[part]));
  const parts = Object.fromEntries([...Object.keys(PARTS), 'masks drawn'].map((part) => [part, round(least(part))]));
  const { found } = calls.at(-1);
  const split = { ...parts, backbone: backbone.min, pyramid: round(Math.max(0, least('pyramid') - backbone.min)) };
  const job = `mask-rcnn ${size} ${height} x ${width}`;
  const [ours, ...theirs] = beside(job, [{ engine: 'simd', ...all }], elsewhere);
  rows.push({ ...ours, found, parts: split }, ...theirs);
  tf.dispose([picture, pixels]);
  model.dispose();
}
printTable(
  rows.map(({ job, engine, median, min, ratio, found, parts }) => ({
    job,
    engine,
    'median ms': median,
    'min ms': min,
    'x ours': ratio.toFixed(2),
    objects: found ?? '',
    ...Object.fromEntries(Object.keys(rows[0].parts).map((part) => [part, parts?.[part] ?? ''])),
  })),
);
writeReport(json, { isa, threads, runs, rows });
