import { expect } from 'chai';
import {
  ACTIVATION,
  type BlockWeights,
  loadNative,
  type NativeKernels,
  type NormWeights,
  simdThreads,
} from '../../../src/backend/simd/native.js';
import { failure } from '../../helpers.js';
import { expectClose, guarded, kernels, values } from './helpers.js';

/** erf by its series or its continued fraction, in double precision. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let [sum, term] = [a, a];
  for (let n = 1; n < 200; n++) {
    term *= (-a * a) / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
}

// the series loses digits above 3, where 1 is right to 2e-5: compare with max(x, 0) there
const gelu = (x: number) => (Math.abs(x) > 5.5 ? Math.max(x, 0) : 0.5 * x * (1 + erf(x * Math.SQRT1_2)));

function product(
  a: Float32Array,
  b: Float32Array,
  rows: number,
  k: number,
  n: number,
  bias?: Float32Array,
): Float64Array {
  const out = new Float64Array(rows * n);
  for (let i = 0; i < rows; i++) {
    for (let p = 0; p < k; p++) for (let j = 0; j < n; j++) out[i * n + j] += a[i * k + p] * b[p * n + j];
    for (let j = 0; bias && j < n; j++) out[i * n + j] += bias[j];
  }
  return out;
}

function norm(
  x: ArrayLike<number>,
  channels: number,
  gamma: Float32Array,
  beta: Float32Array,
  epsilon: number,
): Float64Array {
  const out = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += channels) {
    let [mean, variance] = [0, 0];
    for (let c = 0; c < channels; c++) mean += x[at + c] / channels;
    for (let c = 0; c < channels; c++) variance += (x[at + c] - mean) ** 2 / channels;
    for (let c = 0; c < channels; c++)
      out[at + c] = ((x[at + c] - mean) / Math.sqrt(variance + epsilon)) * gamma[c] + beta[c];
  }
  return out;
}

interface Weights {
  readonly c: number;
  readonly dw: Float32Array;
  readonly w1: Float32Array;
  readonly w2: Float32Array;
  readonly packed: BlockWeights;
}

function blockWeights(native: NativeKernels, c: number, grn: boolean): Weights {
  const [dw, w1, w2] = [values(49 * c, 1), values(4 * c * c, 2), values(4 * c * c, 3)];
  const of = (length: number, seed: number) => values(length, seed);
  const packed: BlockWeights = [
    native.packDepthwise(dw, c),
    of(c, 4),
    of(c, 5),
    of(c, 6),
    native.packMatrix(w1, c, 4 * c, 0),
    of(4 * c, 7),
    native.packMatrix(w2, 4 * c, c, 0),
    of(c, 8),
    grn ? of(4 * c, 9) : null,
  ];
  return { c, dw, w1, w2, packed };
}

/** The block as the paper has it, in plain loops. */
function block(
  { c, dw, w1, w2, packed }: Weights,
  epsilon: number,
  x: Float32Array,
  height: number,
  width: number,
): Float64Array {
  const [, dwBias, gamma, beta, , b1, , b2, grn] = packed;
  const f = 4 * c;
  const convolved = new Float64Array(x.length);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      for (let q = 0; q < c; q++) {
        let sum = dwBias[q];
        for (let a = -3; a <= 3; a++) {
          for (let b = -3; b <= 3; b++) {
            if (i + a < 0 || i + a >= height || j + b < 0 || j + b >= width) continue;
            sum += x[((i + a) * width + j + b) * c + q] * dw[((a + 3) * 7 + b + 3) * c + q];
          }
        }
        convolved[(i * width + j) * c + q] = sum;
      }
    }
  }
  const hidden = product(Float32Array.from(norm(convolved, c, gamma, beta, epsilon)), w1, height * width, c, f, b1).map(
    gelu,
  );
  const norms = Float64Array.from({ length: f }, (_, q) => {
    let square = 0;
    for (let p = 0; p < height * width; p++) square += hidden[p * f + q] ** 2;
    return Math.sqrt(square);
  });
  const mean = norms.reduce((sum, value) => sum + value, 0) / f;
  const scaled = hidden.map((value, i) => (grn ? value * (1 + (grn[i % f] * norms[i % f]) / (mean + 1e-6)) : value));
  return product(Float32Array.from(scaled), w2, height * width, f, c, b2).map((value, i) => value + x[i]);
}

/** Around every width of a vector and of a panel, and of what is left beside them. */
const COLUMNS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 47, 48, 49, 63, 64, 65, 80, 97];
const ROWS = [1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 25, 49];

