import { expect } from 'chai';
import { type Convolve, type NativeKernels, simdThreads } from '../../../src/backend/simd/native.js';
import { expectClose, guarded, kernels, values } from './helpers.js';

/** As native/src/geometry.h has it. */
interface Geometry {
  readonly n: number;
  readonly size: readonly [height: number, width: number];
  readonly channels: number;
  readonly to: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Top and left. */
  readonly pad: readonly [number, number];
  readonly out: readonly [number, number];
}

const numbers = (g: Geometry) =>
  Int32Array.of(
    ...[g.n, ...g.size, g.channels, g.to],
    ...[...g.kernel, ...g.stride, ...g.dilation, ...g.pad, ...g.out],
  );

/** Every output as the sum over the taps that fall on the map. */
function convolve(
  g: Geometry,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
  kind: 'full' | 'depthwise',
) {
  const out = new Float64Array(g.n * g.out[0] * g.out[1] * g.to);
  for (let i = 0; i < out.length; i += g.to) {
    const [column, row, image] = [
      (i / g.to) % g.out[1],
      Math.floor(i / g.to / g.out[1]) % g.out[0],
      Math.floor(i / g.to / g.out[1] / g.out[0]),
    ];
    for (let q = 0; bias && q < g.to; q++) out[i + q] = bias[q];
    for (let r = 0; r < g.kernel[0]; r++) {
      for (let s = 0; s < g.kernel[1]; s++) {
        const y = row * g.stride[0] - g.pad[0] + r * g.dilation[0];
        const z = column * g.stride[1] - g.pad[1] + s * g.dilation[1];
        if (y < 0 || y >= g.size[0] || z < 0 || z >= g.size[1]) continue;
        const at = ((image * g.size[0] + y) * g.size[1] + z) * g.channels;
        const tap = (r * g.kernel[1] + s) * g.channels;
        for (let p = 0; p < g.channels; p++) {
          if (kind === 'depthwise') out[i + p] += x[at + p] * w[tap + p];
          else for (let q = 0; q < g.to; q++) out[i + q] += x[at + p] * w[(tap + p) * g.to + q];
        }
      }
    }
  }
  return out;
}

const LINEAR = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

/** What the native kernel makes of random numbers, against the loops above. */
function check(
  native: NativeKernels,
  kernel: 'winograd' | 'convolution' | 'depthwise',
  g: Geometry,
  tolerance: number,
  [low, high]: readonly [number, number] = LINEAR,
  withBias = true,
): void {
  const taps = g.kernel[0] * g.kernel[1];
  const x = values(g.n * g.size[0] * g.size[1] * g.channels, 1);
  const w = values(taps * g.channels * (kernel === 'depthwise' ? 1 : g.to), 2);
  const bias = withBias ? values(g.to, 3) : null;
  const packed = {
    winograd: () => native.packWinograd(w, g.channels, g.to),
    convolution: () => native.packMatrix(w, taps * g.channels, g.to, 0),
    depthwise: () => native.packDepthwise(w, g.channels),
  }[kernel]();
  const want = convolve(g, x, w, bias, kernel === 'depthwise' ? 'depthwise' : 'full');
  const got = guarded(want.length, (out) => native[kernel](numbers(g), x, packed, bias, low, high, out));
  const limited = want.map((value) => Math.min(Math.max(value, low), high));
  // of the largest before the limits: relu6 leaves errors as they were
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = largest / limited.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  expectClose(got, limited, tolerance * Math.max(1, scale), `${kernel} ${JSON.stringify(g)}`);
}

