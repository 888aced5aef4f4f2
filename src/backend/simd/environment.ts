import { ConvNextV2Error, didYouMean, show } from '../../errors.js';

/** Ways to compute, for who wants to compare them. */
const PATHS = ['winograd', 'fused', 'direct'] as const;

/**
 * CONVNEXTV2_FORCE: `winograd` takes that for every 3x3 convolution of stride 1, `direct` for none, and no block as one kernel;
 * `fused` is what is done without. Throws E_BACKEND for anything else.
 */
export function forcedPath(): (typeof PATHS)[number] | undefined {
  const { CONVNEXTV2_FORCE: value } = process.env;
  const path = PATHS.find((name) => name === value);
  if (!value || path) return path;
  throw new ConvNextV2Error('E_BACKEND', {
    path: 'CONVNEXTV2_FORCE',
    wanted: `one of ${PATHS.join(', ')}`,
    got: show(value),
    suggestion: didYouMean(value, PATHS),
  });
}

/**
 * CONVNEXTV2_WINOGRAD_MB: how much the weights that Winograd's method transforms may take, in bytes; they are four times the size
 * of a filter, and half a gigabyte, the default, holds those of UperNet's head, the widest. Throws E_BACKEND.
 */
export const winogradBytes = (): number => 2 ** 20 * (amount('CONVNEXTV2_WINOGRAD_MB', 0, 2 ** 20) ?? 512);

/** Checks all variables but CONVNEXTV2_ISA, which is checked against the CPU: see native.ts. Throws E_BACKEND. */
export function checkEnvironment(): void {
  checkThreads();
  forcedPath();
  winogradBytes();
}

/** CONVNEXTV2_THREADS is read by the native half, which takes digits alone. */
function checkThreads(): void {
  const { CONVNEXTV2_THREADS: text } = process.env;
  if (!text || (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1024)) return;
  refuse('CONVNEXTV2_THREADS', 'a whole number from 1 to 1024');
}

function amount(name: string, least: number, most: number): number | undefined {
  const text = process.env[name];
  if (!text) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : refuse(name, `a number from ${least} to ${most}`);
}

function refuse(path: string, wanted: string): never {
  throw new ConvNextV2Error('E_BACKEND', { path, wanted, got: show(process.env[path]), suggestion: 'or unset it' });
}
