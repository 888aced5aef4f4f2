import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Error } from '../errors.js';
import { importBackend, type Load } from './import-backend.js';

/** What tfjs-node's backend says about itself. */
interface NodeBackend extends tf.KernelBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
}

/** Registers backend `tensorflow`, where it computes on a GPU, and says what it is. Throws E_BACKEND. */
export async function loadTensorflowOnGpu(load: Load): Promise<string> {
  const backend = await register(['@tensorflow/tfjs-node-gpu'], load);
  if (backend.isUsingGpuDevice) return describe(backend);
  throw new ConvNextV2Error('E_BACKEND', { path: 'backend', wanted: 'a GPU', got: describe(backend) });
}

/** Registers backend `tensorflow`, on whatever it computes, and says what it is. Throws E_BACKEND. */
export async function loadTensorflow(load: Load): Promise<string> {
  return describe(await register(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'], load));
}

const describe = ({ binding, isUsingGpuDevice }: NodeBackend): string =>
  `TensorFlow ${binding.TF_Version} on ${isUsingGpuDevice ? 'a GPU' : 'the CPU'}`;

async function register(packages: readonly string[], load: Load): Promise<NodeBackend> {
  const backend = await importBackend('tensorflow', packages, async (name) => {
    await prepareNode();
    await load(name).catch(throwWithoutKernels);
  });
  return backend as NodeBackend;
}

/** A package that fails has registered its kernels by then, and tfjs prints a line for each one registered again. */
function throwWithoutKernels(error: unknown): never {
  for (const { kernelName } of tf.getKernelsForBackend('tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
  throw error;
}

/** What tfjs-node needs of the process before its import. */
async function prepareNode(): Promise<void> {
  // gone from Node 23, where operations of tfjs-node would throw; on 22 their use prints a warning
  const { default: util } = await import('node:util');
  Object.assign(util, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
  // errors alone: otherwise TensorFlow describes the machine on stderr
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}