/** A convolution whose output is as large as its padding makes it, where `after` is bottom and right. */
function geometry(
  [n, height, width]: readonly [number, number, number],
  [channels, to]: readonly [number, number],
  kernel: readonly [number, number],
  {
    stride = [1, 1],
    dilation = [1, 1],
    pad = [0, 0],
    after = pad,
  }: Partial<Pick<Geometry, 'stride' | 'dilation' | 'pad'>> & { readonly after?: readonly [number, number] } = {},
): Geometry {
  const out = ([height, width] as const).map(
    (size, i) => Math.floor((size + pad[i] + after[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1,
  );
  return { n, size: [height, width], channels, to, kernel, stride, dilation, pad, out: [out[0], out[1]] };
}

const THREE = [3, 3] as const;
const PAD = { pad: [1, 1] } as const;
/** Around the widths of vectors and panels. */
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 49, 64, 65];

describe('native convolutions', () => {
  for (const native of kernels) {
    describe(native.isa, () => {
      it('winograd: any map', () => {
        for (const height of [1, 2, 3, 4, 5, 6, 7, 9, 13]) {
          for (const width of [1, 3, 4, 5, 8, 11])
            check(native, 'winograd', geometry([1, height, width], [3, 5], THREE, PAD), 5e-6);
        }
      });

      it('winograd: any number of channels', () => {
        for (const channels of CHANNELS) {
          for (const to of CHANNELS) check(native, 'winograd', geometry([1, 5, 6], [channels, to], THREE, PAD), 5e-6);
        }
      });

      it('winograd: any padding, and none', () => {
        const pads = [
          [0, 0],
          [1, 0],
          [0, 1],
          [2, 1],
          [1, 2],
          [2, 2],
          [3, 5],
        ] as const;
        for (const pad of pads) {
          for (const after of pads) {
            check(native, 'winograd', geometry([1, 5, 7], [4, 6], THREE, { pad, after }), 5e-6);
            check(native, 'winograd', geometry([5, 5, 4], [4, 6], THREE, { pad, after }), 5e-6);
          }
        }
      });

      it('winograd: small maps together', () => {
        for (const n of [2, 3, 7, 10, 30]) {
          for (const size of [1, 3, 6, 7, 14])
            check(native, 'winograd', geometry([n, size, size + 1], [5, 7], THREE, PAD), 5e-6);
        }
      });

      it('winograd: many channels, several blocks of tiles', () => {
        check(native, 'winograd', geometry([1, 19, 27], [256, 40], THREE, PAD), 5e-6);
        // more than loops here can check in time
        const g = geometry([2, 45, 50], [400, 300], THREE, PAD);
        const [x, w, bias] = [values(2 * 45 * 50 * 400, 1), values(9 * 400 * 300, 2), values(300, 3)];
        const run = (kernel: Convolve, packed: Float32Array) =>
          guarded(2 * 45 * 50 * 300, (out) => kernel(numbers(g), x, packed, bias, ...LINEAR, out));
        const direct = run(native.convolution, native.packMatrix(w, 9 * 400, 300, 0));
        expectClose(run(native.winograd, native.packWinograd(w, 400, 300)), direct, 1e-5, 'several blocks');
      });

      it('winograd: no bias, and limits', () => {
        const g = geometry([2, 9, 6], [20, 19], THREE, PAD);
        check(native, 'winograd', g, 5e-6, LINEAR, false);
        check(native, 'winograd', g, 5e-6, [0, Number.POSITIVE_INFINITY]);
        check(native, 'winograd', g, 5e-6, [0, 6]);
      });

      it('any kernel, stride, dilation and padding', () => {
        for (const kernel of [
          [1, 1],
          [2, 2],
          [3, 3],
          [5, 5],
          [1, 7],
          [4, 1],
        ] as const) {
          for (const [stride, dilation] of [
            [
              [1, 1],
              [1, 1],
            ],
            [
              [2, 2],
              [1, 1],
            ],
            [
              [3, 1],
              [1, 1],
            ],
            [
              [1, 1],
              [2, 2],
            ],
            [
              [1, 1],
              [1, 3],
            ],
          ] as const) {
            for (const [pad, after] of [
              [
                [0, 0],
                [0, 0],
              ],
              [
                [1, 1],
                [1, 1],
              ],
              [
                [0, 2],
                [3, 1],
              ],
              [
                [6, 7],
                [7, 6],
              ],
            ] as const) {
              const g = geometry([2, 13, 11], [3, 5], kernel, { stride, dilation, pad, after });
              if (g.out[0] > 0 && g.out[1] > 0) check(native, 'convolution', g, 1e-6);
            }
          }
        }
      });

      it('any number of channels, and many', () => {
        for (const channels of CHANNELS)
          for (const to of CHANNELS)
            check(native, 'convolution', geometry([1, 4, 5], [channels, to], [3, 2], PAD), 2e-6);
        check(native, 'convolution', geometry([1, 30, 25], [200, 30], THREE, { ...PAD, stride: [2, 2] }), 5e-6);
        check(native, 'convolution', geometry([3, 12, 9], [17, 100], [1, 1]), 1e-6);
        check(native, 'convolution', geometry([3, 12, 9], [17, 100], [1, 1], { stride: [2, 2] }), 1e-6);
      });

      it('limits, and no bias', () => {
        const g = geometry([1, 6, 7], [9, 19], [5, 3], { pad: [2, 1] });
        check(native, 'convolution', g, 1e-6, [0, Number.POSITIVE_INFINITY]);
        check(native, 'convolution', g, 1e-6, [0, 6], false);
        check(native, 'depthwise', geometry([1, 6, 7], [19, 19], THREE, PAD), 1e-6, [0, 1], false);
        check(native, 'depthwise', geometry([1, 6, 7], [19, 19], [7, 7], { pad: [3, 3] }), 1e-6, [0, 1], false);
      });

      it('depthwise: any kernel, stride, dilation, padding and number of channels', () => {
        for (const kernel of [
          [1, 1],
          [2, 2],
          [3, 3],
          [7, 7],
          [1, 7],
          [5, 4],
        ] as const) {
          for (const [stride, dilation] of [
            [
              [1, 1],
              [1, 1],
            ],
            [
              [2, 2],
              [1, 1],
            ],
            [
              [3, 1],
              [1, 1],
            ],
            [
              [1, 1],
              [2, 3],
            ],
          ] as const) {
            for (const [pad, after] of [
              [
                [0, 0],
                [0, 0],
              ],
              [
                [3, 3],
                [3, 3],
              ],
              [
                [0, 2],
                [3, 1],
              ],
              [
                [7, 9],
                [8, 7],
              ],
            ] as const) {
              const g = geometry([2, 12, 29], [21, 21], kernel, { stride, dilation, pad, after });
              if (g.out[0] > 0 && g.out[1] > 0) check(native, 'depthwise', g, 1e-6);
            }
          }
        }
        for (const c of CHANNELS) {
          check(native, 'depthwise', geometry([1, 5, 17], [c, c], THREE, PAD), 1e-6);
          check(native, 'depthwise', geometry([1, 5, 9], [c, c], [7, 7], { pad: [3, 3] }), 1e-6);
        }
      });

      it('gives the same on any number of threads, and for any batch', () => {
        const before = simdThreads();
        const g = geometry([1, 23, 18], [40, 70], THREE, PAD);
        const [x, w] = [values(23 * 18 * 40, 1), values(9 * 40 * 70, 2)];
        const cases: readonly (readonly [Convolve, Float32Array])[] = [
          [native.winograd, native.packWinograd(w, 40, 70)],
          [native.convolution, native.packMatrix(w, 9 * 40, 70, 0)],
        ];
        for (const [kernel, packed] of cases) {
          const run = (threads: number) => {
            simdThreads(threads);
            return guarded(23 * 18 * 70, (out) => kernel(numbers(g), x, packed, null, ...LINEAR, out));
          };
          const one = run(1);
          for (const threads of [2, 3, 7]) expect([...run(threads)]).to.deep.equal([...one]);
        }
        simdThreads(before);
      });

      it('passes on NaN', () => {
        const g = geometry([1, 3, 3], [2, 2], THREE, PAD);
        const x = values(18, 1);
        x[8] = Number.NaN;
        const w = values(36, 2);
        for (const [kernel, packed] of [
          [native.winograd, native.packWinograd(w, 2, 2)],
          [native.convolution, native.packMatrix(w, 18, 2, 0)],
          [native.depthwise, native.packDepthwise(w.subarray(0, 18), 2)],
        ] as const) {
          const got = guarded(18, (out) => kernel(numbers(g), x, packed, null, 0, 6, out));
          expect(got[kernel === native.depthwise ? 8 : 9]).to.be.NaN;
        }
      });

      it('refuses arrays that do not fit their shape, and shapes that are none', () => {
        const g = geometry([1, 4, 4], [2, 3], THREE, PAD);
        const [x, w, bias, out] = [values(32, 1), values(54, 2), values(3, 3), new Float32Array(48)];
        const packed = native.packWinograd(w, 2, 3);
        const ok = [numbers(g), x, packed, bias, ...LINEAR, out] as const;
        const other = (at: number, value: unknown) => ok.map((argument, i) => (i === at ? value : argument));
        const changed = (at: number, value: number) =>
          other(
            0,
            numbers(g).map((old, i) => (i === at ? value : old)),
          );
        const call = native.winograd as (...values: readonly unknown[]) => void;
        expect(() => call(...ok)).not.to.throw();
        const wrongs = [
          ...[0, 1, 2, 6].map((at) => other(at, null)),
          other(0, new Int32Array(14)),
          other(0, new Float32Array(15)),
          other(1, values(31, 1)),
          other(2, values(packed.length + 1, 1)),
          other(3, values(2, 1)),
          other(4, 'low'),
          other(6, new Float32Array(47)),
          ...Array.from({ length: 15 }, (_, at) => changed(at, -1)),
          changed(5, 2), // a kernel of 2 x 3
          changed(7, 2), // a stride of 2
          changed(9, 2), // a dilation of 2
          changed(0, 2 ** 31 - 1),
        ];
        for (const wrong of wrongs) expect(() => call(...wrong), String(wrong[0])).to.throw(RangeError);
        const matrix = native.packMatrix(w, 18, 3, 0);
        for (const [kernel, weights] of [
          ['convolution', values(matrix.length - 1, 1)],
          ['depthwise', values(18, 1)], // 2 channels to 3
        ] as const) {
          expect(() => native[kernel](numbers(g), x, weights, bias, ...LINEAR, out)).to.throw(RangeError);
        }
        expect(() => native.packWinograd(w, 2, 4)).to.throw(RangeError);
        expect(() => native.packDepthwise(w, 4)).to.throw(RangeError);
        expect(() => native.packDepthwise(new Float32Array(0), 4)).to.throw(RangeError);
      });
    });
  }
});
