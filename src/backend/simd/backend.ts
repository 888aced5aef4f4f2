import * as tf from '@tensorflow/tfjs-core';
import { registerCpuKernels } from '../cpu-kernels.js';
import { Buffers } from './buffers.js';
import { checkEnvironment, forcedPath, winogradBytes } from './environment.js';
import type { Pack, Simd, SimdBackend } from './kernel.js';
import { BODY_KERNELS, SIMD_KERNELS } from './kernels.js';
import { loadNative } from './native.js';

/**
 * Registers backend `simd` with tfjs, where the native half is there: all kernels of `cpu`, and our own for what costs time.
 * A second call changes nothing. `isa` forces an instruction set. Throws E_BACKEND.
 */
export async function registerSimd(isa?: string): Promise<{ readonly isa: string }> {
  checkEnvironment();
  const native = loadNative(isa);
  const { MathBackendCPU } = await import('@tensorflow/tfjs-backend-cpu');

  class Backend extends MathBackendCPU implements SimdBackend {
    readonly native = native;
    readonly #buffers = new Buffers();
    readonly #packedBuffers = new Buffers((length) => native.floats(length));
    /** Tensors whose array this backend made, and nobody else can hold. */
    readonly #own = new WeakSet<object>();
    readonly #packed = new WeakMap<object, Map<string, Float32Array>>();
    readonly #together = new WeakMap<object, { readonly of: readonly object[]; readonly weights: unknown }>();

    /** What was reserved: bytes for each tensor, and in all. */
    readonly #within = new WeakMap<object, number>();
    #bytesWithin = 0;

    constructor() {
      super();
      // private in tfjs: it prints a banner of several lines when the first tensor is written
      Object.assign(this, { firstUse: false });
    }

    floats({ dataId }: tf.TensorInfo): Float32Array {
      const values = this.data.get(dataId).values as Float32Array | number[];
      // tfjs keeps plain lists as the program gave them, and the bytes of what was cast from bool
      return values instanceof Float32Array ? values : new Float32Array(values);
    }

    ints({ dataId }: tf.TensorInfo): Int32Array {
      const values = this.data.get(dataId).values as Int32Array | number[];
      return values instanceof Int32Array ? values : new Int32Array(values);
    }

    bytes({ dataId }: tf.TensorInfo): Uint8Array {
      const values = this.data.get(dataId).values as Uint8Array | number[];
      return values instanceof Uint8Array ? values : new Uint8Array(values);
    }

    truths(shape: readonly number[], fill: (out: Uint8Array) => void): tf.TensorInfo {
      const out = new Uint8Array(tf.util.sizeFromShape([...shape]));
      fill(out);
      return this.makeTensorInfo([...shape], 'bool', out);
    }

    output(shape: readonly number[], fill: (out: Float32Array) => void): tf.TensorInfo {
      return this.outputs([shape], fill)[0];
    }

    outputs(shapes: readonly (readonly number[])[], fill: (...outs: Float32Array[]) => void): tf.TensorInfo[] {
      const outs = shapes.map((shape) => this.#buffers.take(tf.util.sizeFromShape([...shape])));
      fill(...outs);
      return shapes.map((shape, i) => {
        const info = this.makeTensorInfo([...shape], 'float32', outs[i]);
        this.#own.add(info.dataId);
        return info;
      });
    }

    packed({ dataId }: tf.TensorInfo, length: number, pack: Pack, name = 'matrix'): Float32Array {
      const of = this.#packed.get(dataId) ?? new Map<string, Float32Array>();
      this.#packed.set(dataId, of);
      const found = of.get(name);
      if (found) return found;
      const packed = this.#packedBuffers.take(length);
      of.set(name, packed);
      pack(packed);
      return packed;
    }

    packedWithin(tensor: tf.TensorInfo, length: number, pack: Pack, name: string) {
      const isThere = this.#packed.get(tensor.dataId)?.has(name) || this.reserve(tensor, length);
      return isThere ? this.packed(tensor, length, pack, name) : undefined;
    }

    reserve({ dataId }: tf.TensorInfo, length: number): boolean {
      const more = Math.max(0, 4 * length - (this.#within.get(dataId) ?? 0));
      if (this.#bytesWithin + more > winogradBytes()) return false;
      this.#within.set(dataId, (this.#within.get(dataId) ?? 0) + more);
      this.#bytesWithin += more;
      return true;
    }

    packedTogether<Weights>(tensors: readonly tf.TensorInfo[], pack: () => Weights): Weights {
      const of = tensors.map(({ dataId }) => dataId);
      const found = this.#together.get(of[0]);
      if (found?.of.every((dataId, i) => dataId === of[i])) return found.weights as Weights;
      const weights = pack();
      this.#together.set(of[0], { of, weights });
      return weights;
    }

    share({ dataId }: tf.TensorInfo): void {
      if (this.#own.delete(dataId)) this.#buffers.forget(this.data.get(dataId).values as Float32Array);
    }

    override readSync(dataId: object): tf.backend_util.BackendValues {
      this.share({ dataId } as tf.TensorInfo);
      return super.readSync(dataId);
    }

    override disposeData(dataId: object, force?: boolean): boolean {
      const values = this.data.has(dataId) ? this.data.get(dataId).values : undefined;
      const disposed = super.disposeData(dataId, force);
      if (!disposed) return false;
      for (const packed of this.#packed.get(dataId)?.values() ?? []) this.#packedBuffers.give(packed);
      this.#packed.delete(dataId);
      this.#bytesWithin -= this.#within.get(dataId) ?? 0;
      this.#together.delete(dataId);
      if (this.#own.delete(dataId)) this.#buffers.give(values as Float32Array);
      return true;
    }
  }

  if (tf.findBackendFactory('simd') === null) {
    registerCpuKernels();
    tf.copyRegisteredKernels('cpu', 'simd');
    for (const { kernelName } of tf.getKernelsForBackend('simd')) {
      if (!KEEPS_ARRAYS.includes(kernelName)) replaceKernel(kernelName, SIMD_KERNELS[kernelName]);
    }
    const kernels = forcedPath() === 'direct' ? SIMD_KERNELS : { ...SIMD_KERNELS, ...BODY_KERNELS };
    for (const [kernelName, simd] of Object.entries(kernels)) replaceKernel(kernelName, simd);
    tf.registerBackend('simd', () => new Backend(), LOWEST_PRIORITY);
  }
  return { isa: native.isa };
}

/** tfjs takes the backend of the highest priority where a program chooses none; choosing is `useBackend`'s. */
const LOWEST_PRIORITY = 0;

/** Kernels of `cpu` that count another reference to a tensor's array and hand it to no other. */
const KEEPS_ARRAYS: readonly string[] = ['Identity', 'Reshape', 'ExpandDims'];

/** Puts a kernel in front of the one of `cpu`, which runs where there is none or it does not want to. */
function replaceKernel(kernelName: string, simd: Simd | undefined): void {
  const cpu = tf.getKernel(kernelName, 'cpu');
  // tfjs prints a warning where a kernel is registered twice
  if (tf.getKernel(kernelName, 'simd')) tf.unregisterKernel(kernelName, 'simd');
  tf.registerKernel({
    ...cpu,
    kernelName,
    backendName: 'simd',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const own = backend as unknown as SimdBackend;
      const result = simd?.(own, inputs as never, (attrs ?? {}) as never);
      if (result !== undefined) return result as tf.TensorInfo | tf.TensorInfo[];
      // an operation of our own: its definition runs, see ops/op.ts
      if (!cpu) return [];
      // the kernel of `cpu` may give a view of an input's array as its output
      for (const input of Object.values(inputs).flat()) if (input) own.share(input);
      return cpu.kernelFunc({ inputs, backend, attrs });
    },
  });
}
