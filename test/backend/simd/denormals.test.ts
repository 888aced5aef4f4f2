import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ACTIVATION, simdThreads } from '../../../src/backend/simd/native.js';
import { guarded, kernels } from './helpers.js';

/** Below it a float has fewer than 24 bits, and is a denormal. */
const LEAST_NORMAL = 2 ** -126;

/** Every number that stands in a source, as it is written. */
const numbersIn = (source: string): readonly string[] =>
  source.match(/(?<![\w.])-?(?:0x[\da-f.]+p[-+]?\d+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)f?(?![\w.])/gi) ?? [];

function parsed(text: string): number {
  const [, sign, mantissa, exponent] = /^(-?)0x([\da-f.]+)p([-+]?\d+)/i.exec(text) ?? [];
  if (mantissa === undefined) return Number(text.replace(/f$/i, ''));
  const [whole, fraction = ''] = mantissa.split('.');
  return Number(`${sign}1`) * Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
}

const denormalsIn = (source: string): readonly string[] =>
  numbersIn(source).filter((text) => parsed(text) !== 0 && Math.abs(parsed(text)) < LEAST_NORMAL);

describe('denormals in the native kernels', () => {
  it('are in no table and no constant', () => {
    const folder = 'native/src';
    const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    // the tables of GELU alone have 32 * (4 + 4) + 8 * (6 + 7) + 15 + 18 coefficients
    expect(sources.flatMap(numbersIn).length).to.be.above(393);
    expect(sources.flatMap(denormalsIn)).to.deep.equal([]);
  });

  it('are found in any notation', () => {
    // the first is what the table of GELU once began with
    const source =
      '{-3.2468751e-41f, 0.000997827542f, 1.19723705E-43F, .5e-38, 0.0f, 1.18e-38f, -0x1.8p-130f, 0x1p-126f, e-40}';
    expect(denormalsIn(source)).to.deep.equal(['-3.2468751e-41f', '1.19723705E-43F', '.5e-38', '-0x1.8p-130f']);
  });

  describe('that come in', () => {
    // other CPUs compute with them at full speed
    before(function () {
      if (kernels.length === 0 || process.arch !== 'x64') this.skip();
    });
    const DENORMAL = 1e-39;

    it('count as 0 in products, on any number of threads, and JavaScript keeps its own', () => {
      const threads = simdThreads();
      // enough work that the other threads wake up for it
      const [rows, k, n] = [20_000, 40, 96];
      const a = new Float32Array(rows * k).fill(DENORMAL);
      const b = new Float32Array(k * n).fill(1e30);
      try {
        for (const native of kernels) {
          const packed = native.packMatrix(b, k, n, 0);
          for (const count of [1, 3]) {
            simdThreads(count);
            const run = (out: Float32Array) => native.matMul(a, packed, null, ACTIVATION.linear, rows, k, n, out);
            expect(new Set(guarded(rows * n, run)), `${native.isa}, ${count} threads`).to.deep.equal(new Set([0]));
            // down to 2^-1074, the least double
            let least = 1;
            for (let i = 0; i < 1074; i++) least /= 2;
            expect(least).to.be.above(0);
          }
        }
      } finally {
        simdThreads(threads);
      }
    });

    it("end Adam's moments, which would stay there for good", () => {
      for (const { isa, adamW } of kernels) {
        // beta1, 1 - beta1, beta2, 1 - beta2, epsilon, kept, rate, rootScale
        const rates = Float32Array.of(0.9, 0.1, 0.999, 0.001, 1e-8, 1, 0.1, 1);
        const [w, none] = [new Float32Array(20).fill(1), new Float32Array(20)];
        const moments = new Float32Array(20).fill(2 ** -125);
        const outs = [0, 1, 2].map(() => new Float32Array(20));
        for (let step = 0; step < 20; step++) {
          adamW(w, none, moments, none, rates, ...outs);
          moments.set(outs[1]);
        }
        // 2^-125 * 0.9^7 is below 2^-126
        expect([...moments], isa).to.deep.equal([...none]);
      }
    });

    it('are kept on every thread by what works element by element, after work that did not', () => {
      const threads = simdThreads();
      simdThreads(3);
      const length = 2 ** 20;
      const [x, ones] = [new Float32Array(length).fill(DENORMAL), new Float32Array(length).fill(1)];
      try {
        for (const { isa, gelu, binary } of kernels) {
          gelu(ones, new Float32Array(length));
          const shape = [1, 1, 1, 1, 1, length, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
          const sum = guarded(length, (out) => binary(0, x, x, shape, out));
          expect(new Set(sum), isa).to.deep.equal(new Set([Math.fround(2 * x[0])]));
        }
      } finally {
        simdThreads(threads);
      }
    });

    it('are kept by what works element by element, as on cpu', () => {
      const x = Float32Array.of(DENORMAL, -DENORMAL, 4 * DENORMAL);
      const SQUARE_ROOT = 1;
      const [ADD, DIVIDE] = [0, 3];
      for (const { isa, binary, unary } of kernels) {
        const roots = guarded(3, (out) => unary(SQUARE_ROOT, x, out));
        expect(roots[2], isa).to.equal(Math.fround(Math.sqrt(x[2])));
        const shape = [1, 1, 1, 1, 1, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        expect([...guarded(3, (out) => binary(DIVIDE, x, x, shape, out))], isa).to.deep.equal([1, 1, 1]);
        expect([...guarded(3, (out) => binary(ADD, x, x, shape, out))], isa).to.deep.equal(
          [...x].map((v) => Math.fround(2 * v)),
        );
      }
    });
  });
});
