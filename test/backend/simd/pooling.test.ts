import { expect } from 'chai';
import { expectClose, guarded, kernels, values } from './helpers.js';

const CHANNELS = [1, 3, 4, 7, 8, 15, 16, 17, 33, 64, 5000];

describe('native pooling and interpolation', () => {
  for (const native of kernels) {
    describe(native.isa, () => {
      it('takes the mean and the greatest of any windows', () => {
        // overlapping, of one cell, whole, and in any order
        const [rows, columns] = [
          [0, 2, 1, 4, 0, 5, 2, 3],
          [3, 7, 0, 1, 6, 7],
        ];
        for (const c of CHANNELS) {
          const x = values(2 * 5 * 7 * c, c);
          const want = { mean: [] as number[], greatest: [] as number[] };
          for (let i = 0; i < 2; i++) {
            for (let r = 0; r < rows.length; r += 2) {
              for (let s = 0; s < columns.length; s += 2) {
                for (let q = 0; q < c; q++) {
                  const window: number[] = [];
                  for (let y = rows[r]; y < rows[r + 1]; y++)
                    for (let z = columns[s]; z < columns[s + 1]; z++) window.push(x[((i * 5 + y) * 7 + z) * c + q]);
                  want.mean.push(window.reduce((sum, value) => sum + value, 0) / window.length);
                  want.greatest.push(Math.max(...window));
                }
              }
            }
          }
          const maps = Int32Array.of(2, 5, 7, c, 4, 3);
          const run = (greatest: 0 | 1) =>
            guarded(2 * 4 * 3 * c, (out) =>
              native.pool(maps, x, Int32Array.from(rows), Int32Array.from(columns), greatest, out),
            );
          expectClose(run(0), want.mean, 1e-6, `the mean, ${c} channels`);
          expect([...run(1)], `the greatest, ${c} channels`).to.deep.equal(want.greatest);
        }
      });

      it('has no mean of nothing, and the greatest is not NaN', () => {
        const x = Float32Array.of(Number.NaN, -3, Number.NaN);
        const run = (rows: readonly number[], greatest: 0 | 1) =>
          guarded(1, (out) =>
            native.pool(Int32Array.of(1, 3, 1, 1, 1, 1), x, Int32Array.from(rows), Int32Array.of(0, 1), greatest, out),
          )[0];
        expect(run([0, 3], 1)).to.equal(-3);
        expect(run([0, 3], 0)).to.be.NaN;
        expect(run([1, 1], 1)).to.equal(Number.NEGATIVE_INFINITY);
        expect(run([1, 1], 0)).to.be.NaN;
        const zero = guarded(1, (out) =>
          native.pool(
            Int32Array.of(1, 1, 1, 1, 1, 1),
            Float32Array.of(-0),
            Int32Array.of(0, 1),
            Int32Array.of(0, 1),
            0,
            out,
          ),
        );
        expect(Object.is(zero[0], -0)).to.equal(true);
      });

      it('lies between neighbours', () => {
        const [rows, rowShares, columns, columnShares] = [
          [0, 1, 2, 2, 3, 0],
          [0.25, 0.7, 1],
          [4, 3, 0, 0, 1, 2, 3, 4],
          [0.5, 0.1, 0, -0.25],
        ];
        for (const c of CHANNELS) {
          const x = values(2 * 4 * 5 * c, c);
          const want: number[] = [];
          for (let i = 0; i < 2; i++) {
            for (let r = 0; r < 3; r++) {
              for (let s = 0; s < 4; s++) {
                for (let q = 0; q < c; q++) {
                  const at = (y: number, z: number) => x[((i * 4 + rows[2 * r + y]) * 5 + columns[2 * s + z]) * c + q];
                  const across = (y: number) => at(y, 0) * (1 - columnShares[s]) + at(y, 1) * columnShares[s];
                  want.push(across(0) * (1 - rowShares[r]) + across(1) * rowShares[r]);
                }
              }
            }
          }
          const got = guarded(want.length, (out) =>
            native.interpolate(
              Int32Array.of(2, 4, 5, c, 3, 4),
              x,
              Int32Array.from(rows),
              Float32Array.from(rowShares),
              Int32Array.from(columns),
              Float32Array.from(columnShares),
              out,
            ),
          );
          expectClose(got, want, 1e-6, `${c} channels`);
        }
      });

      it('normalises responses', () => {
        for (const [n, positions, c] of [
          [1, 1, 1],
          [2, 35, 17],
          [3, 7, 40],
          [1, 2000, 33],
        ]) {
          const [x, gamma, beta] = [values(n * positions * c, 1), values(c, 2), values(c, 3)];
          const want = new Float64Array(x.length);
          for (let i = 0; i < n; i++) {
            const picture = x.subarray(i * positions * c, (i + 1) * positions * c);
            const norms = new Float64Array(c);
            picture.forEach((value, at) => {
              norms[at % c] += value ** 2;
            });
            const mean = norms.reduce((sum, value) => sum + Math.sqrt(value), 0) / c;
            picture.forEach((value, at) => {
              const q = at % c;
              const response = Math.sqrt(norms[q]) / (mean + 1e-6);
              want[i * positions * c + at] = gamma[q] * value * response + beta[q] + value;
            });
          }
          const got = guarded(x.length, (out) => native.responseNorm(x, gamma, beta, n, positions, c, out));
          expectClose(got, want, 1e-6, `${n} ${positions} ${c}`);
        }
      });

      it('refuses places beside the map, and arrays that do not fit', () => {
        const [maps, x, out] = [Int32Array.of(1, 2, 3, 1, 1, 1), values(6, 1), new Float32Array(1)];
        const pool = (rows: number[], columns: number[], on = maps, from = x, to = out) => {
          return () => native.pool(on, from, Int32Array.from(rows), Int32Array.from(columns), 1, to);
        };
        expect(pool([0, 2], [0, 3])).not.to.throw();
        const share = new Float32Array(1);
        const interpolate = (rows: number[], columns: number[], shares = share) => {
          return () => native.interpolate(maps, x, Int32Array.from(rows), shares, Int32Array.from(columns), share, out);
        };
        expect(interpolate([0, 1], [0, 2])).not.to.throw();
        for (const wrong of [
          pool([0, 3], [0, 3]),
          pool([-1, 2], [0, 3]),
          pool([0, 2], [0, 4]),
          pool([0, 2, 0], [0, 3]),
          pool([0, 2], []),
          pool([0, 2], [0, 3], Int32Array.of(1, 2, 0, 1, 1, 1)),
          pool([0, 2], [0, 3], Int32Array.of(1, 2, 3, 1, 1)),
          pool([0, 2], [0, 3], maps, values(5, 1)),
          pool([0, 2], [0, 3], maps, x, new Float32Array(2)),
          interpolate([0, 2], [0, 2]),
          interpolate([0, 1], [0, 3]),
          interpolate([0, 1], [0, -1]),
          interpolate([0, 1], [0, 2], new Float32Array(2)),
          () => native.responseNorm(x, share, share, 1, 6, 2, values(6, 1)),
          () => native.responseNorm(x, share, share, 1, 6, 1, values(5, 1)),
        ]) {
          expect(wrong).to.throw(RangeError);
        }
      });
    });
  }
});
