// A classifier's forward, this package beside its peers.
//
//   node bench/forward.mjs --sizes atto,tiny,base --batches 1,8 --threads 2 --onnx DIR --peers peers.json --json out.json
//
// --engines  of simd, onnxruntime, tensorflow, wasm, cpu; those that are not installed are left out. The first is what
//            the others are compared with
// --onnx     a folder with convnextv2-SIZE.onnx, inputs pixel_values [n, 3, h, w]
// --peers    rows { peer, job, threads, median, min } measured elsewhere, a job being "tiny 224 batch 1"
// --runs     measured ones; three more warm up. --side of the picture, in pixels
// CONVNEXTV2_ISA=avx2 measures simd, and the limit, with a lower instruction set.
import { availableParallelism } from 'node:os';
import { loadNative, simdThreads } from '../dist/src/backend/simd/native.js';
import { configOf, openEngines, operationsOf } from './engines.mjs';
import {
  beside,
  flags,
  interleave,
  peakJob,
  peakOf,
  percent,
  printTable,
  readPeers,
  round,
  summary,
  writeReport,
} from './measure.mjs';

const {
  sizes,
  batches,
  side,
  threads,
  runs,
  engines: names,
  onnx,
  peers,
  json,
} = flags(
  {
    sizes: ['atto', 'tiny'],
    batches: [1],
    side: 224,
    threads: availableParallelism(),
    runs: 15,
    engines: ['simd', 'onnxruntime', 'tensorflow'],
    onnx: '',
    peers: '',
    json: '',
  },
  { sizes: ['atto'], side: 32, runs: 1, engines: ['simd'] },
);
const native = loadNative();
simdThreads(threads);
const engines = await openEngines(names, { threads, onnx });
const elsewhere = readPeers(peers, threads);

let peak = 0;
const measured = [];
for (const size of sizes) {
  const config = await configOf(size);
  for (const batch of batches) {
    const limit = peakJob(native);
    const classifiers = [];
    for (const engine of engines) classifiers.push(await engine.classifier(size, batch, side));
    const [limits, ...times] = await interleave([limit, ...classifiers], runs);
    for (const { close } of classifiers) await close();
    peak = Math.max(peak, peakOf(limit, limits));
    const ours = engines.map(({ name }, i) => ({ engine: name, ...summary(times[i]) }));
    const operations = operationsOf(config, batch, side);
    measured.push(...beside(`${size} ${side} batch ${batch}`, ours, elsewhere).map((row) => ({ ...row, operations })));
  }
}

const rows = measured.map(({ operations, ...row }) => ({ ...row, share: round(operations / row.min / 1e6 / peak) }));
printTable(
  rows.map(({ job, engine, median, min, ratio, share }) => ({
    job,
    engine,
    'median ms': median,
    'min ms': min,
    'x ours': ratio.toFixed(2),
    'of peak': percent(share),
  })),
);
console.log(`peak: ${peak} GFLOP/s, ${native.isa}, ${threads} threads`);
writeReport(json, { isa: native.isa, threads, runs, peak, rows });
