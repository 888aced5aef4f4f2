import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { workerFlags } from '../../src/weights/start-worker.js';
import { type FuzzReport, fuzz } from './readers.js';
import { type Reader, SEEDS } from './seeds.js';

/*
 * npx tsx test/fuzz/main.ts READER [COUNT] [SEED]: a longer run than that of the tests. The readers run in a worker, so many
 * inputs at a time, which is stopped where one does not end; what is found is printed, and the run goes on.
 */

/** Inputs for one worker: HDF5's library keeps something of every file. */
const AT_ONCE = { h5: 300, others: 100_000 };

/** Milliseconds. HDF5's library loops for ever over one mutant in ten, where `openHdf5` would stop it as this does. */
const PATIENCE = { h5: 400, others: 3000 };

interface Task {
  readonly reader: Reader;
  readonly count: number;
  readonly seed: number;
  readonly folder: string;
  /** The seed that is being tried, 0 while none is. */
  readonly current: Int32Array;
}

if (isMainThread) await run(process.argv.slice(2));
else {
  const { reader, count, seed, folder, current } = workerData as Task;
  parentPort!.postMessage(await fuzz(reader, count, seed, folder, (input) => Atomics.store(current, 0, input)));
}

async function run([reader, count = '100000', first = '1']: readonly string[]): Promise<void> {
  if (!Object.hasOwn(SEEDS, reader ?? '')) {
    console.error(`npm run fuzz -- READER [COUNT] [SEED]     READER is one of ${Object.keys(SEEDS).join(', ')}`);
    process.exit(2);
  }
  const folder = await mkdtemp(join(tmpdir(), 'convnextv2-fuzz-'));
  const limits = reader === 'h5' ? 'h5' : 'others';
  const end = Number(first) + Number(count);
  let stopped = 0;
  try {
    for (let seed = Number(first); seed < end; ) {
      const task = { reader: reader as Reader, count: Math.min(AT_ONCE[limits], end - seed), seed, folder };
      const found = await work(task, PATIENCE[limits]);
      if (typeof found === 'number') stopped++;
      else console.log(JSON.stringify({ reader, seed, ...found }));
      seed = typeof found === 'number' ? found + 1 : seed + task.count;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(`${count} inputs, ${stopped} of them stopped or failed`);
}

/** Runs a worker; gives what it reports, or the seed that it did not come past. */
function work(task: Omit<Task, 'current'>, patience: number): Promise<FuzzReport | number> {
  const current = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...task, current }, execArgv: workerFlags() });
  let last = 0;
  const watch = setInterval(() => {
    const now = Atomics.load(current, 0);
    if (now === last && now > 0) {
      if (task.reader !== 'h5') console.log(`FOUND ${task.reader}, seed ${now}: more than ${patience} ms`);
      clearInterval(watch);
      worker.terminate();
    }
    last = now;
  }, patience);
  return new Promise((resolve) => {
    worker.on('message', resolve);
    worker.on('error', (error) => console.log(`FOUND ${error.stack}`));
    worker.on('exit', () => {
      clearInterval(watch);
      resolve(Atomics.load(current, 0));
    });
  });
}