describe('native kernels', () => {
  it('are built', function () {
    if (kernels.length === 0) this.skip();
    expect(loadNative()).to.have.property('isa', process.env.CONVNEXTV2_ISA || kernels[0].isa);
  });

  for (const native of kernels) {
    describe(native.isa, () => {
      it('multiplies matrices of any size', () => {
        const cases = [
          ...COLUMNS.flatMap((n) => ROWS.map((rows) => [rows, 5, n])),
          [200, 33, 70],
          [97, 1, 50],
          [1, 300, 3],
        ];
        for (const [rows, k, n] of cases) {
          const [a, b, bias] = [values(rows * k, rows), values(k * n, n), values(n, 3)];
          const packed = native.packMatrix(b, k, n, 0);
          const got = guarded(rows * n, (out) => native.matMul(a, packed, bias, ACTIVATION.linear, rows, k, n, out));
          expectClose(got, product(a, b, rows, k, n, bias), 1e-6, `${rows} x ${k} x ${n}`);
        }
      });

      it('takes a transposed matrix, no bias, and activations', () => {
        const [rows, k, n] = [7, 9, 37];
        const [a, b] = [values(rows * k, 1), values(k * n, 2)];
        const turned = Float32Array.from({ length: k * n }, (_, i) => b[(i % k) * n + Math.floor(i / k)]);
        const want = product(a, b, rows, k, n);
        for (const [code, f] of [
          [ACTIVATION.linear, (x: number) => x],
          [ACTIVATION.relu, (x: number) => Math.max(x, 0)],
          [ACTIVATION.gelu, gelu],
        ] as const) {
          const packed = native.packMatrix(turned, k, n, 1);
          const got = guarded(rows * n, (out) => native.matMul(a, packed, null, code, rows, k, n, out));
          expectClose(got, want.map(f), 1e-6, `activation ${code}`);
        }
      });

      it('gathers patches, leaves out what is over, and normalises before or after', () => {
        for (const [n, height, width, channels, side, to] of [
          [2, 9, 7, 3, 4, 5],
          [1, 8, 8, 8, 2, 20],
          [3, 5, 11, 1, 3, 17],
          [1, 4, 4, 3, 4, 96],
          [1, 184, 185, 17, 2, 6], // more than is gathered at once
        ]) {
          const [x, w, bias] = [
            values(n * height * width * channels, 1),
            values(side * side * channels * to, 2),
            values(to, 3),
          ];
          const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)];
          const k = side * side * channels;
          const gathered = (x: ArrayLike<number>) =>
            Float32Array.from({ length: n * rows * columns * k }, (_, i) => {
              const [patch, at] = [Math.floor(i / k), i % k];
              const [image, row, column] = [
                Math.floor(patch / (rows * columns)),
                Math.floor(patch / columns) % rows,
                patch % columns,
              ];
              const [y, rest] = [Math.floor(at / (side * channels)), at % (side * channels)];
              return x[((image * height + row * side + y) * width + column * side) * channels + rest];
            });
          const packed = native.packMatrix(w, k, to, 0);
          const run = (before: NormWeights | null, after: NormWeights | null) =>
            guarded(n * rows * columns * to, (out) =>
              native.patches(x, packed, bias, before, after, 0.5, n, height, width, channels, side, to, out),
            );
          const wanted = (x: ArrayLike<number>) => product(gathered(x), w, n * rows * columns, k, to, bias);
          const what = `${n} ${height} ${width} ${channels} ${side} ${to}`;
          expectClose(run(null, null), wanted(x), 1e-6, what);
          const [before, after] = [channels, to].map((size) => [values(size, 4), values(size, 5)] as const);
          expectClose(run(before, null), wanted(norm(x, channels, ...before, 0.5)), 2e-6, `${what}, a norm before`);
          expectClose(run(null, after), norm(wanted(x), to, ...after, 0.5), 5e-6, `${what}, a norm after`);
        }
      });

      it('normalises any number of channels', () => {
        for (const channels of [1, 2, 4, 5, 8, 15, 16, 17, 31, 40, 96, 130]) {
          const [x, gamma, beta] = [values(3 * channels, 1), values(channels, 2), values(channels, 3)];
          const got = guarded(3 * channels, (out) => native.layerNorm(x, gamma, beta, 0.01, 3, channels, out));
          expectClose(got, norm(x, channels, gamma, beta, 0.01), 1e-6, `${channels} channels`);
        }
      });

      it('computes the exact GELU to 2e-7, and keeps NaN', () => {
        for (const length of [1, 3, 15, 16, 17, 1000]) {
          const x = Float32Array.from({ length }, (_, i) => (length === 1 ? 0.5 : -9 + (18 * i) / (length - 1)));
          const got = guarded(length, (out) => native.gelu(x, out));
          for (const [i, value] of x.entries()) {
            expect(Math.abs(got[i] - gelu(value)), `gelu(${value})`).to.be.at.most(3e-7 * (1 + Math.abs(value)));
          }
        }
        const odd = Float32Array.of(
          Number.NaN,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
          -1e30,
          0,
          -0,
          1e-30,
        );
        const got = guarded(odd.length, (out) => native.gelu(odd, out));
        expect(got[0]).to.be.NaN;
        expect(got[1]).to.equal(Number.POSITIVE_INFINITY);
        expect(Math.abs(got[3])).to.be.below(1e-6);
        expect(Math.abs(got[4])).to.equal(0);
        expect(got[6]).to.be.closeTo(0.5e-30, 1e-35);
      });

      it('runs a whole block, of V1 and V2, on any map', () => {
        const shapes = [
          [1, 1, 1, 4],
          [2, 7, 9, 5],
          [3, 3, 1, 7],
          [1, 14, 15, 12],
          [1, 9, 5, 40],
          [2, 20, 7, 33],
          [1, 30, 31, 16],
          [4, 8, 7, 17],
        ];
        for (const [n, height, width, c] of shapes) {
          for (const grn of [true, false]) {
            const weights = blockWeights(native, c, grn);
            const epsilon = grn ? 1e-6 : 0.3;
            const size = height * width * c;
            const x = values(n * size, 5);
            const got = guarded(n * size, (out) => native.block(weights.packed, c, epsilon, x, n, height, width, out));
            for (let i = 0; i < n; i++) {
              const want = block(weights, epsilon, x.slice(i * size, (i + 1) * size), height, width);
              expectClose(got.slice(i * size, (i + 1) * size), want, 2e-6, `${n} ${height} ${width} ${c} ${grn}`);
            }
          }
        }
      });

      it('gives the same on any number of threads', () => {
        const before = simdThreads();
        const weights = blockWeights(native, 40, true);
        const x = values(2 * 29 * 23 * 40, 1);
        const run = (threads: number) => {
          simdThreads(threads);
          return guarded(x.length, (out) => native.block(weights.packed, 40, 1e-6, x, 2, 29, 23, out));
        };
        const one = run(1);
        for (const threads of [2, 3, 5]) expect([...run(threads)]).to.deep.equal([...one]);
        simdThreads(before);
      });

      it('passes on NaN', () => {
        const weights = blockWeights(native, 8, true);
        const x = values(9 * 8, 1);
        x[0] = Number.NaN;
        const got = guarded(x.length, (out) => native.block(weights.packed, 8, 1e-6, x, 1, 3, 3, out));
        expect(got.some(Number.isNaN)).to.equal(true);
      });

      it('refuses arrays that do not fit their shape', () => {
        const packed = native.packMatrix(values(6, 1), 2, 3, 0);
        const out = new Float32Array(6);
        const call =
          (a: unknown, rows: number, k: number, n: number, to: unknown = out) =>
          () =>
            native.matMul(a as Float32Array, packed, null, ACTIVATION.linear, rows, k, n, to as Float32Array);
        for (const wrong of [
          call(values(3, 1), 2, 2, 3),
          call(values(4, 1), 3, 2, 3),
          call(values(4, 1), 2, 2, 300),
          call(values(4, 1), 0, 2, 3),
          call(values(4, 1), -1, 2, 3),
          call(values(4, 1), Number.NaN, 2, 3),
          call([1, 2, 3, 4], 2, 2, 3),
          call(null, 2, 2, 3),
          call(new Float64Array(4), 2, 2, 3),
          call(values(4, 1), 2, 2, 3, new Float32Array(5)),
        ]) {
          expect(wrong).to.throw(RangeError);
        }
        expect(() => (native.block as () => void)()).to.throw(RangeError);
        expect(() => native.packMatrix(values(6, 1), 2, 4, 0)).to.throw(RangeError);
      });
    });
  }

  it('are chosen by name', async function () {
    if (kernels.length === 0) this.skip();
    for (const { isa } of kernels) expect(loadNative(isa).isa).to.equal(isa);
    const { code, path, suggestion } = await failure(() => loadNative('avx22'));
    expect([code, path]).to.deep.equal(['E_BACKEND', 'CONVNEXTV2_ISA']);
    if (kernels.some(({ isa }) => isa === 'avx2')) expect(suggestion).to.equal('did you mean "avx2"?');
    expect((await failure(() => simdThreads(0))).code).to.equal('E_ARGUMENT');
  });
});
