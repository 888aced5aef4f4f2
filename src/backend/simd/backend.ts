import * as tf from '@tensorflow/tfjs-core';
import { registerCpuKernels } from '../cpu-kernels.js';
import type { Simd, SimdBackend } from './kernel.js';
import { SIMD_KERNELS } from './kernels.js';
import { type BlockWeights, loadNative } from './native.js';

/**
 * Registers backend `simd` with tfjs, where the native half is there: all kernels of `cpu`, and our own for what costs time.
 * A second call changes nothing. `isa` forces an instruction set. Throws E_BACKEND.
 */
export async function registerSimd(isa?: string): Promise<{ readonly isa: string }> {
  const native = loadNative(isa);
  const { MathBackendCPU } = await import('@tensorflow/tfjs-backend-cpu');

  class Backend extends MathBackendCPU implements SimdBackend {
    readonly native = native;
    readonly #packed = new WeakMap<object, Map<string, Float32Array>>();
    readonly #together = new WeakMap<object, { readonly of: readonly object[]; readonly weights: BlockWeights }>();

    constructor() {
      super();
      // private in tfjs: it prints a banner of several lines when the first tensor is written
      Object.assign(this, { firstUse: false });
    }

    floats({ dataId }: tf.TensorInfo): Float32Array {
      const values = this.data.get(dataId).values as Float32Array | number[];
      // tfjs keeps plain lists as the program gave them
      return values instanceof Float32Array ? values : Float32Array.from(values as number[]);
    }

    output(shape: readonly number[], fill: (out: Float32Array) => void): tf.TensorInfo {
      const out = new Float32Array(tf.util.sizeFromShape([...shape]));
      fill(out);
      return this.makeTensorInfo([...shape], 'float32', out);
    }

    outputs(shapes: readonly (readonly number[])[], fill: (...outs: Float32Array[]) => void): tf.TensorInfo[] {
      const outs = shapes.map((shape) => new Float32Array(tf.util.sizeFromShape([...shape])));
      fill(...outs);
      return shapes.map((shape, i) => this.makeTensorInfo([...shape], 'float32', outs[i]));
    }

    packed({ dataId }: tf.TensorInfo, pack: () => Float32Array, name = 'matrix'): Float32Array {
      const of = this.#packed.get(dataId) ?? new Map<string, Float32Array>();
      this.#packed.set(dataId, of);
      const packed = of.get(name) ?? pack();
      of.set(name, packed);
      return packed;
    }

    packedTogether(tensors: readonly tf.TensorInfo[], pack: () => BlockWeights): BlockWeights {
      const of = tensors.map(({ dataId }) => dataId);
      const found = this.#together.get(of[0]);
      if (found?.of.every((dataId, i) => dataId === of[i])) return found.weights;
      const weights = pack();
      this.#together.set(of[0], { of, weights });
      return weights;
    }

    override disposeData(dataId: object, force?: boolean): boolean {
      const disposed = super.disposeData(dataId, force);
      if (disposed) {
        this.#packed.delete(dataId);
        this.#together.delete(dataId);
      }
      return disposed;
    }
  }

  if (tf.findBackendFactory('simd') === null) {
    registerCpuKernels();
    tf.copyRegisteredKernels('cpu', 'simd');
    for (const [kernelName, simd] of Object.entries(SIMD_KERNELS)) replaceKernel(kernelName, simd);
    tf.registerBackend('simd', () => new Backend(), SLOWER_THAN_NOTHING);
  }
  return { isa: native.isa };
}

/** tfjs takes the backend of the highest priority where a program chooses none; choosing is `useBackend`'s. */
const SLOWER_THAN_NOTHING = 0;

function replaceKernel(kernelName: string, simd: Simd): void {
  const cpu = tf.getKernel(kernelName, 'cpu');
  // tfjs prints a warning where a kernel is registered twice
  if (tf.getKernel(kernelName, 'simd')) tf.unregisterKernel(kernelName, 'simd');
  tf.registerKernel({
    kernelName,
    backendName: 'simd',
    kernelFunc: ({ inputs, backend, attrs }) =>
      (simd(backend as unknown as SimdBackend, inputs as never, attrs as never) as tf.TensorInfo | tf.TensorInfo[]) ??
      cpu!.kernelFunc({ inputs, backend, attrs }),
  });
}
