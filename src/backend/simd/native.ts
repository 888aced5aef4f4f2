import { requireHere } from '../../config/here.js';
import { packageFile } from '../../config/package-files.js';
import { ConvNextV2Error, didYouMean, show } from '../../errors.js';
import type { ArithmeticKernels } from './native-arithmetic.js';
import type { TrainingKernels } from './native-training.js';

/** The parts of a fused block in the order that `NativeKernels.block` takes them; no GRN in V1. */
export type BlockWeights = readonly [
  taps: Float32Array,
  tapsBias: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
  expand: Float32Array,
  expandBias: Float32Array,
  reduce: Float32Array,
  reduceBias: Float32Array,
  grnGamma: Float32Array | null,
];

/** As native/src/kernels.h numbers them. */
export const ACTIVATION = { linear: 0, gelu: 1, relu: 2 } as const;
export type NativeActivation = (typeof ACTIVATION)[keyof typeof ACTIVATION];

/** `geometry` and, for `NativeKernels.pool` and `.interpolate`, `maps`: the numbers of native/src/geometry.h, in its order. */
export type Convolve = (
  geometry: Int32Array,
  x: Float32Array,
  packed: Float32Array,
  bias: Float32Array | null,
  low: number,
  high: number,
  out: Float32Array,
) => void;

/** Those of a layer norm. */
export type NormWeights = readonly [gamma: Float32Array, beta: Float32Array];

/** The kernels for one instruction set, as native/src/addon.cc has them. Lengths are checked there (RangeError). */
export interface NativeKernels extends ArithmeticKernels, TrainingKernels {
  readonly isa: string;
  readonly lanes: number;
  /** A new array that begins at a cache line. */
  floats(length: number): Float32Array;
  /** Into `packed`, of `packedSize` floats, or a new array; so the others. */
  packMatrix(b: Float32Array, k: number, n: number, transposed: number, packed?: Float32Array): Float32Array;
  packDepthwise(weights: Float32Array, channels: number, packed?: Float32Array): Float32Array;
  block(
    weights: BlockWeights,
    channels: number,
    epsilon: number,
    x: Float32Array,
    n: number,
    height: number,
    width: number,
    out: Float32Array,
  ): void;
  matMul(
    a: Float32Array,
    packed: Float32Array,
    bias: Float32Array | null,
    activation: NativeActivation,
    rows: number,
    k: number,
    n: number,
    out: Float32Array,
  ): void;
  patches(
    x: Float32Array,
    packed: Float32Array,
    bias: Float32Array | null,
    before: NormWeights | null,
    after: NormWeights | null,
    epsilon: number,
    n: number,
    height: number,
    width: number,
    channels: number,
    side: number,
    to: number,
    out: Float32Array,
  ): void;
  layerNorm(
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    epsilon: number,
    positions: number,
    channels: number,
    out: Float32Array,
  ): void;
  gelu(x: Float32Array, out: Float32Array): void;
  /**
   * `kept[i]` becomes 1 where box `order[i]` overlaps none of its group that was kept before it by more than `threshold`, until there
   * are `most`, and 0 elsewhere. `groups` has one number for each box.
   */
  suppress(
    boxes: Float32Array,
    order: Int32Array,
    groups: Int32Array,
    threshold: number,
    most: number,
    kept: Uint8Array,
  ): void;
  packWinograd(weights: Float32Array, channels: number, to: number, packed?: Float32Array): Float32Array;
  /** A 3x3 convolution of stride 1; weights by packWinograd. */
  readonly winograd: Convolve;
  /** Any convolution; weights [height, width, channels, to] by packMatrix. */
  readonly convolution: Convolve;
  /** Weights [height * width, channels] by packDepthwise. */
  readonly depthwise: Convolve;
  /** The greatest of each window, NaN apart, or where `greatest` is 0 the mean. */
  pool(
    maps: Int32Array,
    x: Float32Array,
    rows: Int32Array,
    columns: Int32Array,
    greatest: 0 | 1,
    out: Float32Array,
  ): void;
  /** Between two neighbours on each axis; the shares are those of the second. */
  interpolate(
    maps: Int32Array,
    x: Float32Array,
    rows: Int32Array,
    rowShares: Float32Array,
    columns: Int32Array,
    columnShares: Float32Array,
    out: Float32Array,
  ): void;
  /** `align`: n, height, width, channels, outHeight, outWidth, samplingRatio, and 1 for centres at half pixels. */
  roiAlign(x: Float32Array, align: Int32Array, scale: number, rois: Float32Array, out: Float32Array): void;
  roiAlignGradient(dy: Float32Array, align: Int32Array, scale: number, rois: Float32Array, dx: Float32Array): void;
  /** A box of six axes from x to out: `box` has its sizes, its strides in x, and those in out. */
  copyBox(box: Int32Array, x: Float32Array, first: number, out: Float32Array, outFirst: number): void;
  /** One pass of PIL's resize, x [outer, from, inner] to out [outer, to, inner]: see image/resize-pass.ts. */
  weighBytes(
    x: Uint8Array,
    outer: number,
    from: number,
    inner: number,
    first: Int32Array,
    count: Int32Array,
    values: Int32Array,
    to: number,
    taps: number,
    out: Uint8Array,
  ): void;
  /** Multiply-adds that never leave the registers, `steps` rounds on every thread: floating point operations done. */
  peak(steps: number): number;
}

