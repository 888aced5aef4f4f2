import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { type Resampling, resample } from '../../src/ops/resample.js';
import { failure } from '../helpers.js';
import { expectClose, maps, numbers, tensorsLeft, withKernel } from './helpers.js';

type Size = readonly [height: number, width: number];

/** A row [1, 1, w, 1] at another width. */
const row = (values: readonly number[], width: number, how: Resampling) =>
  resample(maps(values, [1, 1, values.length, 1]), [1, width], how);

/** What cell (y, x) of the new size is, of one channel of one picture, at(y, x) giving the old one's: in float64. */
const CELLS: Readonly<
  Record<
    Resampling,
    (at: (y: number, x: number) => number, [y, x]: Size, [h, w]: Size, [height, width]: Size) => number
  >
> = {
  bilinear(at, [y, x], [h, w], [height, width]) {
    const place = (i: number, from: number, to: number) => {
      const source = Math.max(0, ((i + 0.5) * from) / to - 0.5);
      return { low: Math.floor(source), high: Math.min(Math.floor(source) + 1, from - 1), share: source % 1 };
    };
    const [v, u] = [place(y, h, height), place(x, w, width)];
    const along = (y: number) => at(y, u.low) * (1 - u.share) + at(y, u.high) * u.share;
    return along(v.low) * (1 - v.share) + along(v.high) * v.share;
  },
  nearest: (at, [y, x], [h, w], [height, width]) => at(Math.floor((y * h) / height), Math.floor((x * w) / width)),
  average(at, [y, x], [h, w], [height, width]) {
    let [sum, count] = [0, 0];
    for (let v = Math.floor((y * h) / height); v < ((y + 1) * h) / height; v++) {
      for (let u = Math.floor((x * w) / width); u < ((x + 1) * w) / width; u++) {
        sum += at(v, u);
        count++;
      }
    }
    return sum / count;
  },
};

/** The same for maps [n, h, w, c], cell by cell. */
function inLoops(x: readonly number[], [n, h, w, c]: readonly number[], to: Size, how: Resampling): number[] {
  return Array.from({ length: n * to[0] * to[1] * c }, (_, i) => {
    const [k, column] = [i % c, Math.floor(i / c) % to[1]];
    const [line, picture] = [Math.floor(i / c / to[1]) % to[0], Math.floor(i / c / to[1] / to[0])];
    return CELLS[how]((y, x2) => x[((picture * h + y) * w + x2) * c + k], [line, column], [h, w], to);
  });
}

const HOWS: readonly Resampling[] = ['bilinear', 'nearest', 'average'];

/** From and to: both up, both down, one each way, whole factors and none, single cells, the same. */
const SIZES: readonly (readonly [Size, Size])[] = [
  [
    [3, 5],
    [7, 11],
  ],
  [
    [7, 11],
    [3, 5],
  ],
  [
    [4, 9],
    [9, 2],
  ],
  [
    [2, 3],
    [4, 6],
  ],
  [
    [6, 4],
    [3, 2],
  ],
  [
    [1, 1],
    [3, 2],
  ],
  [
    [5, 3],
    [1, 1],
  ],
  [
    [2, 1],
    [6, 6],
  ],
  [
    [3, 5],
    [3, 5],
  ],
];

