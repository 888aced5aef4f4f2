import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { registerCpuKernels } from './cpu-kernels.js';
import { importBackend, type Load, throwNotStarted, throwOtherCopy } from './import-backend.js';
import { registerSimd } from './simd/backend.js';
import { simdThreads } from './simd/native.js';
import { loadTensorflow, loadTensorflowOnGpu } from './tensorflow.js';

/** The backends that `useBackend` loads by itself. */
export type BackendName = 'tensorflow' | 'simd' | 'cpu';

/** What computes from now on. */
export interface BackendReport {
  /** As tfjs knows it. */
  readonly name: string;
  /** In a few words, as `TensorFlow 2.9.1 on the CPU`. */
  readonly detail: string;
}

export interface BackendOptions {
  /** Imports @tensorflow/tfjs-node and -gpu. Default: `import`, which looks where this package is installed. */
  readonly load?: Load;
}

interface KnownBackend {
  readonly name: BackendName;
  /** Registers it with tfjs and gives the report's detail. Throws E_BACKEND saying why it cannot. */
  load(load: Load): Promise<string>;
}

/** In the order in which `auto` tries them; a wish by name takes the last of that name. */
const BACKENDS: readonly KnownBackend[] = [
  { name: 'tensorflow', load: loadTensorflowOnGpu },
  { name: 'simd', load: loadSimd },
  { name: 'tensorflow', load: loadTensorflow },
  { name: 'cpu', load: loadCpu },
];

/**
 * Makes a tfjs backend the active one: `auto` (the fastest there is), one of `BackendName`, or the name of one that the
 * program itself registered, as `webgl`. `auto` takes the first that is there of TensorFlow on a GPU, `simd`, TensorFlow on
 * the CPU (@tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node), and tfjs' own `cpu`. That one is slow: a line on stderr, once per
 * process, says so, why it is not `simd`, and what to do. The same line comes with TensorFlow where a wrong variable of the
 * environment keeps `simd` from starting. TensorFlow's own messages are off unless TF_CPP_MIN_LOG_LEVEL is set.
 *
 * Makes gradients work, too, which tfjs-layers brings.
 *
 * Throws E_BACKEND where a wish cannot be met, saying why, and E_PEER where tfjs-layers is not installed; the active backend is
 * then as before.
 */
export async function useBackend(
  wish: 'auto' | BackendName | (string & {}) = 'auto',
  { load = (name) => import(/* webpackIgnore: true */ name) }: BackendOptions = {},
): Promise<BackendReport> {
  refuseOldEngine();
  const before = tf.getBackend();
  try {
    const report = await (wish === 'auto' ? useFastest(load) : useNamed(wish, load));
    await loadGradients();
    return report;
  } catch (error) {
    if (before) await tf.setBackend(before);
    throw error;
  }
}

async function useNamed(wish: string, load: Load): Promise<BackendReport> {
  const known = BACKENDS.findLast(({ name }) => name === wish);
  if (known) return activate(known.name, await known.load(load));
  const registered = tf.engine().backendNames();
  if (registered.includes(wish)) return activate(wish, 'registered by the program');
  const names = [...new Set(['auto', ...BACKENDS.map(({ name }) => name), ...registered])];
  throw new ConvNextV2Error('E_BACKEND', {
    path: 'backend',
    wanted: `one of ${names.join(', ')}`,
    got: show(wish),
    suggestion: didYouMean(String(wish), names),
  });
}

/**
 * Before a model is made: takes the fastest backend where the program has not chosen one, and makes gradients work.
 * Throws E_BACKEND, and E_PEER where tfjs-layers is not installed.
 */
export async function ensureBackend(): Promise<void> {
  refuseOldEngine();
  if (tf.getBackend()) registerCpuKernels();
  else await useBackend();
  await loadGradients();
}

async function loadGradients(): Promise<void> {
  await import('./gradients.js').catch((cause) => {
    const wanted = '@tensorflow/tfjs-layers, which brings the gradients';
    const got = `none that loads (${cause.code ?? cause})`;
    throw new ConvNextV2Error(
      'E_PEER',
      { path: 'gradients', wanted, got, suggestion: `npm install @tensorflow/tfjs-layers@${tf.version_core}` },
      { cause },
    );
  });
}

async function useFastest(load: Load): Promise<BackendReport> {
  const refusals = new Map<BackendName, ConvNextV2Error>();
  for (const backend of BACKENDS) {
    try {
      const report = await activate(backend.name, await backend.load(load));
      warnOnce(report, refusals);
      return report;
    } catch (error) {
      if (!(error instanceof ConvNextV2Error)) throw error;
      refusals.set(backend.name, error);
    }
  }
  throw refusals.get('cpu');
}

async function activate(name: string, detail: string): Promise<BackendReport> {
  // tfjs 1 has no kernels, and every later backend has this one
  if (!tf.getKernel('Identity', name)) throwOtherCopy(`a backend "${name}" without kernels`);
  return (await tf.setBackend(name)) ? { name, detail } : throwNotStarted(name);
}

async function loadSimd(): Promise<string> {
  const { isa } = await registerSimd();
  const count = simdThreads();
  return `our own kernels, ${isa}, ${count} ${count === 1 ? 'thread' : 'threads'}`;
}

async function loadCpu(): Promise<string> {
  const backend = await importBackend(
    'cpu',
    ['@tensorflow/tfjs-backend-cpu'],
    () => import('@tensorflow/tfjs-backend-cpu'),
  );
  // private in tfjs: it prints a banner of several lines when the first tensor is written
  Object.assign(backend, { firstUse: false });
  registerCpuKernels();
  return 'plain JavaScript';
}

let hasWarned = false;

/** Says why `simd` does not compute, where that is not as the program or the user meant it. */
function warnOnce({ name }: BackendReport, refusals: ReadonlyMap<BackendName, ConvNextV2Error>): void {
  const simd = refusals.get('simd');
  if (hasWarned || !simd) return;
  // one of the environment's variables is wrong: no other backend is a remedy for that
  const isWrongVariable = simd.path !== 'backend';
  if (name !== 'cpu' && !isWrongVariable) return;
  hasWarned = true;
  const others = isWrongVariable ? '' : `; nor on "tensorflow": ${reasonOf(refusals.get('tensorflow')!)}`;
  const slow = name === 'cpu' ? 'the slow ' : '';
  console.warn(`convnextv2: running on ${slow}backend "${name}", not on "simd": ${reasonOf(simd)}${others}`);
}

function reasonOf({ path, wanted, got, suggestion }: ConvNextV2Error): string {
  const reason = path === 'backend' ? got : `${path}: wanted ${wanted}, got ${got}`;
  return suggestion ? `${reason} (${suggestion})` : reason;
}

/** Every copy of tfjs-core in a process uses the engine of the first; that of tfjs 1 has a `runKernel` of 5 parameters. */
function refuseOldEngine(): void {
  if (tf.engine().runKernel.length !== 3) throwOtherCopy('the engine of an older copy');
}
