import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { workerFlags } from '../../src/weights/worker-flags.js';
import { fuzz } from './readers.js';
import { type Reader, SEEDS } from './seeds.js';

/*
 * npx tsx test/fuzz/main.ts READER [COUNT] [SEED]: a longer run than that of the tests. The readers run in a worker, some inputs
 * at a time, which is stopped where one takes more than three seconds; what is found is printed, and the run goes on.
 */

/** Inputs for one worker: HDF5's library keeps something of every file. */
const AT_ONCE = { h5: 2000, others: 100_000 };

const PATIENCE = 3000;

interface Task {
  readonly reader: Reader;
  readonly count: number;
  readonly seed: number;
  readonly folder: string;
  /** The seed that is being tried. */
  readonly current: Int32Array;
}

if (isMainThread) await run(process.argv.slice(2));
else {
  const { reader, count, seed, folder, current } = workerData as Task;
  console.log(
    JSON.stringify({
      reader,
      ...(await fuzz(reader, count, seed, folder, (input) => Atomics.store(current, 0, input))),
    }),
  );
}

async function run([reader, count = '100000', first = '1']: readonly string[]): Promise<void> {
  if (!Object.hasOwn(SEEDS, reader ?? '')) {
    console.error(`npm run fuzz -- READER [COUNT] [SEED]     READER is one of ${Object.keys(SEEDS).join(', ')}`);
    process.exit(2);
  }
  const folder = await mkdtemp(join(tmpdir(), 'convnextv2-fuzz-'));
  const end = Number(first) + Number(count);
  try {
    for (let seed = Number(first); seed < end; ) {
      const atOnce = reader === 'h5' ? AT_ONCE.h5 : AT_ONCE.others;
      seed = await work({ reader: reader as Reader, count: Math.min(atOnce, end - seed), seed, folder });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs a worker; gives the seed to go on from. */
function work(task: Omit<Task, 'current'>): Promise<number> {
  const current = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(current, 0, task.seed);
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...task, current }, execArgv: workerFlags() });
  let last = 0;
  const watch = setInterval(() => {
    const now = Atomics.load(current, 0);
    if (now === last && now > task.seed) {
      console.log(`FOUND ${task.reader}, seed ${now}: more than ${PATIENCE} ms`);
      worker.terminate();
    }
    last = now;
  }, PATIENCE);
  return new Promise((resolve) => {
    worker.on('error', (error) => console.log(`FOUND ${error.stack}`));
    worker.on('exit', (code) => {
      clearInterval(watch);
      resolve(code === 0 ? task.seed + task.count : Atomics.load(current, 0) + 1);
    });
  });
}