describe('resample', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('interpolates between the centres of cells', () => {
    // centres at (i + 0.5) / 2 - 0.5 = -0.25, 0.25, 0.75, 1.25, clamped to 0 and 1
    expect([...row([0, 4], 4, 'bilinear').dataSync()]).to.deep.equal([0, 1, 3, 4]);
    // (i + 0.5) * 2 - 0.5 = 0.5 and 2.5
    expect([...row([0, 4, 10, 20], 2, 'bilinear').dataSync()]).to.deep.equal([2, 15]);
  });

  it('takes the cell at floor(i * in / out)', () => {
    // floor(i * 0.6) = 0 0 1 1 2
    expect([...row([5, 6, 7], 5, 'nearest').dataSync()]).to.deep.equal([5, 5, 6, 6, 7]);
    expect([...row([5, 6, 7, 8, 9], 3, 'nearest').dataSync()]).to.deep.equal([5, 6, 8]);
  });

  it("computes nearest's cell in float32, as torch does", () => {
    // 37 * 6 / 74 = 3, but 6 / 74 in float32 lies below it, and so does the product: 2.9999998
    expect(row([0, 1, 2, 3, 4, 5], 74, 'nearest').dataSync()[37]).to.equal(2);
    // 25 * 2 / 50 = 1, 2 / 50 in float32 lies below it, and the product 0.99999998 is rounded to 1
    expect(row([0, 1], 50, 'nearest').dataSync()[25]).to.equal(1);
  });

  it('averages overlapping cells', () => {
    // 3 cells over 5: 0 to 2, 1 to 4, 3 to 5
    expect([...row([0, 1, 2, 3, 4], 3, 'average').dataSync()]).to.deep.equal([0.5, 2, 3.5]);
    // 3 cells over 2: 0 to 1, 0 to 2, 1 to 2
    expect([...row([2, 4], 3, 'average').dataSync()]).to.deep.equal([2, 3, 4]);
  });

  for (const how of HOWS) {
    it(`gives ${how} at any size, with the transposed map as its gradient`, () => {
      for (const [from, to] of SIZES) {
        const shape = [2, ...from, 3];
        const x = numbers(6 * from[0] * from[1]);
        const y = resample(maps(x, shape), to, how);
        expect(y.shape).to.deep.equal([2, ...to, 3]);
        expectClose(y, inLoops(x, shape, to, how), 1e-6);

        // of a linear map, the gradient at cell i is dy times the image of the i-th unit picture
        const dy = numbers(6 * to[0] * to[1], 1);
        const wanted = x.map((_, i) => {
          const image = inLoops(
            x.map((_, j) => (i === j ? 1 : 0)),
            shape,
            to,
            how,
          );
          return image.reduce((sum, value, j) => sum + value * dy[j], 0);
        });
        const dx = tf.grad((x: tf.Tensor) => resample(x as tf.Tensor4D, to, how))(maps(x, shape), maps(dy, y.shape));
        expectClose(dx, wanted, 1e-6);
      }
    });

    it(`leaves nothing behind after ${how}`, () => {
      const x = maps(numbers(30), [1, 3, 5, 2]);
      expect(tensorsLeft(() => resample(x, [7, 4], how))).to.equal(0);
      const slope = tf.grad((x: tf.Tensor) => resample(x as tf.Tensor4D, [7, 4], how));
      expect(tensorsLeft(() => slope(x))).to.equal(0);
    });
  }

  it('refuses a way and a size that are none', async () => {
    const x = maps(numbers(30), [1, 3, 5, 2]);
    for (const how of ['bicubic', undefined, '__proto__', 'toString']) {
      const error = await failure(() => resample(x, [2, 2], how as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'how', wanted: 'one of nearest, bilinear, average' });
    }
    for (const size of [[Number.NaN, 2], [2, 1.5], [-1, 2], ['2', 2], [2]]) {
      const error = await failure(() => resample(x, size as never, 'nearest'));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'size' });
    }
    expect(resample(x, [0, 4], 'bilinear').shape).to.deep.equal([1, 0, 4, 2]);
  });

  it('keeps a constant map constant', () => {
    for (const how of HOWS) {
      const y = resample(tf.fill([1, 13, 7, 1], 0.1), [5, 29], how);
      expectClose(y, Array(5 * 29).fill(Math.fround(0.1)), 2e-7);
    }
  });

  it('takes kernels that are there, for the gradient as well', () => {
    const [x, dy] = [maps(numbers(30), [1, 3, 5, 2]), maps(numbers(56), [1, 7, 4, 2])];
    const calls: { readonly inputs: object; readonly attrs: unknown }[] = [];
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => {
      calls.push({ inputs, attrs });
      const { height, width } = attrs as unknown as { height: number; width: number };
      return tf.fill([1, height, width, 2], 9);
    };
    withKernel('ConvNextV2Resample', kernelFunc, () =>
      withKernel('ConvNextV2ResampleGrad', kernelFunc, () => {
        expect([...resample(x, [7, 4], 'average').dataSync()]).to.deep.equal(Array(56).fill(9));
        const dx = tf.grad((x: tf.Tensor) => resample(x as tf.Tensor4D, [7, 4], 'average'))(x, dy);
        expect([...dx.dataSync()]).to.deep.equal(Array(30).fill(9));
      }),
    );
    expect(calls.map(({ attrs }) => attrs)).to.deep.equal([
      { height: 7, width: 4, how: 'average' },
      { height: 7, width: 4, how: 'average' },
      { height: 3, width: 5, how: 'average' },
    ]);
    expect(calls[2].inputs).to.have.keys('dy');
  });
});
