// Whether memory grows: many forwards with changing sizes and batches, and worker threads that are started, used and terminated.
//
//   node bench/soak.mjs --size atto --forwards 10000 --rounds 100 --workers 10
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Backbone, useBackend } from '../dist/src/index.js';
import { configOf } from './engines.mjs';
import { flags, printTable, round, writeReport } from './measure.mjs';

const SIDES = [32, 64, 96, 128, 160, 47, 71];
let seed = 1;
const next = (below) => {
  seed = (seed * 48271) % 2147483647;
  return seed % below;
};

const open = async (size) => {
  await useBackend('simd');
  const config = (await configOf(size)).with({ outFeatures: ['stage2', 'stage4'] });
  return ConvNextV2Backbone.fromConfig(config, { seed: 0 });
};

function forward(backbone) {
  const pick = () => SIDES[next(SIDES.length)];
  const pixels = tf.randomUniform([1 + next(3), pick(), pick(), 3]);
  const maps = backbone.forward(pixels);
  maps.stage4.dataSync();
  tf.dispose([pixels, maps]);
}

if (!isMainThread) {
  const backbone = await open(workerData);
  for (;;) {
    forward(backbone);
    parentPort.postMessage('done');
    await new Promise(setImmediate);
  }
}

const { size, forwards, rounds, workers, json } = flags(
  { size: 'atto', forwards: 10_000, rounds: 100, workers: 10, json: '' },
  { forwards: 10, rounds: 1, workers: 2 },
);
const megabytes = () => round(process.memoryUsage().rss / 1e6);
const rows = [];

const backbone = await open(size);
for (let done = 1; done <= forwards; done++) {
  forward(backbone);
  if (done % Math.ceil(forwards / 10) === 0)
    rows.push({ what: `${done} forwards`, 'RSS, MB': megabytes(), tensors: tf.memory().numTensors });
  if (done % 100 === 0) await new Promise(setImmediate);
}

/** A worker that is terminated in the middle of its work. */
async function life() {
  const worker = new Worker(new URL(import.meta.url), { workerData: size });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await new Promise((resolve) => setTimeout(resolve, next(20)));
  await worker.terminate();
}

for (let done = 1; done <= rounds; done++) {
  await Promise.all(Array.from({ length: workers }, life));
  if (done % Math.ceil(rounds / 10) === 0)
    rows.push({
      what: `${done} rounds of ${workers} workers`,
      'RSS, MB': megabytes(),
      tensors: tf.memory().numTensors,
    });
}
backbone.dispose();
printTable(rows);
writeReport(json, { size, rows });