/** Floats of a packed matrix [k, n]. */
export const packedSize = ({ lanes }: NativeKernels, k: number, n: number): number => k * Math.ceil(n / lanes) * lanes;

interface Addon {
  /** One for each instruction set that the CPU has, the best first. */
  kernels(): readonly NativeKernels[];
  /** How many threads work; with a number, sets it for the process. */
  threads(count?: number): number;
}

/**
 * The native half. Throws E_BACKEND where it was not built, or does not load. `isa` is the instruction set to take, by default
 * the best that the CPU has or the one that CONVNEXTV2_ISA names.
 */
export function loadNative(isa: string | undefined = process.env.CONVNEXTV2_ISA || undefined): NativeKernels {
  const all = allNative();
  const chosen = isa === undefined ? all[0] : all.find((kernels) => kernels.isa === isa);
  if (chosen) return chosen;
  const names = all.map((kernels) => kernels.isa);
  throw new ConvNextV2Error('E_BACKEND', {
    path: 'CONVNEXTV2_ISA',
    wanted: `one of ${names.join(', ')}, which this CPU has`,
    got: show(isa),
    suggestion: didYouMean(String(isa), names),
  });
}

/** The kernels for every instruction set that the CPU has, the best first. Throws E_BACKEND where they are not built. */
export const allNative = (): readonly NativeKernels[] => loadAddon().kernels();

let found: { readonly kernels: NativeKernels | undefined } | undefined;

/** As `loadNative`, once for all, and undefined where that throws. */
export function nativeIfBuilt(): NativeKernels | undefined {
  found ??= { kernels: kernelsOrNone() };
  return found.kernels;
}

function kernelsOrNone(): NativeKernels | undefined {
  try {
    return loadNative();
  } catch {
    return undefined;
  }
}

/** How many threads the native kernels use; with a number, sets it for the process. Throws as `loadNative`. */
export function simdThreads(count?: number): number {
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 1024)) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'threads',
      wanted: 'a whole number from 1 to 1024',
      got: show(count),
    });
  }
  return count === undefined ? loadAddon().threads() : loadAddon().threads(count);
}

/** The package of the native kernels for this platform. npm installs the one for musl (Alpine) by its `libc`. */
const PACKAGE = `@convnextv2/${process.platform}-${process.arch}`;

/** Where the native kernels may be: built in a clone, or in a package that npm installed beside this one. */
const PLACES: readonly (() => string)[] = [
  () => packageFile('native', 'build', 'Release', 'convnextv2.node'),
  () => PACKAGE,
  () => `${PACKAGE}-musl`,
];

function loadAddon(): Addon {
  const failures: NodeJS.ErrnoException[] = [];
  for (const place of PLACES) {
    try {
      return requireHere(place());
    } catch (cause) {
      failures.push(cause as NodeJS.ErrnoException);
    }
  }
  // in a bundle the package itself may be missing
  const isMissing = ({ code }: NodeJS.ErrnoException) => code === 'MODULE_NOT_FOUND' || code === 'E_PEER';
  const broken = failures.find((failure) => !isMissing(failure));
  throw new ConvNextV2Error(
    'E_BACKEND',
    {
      path: 'backend',
      wanted: 'simd',
      got: broken ? broken.message.split('\n')[0] : 'the native kernels are not built',
      suggestion: `install ${PACKAGE} of the same version, or in a clone a C++ compiler and run npm ci`,
    },
    { cause: broken ?? failures[0] },
  );
}
