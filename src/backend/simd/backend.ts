import * as tf from '@tensorflow/tfjs-core';
import { registerCpuKernels } from '../cpu-kernels.js';
import type { SimdBackend } from './kernel.js';
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

    /** What `packedWithin` made: bytes for each tensor, and in all. */
    readonly #within = new WeakMap<object, number>();
    #bytesWithin = 0;

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

    packed({ dataId }: tf.TensorInfo, pack: () => Float32Array, name = 'matrix'): Float32Array {
      const of = this.#packed.get(dataId) ?? new Map<string, Float32Array>();
      this.#packed.set(dataId, of);
      const packed = of.get(name) ?? pack();
      of.set(name, packed);
      return packed;
    }

    packedWithin(tensor: tf.TensorInfo, bytes: number, pack: () => Float32Array, name: string) {
      if (this.#packed.get(tensor.dataId)?.has(name)) return this.packed(tensor, pack, name);
      if (this.#bytesWithin + bytes > mostBytesWithin()) return undefined;
      const packed = this.packed(tensor, pack, name);
      this.#within.set(tensor.dataId, (this.#within.get(tensor.dataId) ?? 0) + packed.byteLength);
      this.#bytesWithin += packed.byteLength;
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
        this.#bytesWithin -= this.#within.get(dataId) ?? 0;
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

/** Winograd's weights are four times the size of a filter: half a gigabyte holds those of UperNet's head, the widest. */
const mostBytesWithin = () => 2 ** 20 * Number(process.env.CONVNEXTV2_WINOGRAD_MB || 512);

/** tfjs takes the backend of the highest priority where a program chooses none; choosing is `useBackend`'s. */
const SLOWER_THAN_NOTHING = 0;

function replaceKernel(kernelName: string, simd: (typeof SIMD_KERNELS)[string]): void {
  const cpu = tf.getKernel(kernelName, 'cpu');
  // tfjs prints a warning where a kernel is registered twice
  if (tf.getKernel(kernelName, 'simd')) tf.unregisterKernel(kernelName, 'simd');
  tf.registerKernel({
    kernelName,
    backendName: 'simd',
    kernelFunc: ({ inputs, backend, attrs }) =>
      simd(backend as unknown as SimdBackend, inputs as never, attrs as never) ??
      cpu!.kernelFunc({ inputs, backend, attrs }),
  });
}
