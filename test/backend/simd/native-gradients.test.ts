import { expect } from 'chai';
import { simdThreads } from '../../../src/backend/simd/native.js';
import { expectClose, guarded, kernels, values } from './helpers.js';

/** A convolution as native/src/geometry.h numbers it: n, height, width, channels, to, kernel, stride, dilation, top and left, out. */
interface Geometry {
  readonly n: number;
  readonly size: readonly [height: number, width: number];
  readonly channels: number;
  readonly to: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pad: readonly [top: number, left: number];
  readonly out: readonly [number, number];
}

const numbers = (g: Geometry) =>
  Int32Array.of(
    ...[g.n, ...g.size, g.channels, g.to],
    ...[...g.kernel, ...g.stride, ...g.dilation, ...g.pad, ...g.out],
  );

const inputs = (g: Geometry) => g.n * g.size[0] * g.size[1] * g.channels;
const outputs = (g: Geometry) => g.n * g.out[0] * g.out[1] * g.to;
const taps = (g: Geometry) => g.kernel[0] * g.kernel[1];

/** Visits each output's place with each place of x that it is made from, and the tap between them. */
function visit(g: Geometry, each: (out: number, x: number, tap: number) => void): void {
  for (let i = 0; i < g.n * g.out[0] * g.out[1]; i++) {
    const [column, row, image] = [
      i % g.out[1],
      Math.floor(i / g.out[1]) % g.out[0],
      Math.floor(i / g.out[0] / g.out[1]),
    ];
    for (let tap = 0; tap < taps(g); tap++) {
      const y = row * g.stride[0] - g.pad[0] + Math.floor(tap / g.kernel[1]) * g.dilation[0];
      const x = column * g.stride[1] - g.pad[1] + (tap % g.kernel[1]) * g.dilation[1];
      if (y < 0 || y >= g.size[0] || x < 0 || x >= g.size[1]) continue;
      each(i, (image * g.size[0] + y) * g.size[1] + x, tap);
    }
  }
}

/** The gradients [dx, dfilter] in plain loops. */
function inLoops(g: Geometry, x: Float32Array, filter: Float32Array, dy: Float32Array, kind: 'full' | 'depthwise') {
  const [dx, dfilter] = [new Float64Array(x.length), new Float64Array(filter.length)];
  visit(g, (out, at, tap) => {
    for (let p = 0; p < g.channels; p++) {
      for (let q = 0; q < g.to; q++) {
        if (kind === 'depthwise' && p !== q) continue;
        const weight = kind === 'depthwise' ? tap * g.channels + p : (tap * g.channels + p) * g.to + q;
        dx[at * g.channels + p] += dy[out * g.to + q] * filter[weight];
        dfilter[weight] += dy[out * g.to + q] * x[at * g.channels + p];
      }
    }
  });
  return { dx, dfilter };
}

