import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { HERE, requireHere } from '../config/here.js';
import { packageFile } from '../config/package-files.js';
import { ConvNextV2Error } from '../errors.js';

/** The programs of workers, by their entry points in package.json, and their places in src/ without the ending. */
const PROGRAMS = { worker: 'worker', 'hdf5-worker': 'weights/hdf5-worker' } as const;
type Program = keyof typeof PROGRAMS;

/** tsx runs the TypeScript sources. */
const isSource = HERE.endsWith('.ts');

/** Starts a worker of this package. Throws E_PEER in a bundle that has no program for it. */
export function startWorker(program: Program, workerData: unknown): Worker {
  return new Worker(fileOf(program), { workerData, execArgv: workerFlags() });
}

/** Beside a bundle, or else in the package. */
function fileOf(program: Program): string {
  const folder = dirname(HERE);
  const bundled = ['js', 'mjs', 'cjs'].map((ending) => join(folder, `convnextv2-${program}.${ending}`));
  const file = [...bundled, ...packaged(program)].find((file) => existsSync(file));
  if (file !== undefined) return file;
  throw new ConvNextV2Error('E_PEER', {
    path: 'worker',
    wanted: `convnextv2-${program}.js in ${folder}, or the package convnextv2 installed there`,
    got: 'neither',
    suggestion: `bundle convnextv2/${program} as an entry point of its own, with an output of that name`,
  });
}

function packaged(program: Program): readonly string[] {
  try {
    return [packageFile(isSource ? `src/${PROGRAMS[program]}.ts` : `dist/src/${PROGRAMS[program]}.js`)];
  } catch {
    return []; // a bundle that runs without the package
  }
}

/** The flags of Node for a worker of this package; undefined for those of this process. */
export function workerFlags(): string[] | undefined {
  // tsx does not reach into workers by itself on Node 20
  if (isSource) {
    const tsx = pathToFileURL(requireHere.resolve('tsx/package.json'));
    const api = JSON.stringify(new URL('dist/esm/api/index.mjs', tsx));
    return ['--import', `data:text/javascript,import { register } from ${api}; register();`];
  }
  // with --eval: it is about this process' program, and a worker refuses it
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? [] : undefined;
}
