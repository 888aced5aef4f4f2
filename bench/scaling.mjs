// How a forward's time changes with threads, pixels and batch. Pixels a second should grow as the threads do, and stay the
// same for larger pictures and batches.
//
//   node bench/scaling.mjs --size tiny --threads 1,2 --sides 224,320,448 --batches 1,2,4,8 --json out.json
import { availableParallelism } from 'node:os';
import { simdThreads } from '../dist/src/backend/simd/native.js';
import { openEngines } from './engines.mjs';
import { flags, interleave, printTable, round, summary, writeReport } from './measure.mjs';

const most = availableParallelism();
const { size, threads, sides, batches, runs, json } = flags(
  {
    size: 'tiny',
    threads: most > 1 ? [1, most] : [1],
    sides: [224, 320, 448],
    batches: [1, 2, 4, 8],
    runs: 15,
    json: '',
  },
  { size: 'atto', sides: [32, 64], batches: [1, 2], runs: 1 },
);
const [side] = sides;
const [batch] = batches;
const [simd] = await openEngines(['simd'], { threads: most });

/** The time of each case, and its pixels a second as a multiple of the first's. */
async function measure(cases) {
  const jobs = [];
  for (const { count, batch, side } of cases) {
    const { run, close } = await simd.classifier(size, batch, side);
    jobs.push({ run, close, before: () => void simdThreads(count) });
  }
  const times = (await interleave(jobs, runs)).map(summary);
  for (const job of jobs) job.close();
  const speeds = cases.map(({ batch, side }, i) => (batch * side * side) / times[i].min);
  return cases.map((one, i) => ({ ...one, ...times[i], speed: round(speeds[i] / speeds[0]) }));
}

const rows = [
  ...(await measure(threads.map((count) => ({ count, side, batch })))),
  ...(await measure(sides.map((side) => ({ count: most, side, batch })))),
  ...(await measure(batches.map((batch) => ({ count: most, side, batch })))),
];
printTable(
  rows.map(({ count, side, batch, median, min, speed }) => ({
    threads: count,
    side,
    batch,
    'median ms': median,
    'min ms': min,
    'pictures a second': round((1000 * batch) / min),
    'pixels a second': `${speed} x`,
  })),
);
writeReport(json, { size, runs, rows });
