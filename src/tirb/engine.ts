import { ConvNextV2Error } from '../errors.js';

// Evaluated before anything of tfjs: whichever copy of tfjs-core comes first makes the engine that all share, and that of
// tfjs 1 has a `runKernel` of 5 parameters.
const { _tfengine: engine } = globalThis as { _tfengine?: { readonly runKernel: { readonly length: number } } };
if (engine && engine.runKernel.length !== 3) throwLoadedBefore();

/** Throws the E_PEER of a program in which tfjs-image-recognition-base has loaded its own tfjs. */
export function throwLoadedBefore(): never {
  throw peerError('a process that has not loaded it yet', 'one that has, with its own tfjs 1', {
    suggestion: 'import it from convnextv2/tirb everywhere, and never by its own name',
  });
}

/** An E_PEER about tfjs-image-recognition-base. */
export function peerError(
  wanted: string,
  got: string,
  { suggestion, cause }: { readonly suggestion: string; readonly cause?: unknown },
): ConvNextV2Error {
  const problem = { path: 'tfjs-image-recognition-base', wanted, got, suggestion };
  return new ConvNextV2Error('E_PEER', problem, cause === undefined ? {} : { cause });
}