function geometry(
  [n, ...size]: readonly [number, number, number],
  [channels, to]: readonly [number, number],
  kernel: readonly [number, number],
  { stride = [1, 1], dilation = [1, 1], pad = [0, 0] }: Partial<Pick<Geometry, 'stride' | 'dilation' | 'pad'>> = {},
): Geometry {
  const out = size.map(
    (length, i) => Math.floor((length + 2 * pad[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1,
  );
  return { n, size, channels, to, kernel, stride, dilation, pad, out: [out[0], out[1]] };
}

/** Kernels, strides, dilations and paddings that do not fit each other, on maps of odd sizes. */
function* geometries(channels: readonly [number, number]): Generator<Geometry> {
  for (const kernel of [
    [1, 1],
    [2, 2],
    [3, 3],
    [1, 7],
    [7, 7],
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
      [
        [2, 3],
        [2, 1],
      ],
    ] as const) {
      for (const pad of [
        [0, 0],
        [1, 1],
        [3, 2],
        [7, 9],
      ] as const) {
        const g = geometry([2, 11, 14], channels, kernel, { stride, dilation, pad });
        if (g.out[0] > 0 && g.out[1] > 0) yield g;
      }
    }
  }
}

/** Around the widths of vectors, panels, and of the columns that are turned together. */
const CHANNELS = [1, 3, 5, 8, 15, 16, 17, 33, 48, 49, 64, 65];

describe('native gradients', () => {
  for (const native of kernels) {
    const full = (g: Geometry, tolerance = 2e-6) => {
      const [x, filter, dy] = [values(inputs(g), 1), values(taps(g) * g.channels * g.to, 2), values(outputs(g), 3)];
      const want = inLoops(g, x, filter, dy, 'full');
      const what = JSON.stringify(g);
      const dx = guarded(x.length, (out) => native.convolutionInput(numbers(g), dy, filter, out));
      expectClose(dx, want.dx, tolerance, `input ${what}`);
      const dfilter = guarded(filter.length, (out) => native.convolutionFilter(numbers(g), x, dy, out));
      expectClose(dfilter, want.dfilter, tolerance, `filter ${what}`);
    };
    const depthwise = (g: Geometry) => {
      const [x, filter, dy] = [values(inputs(g), 1), values(taps(g) * g.channels, 2), values(outputs(g), 3)];
      const want = inLoops(g, x, filter, dy, 'depthwise');
      const what = JSON.stringify(g);
      const dx = guarded(x.length, (out) => native.depthwiseAnyInput(numbers(g), dy, filter, out));
      expectClose(dx, want.dx, 2e-6, `input ${what}`);
      const dfilter = guarded(filter.length, (out) => native.depthwiseAnyFilter(numbers(g), x, dy, out));
      expectClose(dfilter, want.dfilter, 2e-6, `filter ${what}`);
    };

    describe(native.isa, () => {
      it('of convolutions of any kernel, stride, dilation and padding', () => {
        for (const g of geometries([3, 5])) full(g);
      });

      it('of convolutions of any number of channels, and of many positions', () => {
        for (const channels of CHANNELS) {
          for (const to of CHANNELS) full(geometry([1, 4, 5], [channels, to], [3, 2], { pad: [1, 1], stride: [2, 1] }));
        }
        full(geometry([3, 21, 30], [17, 20], [3, 3], { pad: [1, 1] }), 5e-6);
        // more floats of patches than are turned at once: 2 * 60 * 62 positions of 9 * 70 channels
        const g = geometry([2, 60, 62], [70, 2], [3, 3], { pad: [1, 1] });
        full(g, 5e-6);
      });

      it('of depthwise convolutions', () => {
        for (const g of geometries([5, 5])) depthwise(g);
        for (const c of CHANNELS) depthwise(geometry([1, 5, 9], [c, c], [3, 3], { pad: [1, 1], stride: [1, 2] }));
      });

      it('are the same on any number of threads', () => {
        const before = simdThreads();
        const g = geometry([2, 23, 18], [40, 70], [3, 3], { pad: [1, 1], stride: [2, 2] });
        const [x, filter, dy] = [values(inputs(g), 1), values(9 * 40 * 70, 2), values(outputs(g), 3)];
        const run = (threads: number) => {
          simdThreads(threads);
          const dx = guarded(x.length, (out) => native.convolutionInput(numbers(g), dy, filter, out));
          return [...dx, ...guarded(filter.length, (out) => native.convolutionFilter(numbers(g), x, dy, out))];
        };
        const one = run(1);
        for (const threads of [2, 5]) expect(run(threads)).to.deep.equal(one);
        simdThreads(before);
      });

      it('of the greatest and the mean of windows', () => {
        const [rows, columns] = [Int32Array.of(0, 2, 1, 4, 3, 5), Int32Array.of(0, 3, 2, 3, 3, 3, 1, 4)];
        for (const c of [1, 5, 17, 40]) {
          const maps = Int32Array.of(2, 5, 4, c, 3, 4);
          // halves, so that windows have several greatest
          const x = values(2 * 5 * 4 * c, 1).map((value) => Math.round(2 * value) / 2);
          const dy = values(2 * 3 * 4 * c, 2);
          const wanted = {
            most: new Float64Array(x.length),
            mean: new Float64Array(x.length),
            half: new Float64Array(x.length),
          };
          for (let i = 0; i < dy.length; i++) {
            const [channel, column, row, image] = [
              i % c,
              Math.floor(i / c) % 4,
              Math.floor(i / c / 4) % 3,
              Math.floor(i / c / 12),
            ];
            const places: number[] = [];
            for (let y = rows[2 * row]; y < rows[2 * row + 1]; y++) {
              for (let z = columns[2 * column]; z < columns[2 * column + 1]; z++) {
                places.push(((image * 5 + y) * 4 + z) * c + channel);
              }
            }
            for (const place of places) {
              wanted.mean[place] += dy[i] / places.length;
              wanted.half[place] += dy[i] / 2;
            }
            if (places.length === 0) continue;
            wanted.most[places.find((place) => places.every((other) => x[place] >= x[other]))!] += dy[i];
          }
          const run = (values: Float32Array | null, share: number) =>
            guarded(x.length, (dx) => native.poolGradient(maps, values, dy, rows, columns, share, dx));
          expectClose(run(x, 0), wanted.most, 1e-6, `greatest of ${c}`);
          expectClose(run(null, 0), wanted.mean, 1e-6, `mean of ${c}`);
          expectClose(run(null, 0.5), wanted.half, 1e-6, `half of ${c}`);
        }
        const none = new Float32Array(4).fill(Number.NaN);
        const of = (x: Float32Array) =>
          guarded(4, (dx) =>
            native.poolGradient(
              Int32Array.of(1, 2, 2, 1, 1, 1),
              x,
              Float32Array.of(3),
              Int32Array.of(0, 2),
              Int32Array.of(0, 2),
              0,
              dx,
            ),
          );
        expect([...of(none)], 'no greatest among NaN').to.deep.equal([0, 0, 0, 0]);
        expect([...of(Float32Array.of(Number.NaN, 1, 2, 2))]).to.deep.equal([0, 0, 3, 0]);
      });

      it('of what lies between neighbours', () => {
        // 3 rows to 2, 2 columns to 3
        const [rows, columns] = [Int32Array.of(0, 1, 1, 2), Int32Array.of(0, 0, 0, 1, 1, 1)];
        const [down, right] = [Float32Array.of(0.25, 0.5), Float32Array.of(-0.25, 0.75, 0)];
        for (const c of [1, 6, 33]) {
          const dy = values(2 * 2 * 3 * c, 1);
          const want = new Float64Array(2 * 3 * 2 * c);
          for (let i = 0; i < dy.length; i++) {
            const [channel, column, row, image] = [
              i % c,
              Math.floor(i / c) % 3,
              Math.floor(i / c / 3) % 2,
              Math.floor(i / c / 6),
            ];
            for (const [y, low] of [
              [rows[2 * row], 1 - down[row]],
              [rows[2 * row + 1], down[row]],
            ]) {
              for (const [x, left] of [
                [columns[2 * column], 1 - right[column]],
                [columns[2 * column + 1], right[column]],
              ]) {
                want[((image * 3 + y) * 2 + x) * c + channel] += dy[i] * low * left;
              }
            }
          }
          const maps = Int32Array.of(2, 3, 2, c, 2, 3);
          const dx = guarded(want.length, (dx) => native.interpolateGradient(maps, dy, rows, down, columns, right, dx));
          expectClose(dx, want, 1e-6, `${c} channels`);
        }
      });

      it('of group norm, and group norm itself', () => {
        for (const [n, positions, channels, groups] of [
          [2, 6, 6, 3],
          [1, 1, 4, 4],
          [3, 700, 32, 8],
          [2, 33, 17, 1],
          [1, 9, 40, 40],
        ]) {
          const size = n * positions * channels;
          const [x, dy, gamma, beta] = [values(size, 1), values(size, 2), values(channels, 3), values(channels, 4)];
          const epsilon = 1e-3;
          const groupOf = (i: number) =>
            Math.floor(i / positions / channels) * groups + Math.floor(((i % channels) * groups) / channels);
          const means = (value: (i: number) => number) => {
            const sums = new Float64Array(n * groups);
            for (let i = 0; i < size; i++) sums[groupOf(i)] += value(i);
            return sums.map((sum) => (sum * groups) / positions / channels);
          };
          const mean = means((i) => x[i]);
          const scale = means((i) => (x[i] - mean[groupOf(i)]) ** 2).map(
            (variance) => 1 / Math.sqrt(variance + epsilon),
          );
          const normed = Float64Array.from(x, (value, i) => (value - mean[groupOf(i)]) * scale[groupOf(i)]);
          const shared = means((i) => dy[i] * gamma[i % channels]);
          const along = means((i) => dy[i] * gamma[i % channels] * normed[i]);
          const want = {
            y: normed.map((value, i) => value * gamma[i % channels] + beta[i % channels]),
            dx: normed.map(
              (value, i) =>
                (dy[i] * gamma[i % channels] - shared[groupOf(i)] - value * along[groupOf(i)]) * scale[groupOf(i)],
            ),
            dgamma: new Float64Array(channels),
            dbeta: new Float64Array(channels),
          };
          for (let i = 0; i < size; i++) {
            want.dgamma[i % channels] += dy[i] * normed[i];
            want.dbeta[i % channels] += dy[i];
          }
          const what = `${n} ${positions} ${channels} ${groups}`;
          const y = guarded(size, (out) =>
            native.groupNorm(x, gamma, beta, epsilon, n, positions, channels, groups, out),
          );
          expectClose(y, want.y, 2e-6, what);
          const room = () => new Float32Array(channels);
          for (const [i, key] of (['dx', 'dgamma', 'dbeta'] as const).entries()) {
            const got = guarded(want[key].length, (out) => {
              const outs: [Float32Array, Float32Array, Float32Array] = [new Float32Array(size), room(), room()];
              outs[i] = out;
              native.groupNormGradient(x, gamma, dy, epsilon, n, positions, channels, groups, ...outs);
            });
            // a group of one value has a gradient of nothing but rounding
            if (positions * channels > groups || key !== 'dx') expectClose(got, want[key], 5e-6, `${key} ${what}`);
          }
        }
      });

      it('refuse arrays that do not fit their shape', () => {
        const g = geometry([1, 4, 5], [2, 3], [3, 3], { pad: [1, 1] });
        const [x, filter, dy] = [values(40, 1), values(54, 2), values(60, 3)];
        const refused = (work: () => void) => expect(work).to.throw(RangeError);
        native.convolutionInput(numbers(g), dy, filter, new Float32Array(40));
        refused(() => native.convolutionInput(numbers(g), dy, filter, new Float32Array(39)));
        refused(() => native.convolutionInput(numbers(g), dy, values(53, 1), new Float32Array(40)));
        refused(() => native.convolutionFilter(numbers(g), x, values(61, 1), new Float32Array(54)));
        refused(() => native.convolutionFilter(numbers({ ...g, stride: [0, 1] }), x, dy, new Float32Array(54)));
        refused(() => native.depthwiseAnyFilter(numbers(g), x, dy, new Float32Array(54)));
        refused(() => native.depthwiseAnyInput(numbers({ ...g, to: 2 }), dy, filter, new Float32Array(40)));
        const maps = Int32Array.of(1, 2, 2, 1, 1, 1);
        const place = Int32Array.of(0, 3);
        refused(() => native.poolGradient(maps, null, new Float32Array(1), place, place, 0, new Float32Array(4)));
        refused(() =>
          native.interpolateGradient(
            maps,
            new Float32Array(1),
            Int32Array.of(0, 2),
            new Float32Array(1),
            place,
            new Float32Array(1),
            new Float32Array(4),
          ),
        );
        refused(() =>
          native.groupNorm(values(8, 1), values(4, 1), values(4, 1), 1e-5, 1, 2, 4, 3, new Float32Array(8)),
        );
        const products = (sizes: number[], ofA: number[], ofB: number[], length: number) => () =>
          native.products(
            Int32Array.from(sizes),
            values(12, 1),
            values(12, 2),
            Int32Array.from(ofA),
            Int32Array.from(ofB),
            new Float32Array(length),
          );
        products([2, 3, 2, 0, 0], [0, 1], [1, 0], 8)();
        refused(products([2, 3, 2, 0, 0], [0, 2], [1, 0], 8));
        refused(products([2, 3, 2, 0, 0], [0, 1], [1], 8));
        refused(products([2, 3, 2, 0, 0], [0, 1], [1, -1], 8));
        refused(products([2, 3, 2, 0, 0], [0, 1], [1, 0], 7));
        refused(products([2, 0, 2, 0, 0], [0], [0], 4));
        refused(products([5, 3, 2, 0, 0], [0], [0], 10));
      });
    });
  }
});
