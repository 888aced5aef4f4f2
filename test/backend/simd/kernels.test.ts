import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { SimdBackend } from '../../../src/backend/simd/kernel.js';
import { useBackend } from '../../../src/backend/use-backend.js';
import { adamWStep } from '../../../src/ops/adamw-step.js';
import { globalResponseNorm, resample } from '../../../src/ops/index.js';
import { roiAlign } from '../../../src/ops/roi-align.js';
import { compare, expectClose, guarded, kernels, tensor, values, withVariable } from './helpers.js';

const map = (shape: readonly number[], seed = 1) => tensor(shape, seed) as tf.Tensor4D;

const PADS = [
  'same',
  'valid',
  1,
  [
    [0, 0],
    [2, 0],
    [1, 3],
    [0, 0],
  ],
] as const;
type Pad = 'same' | 'valid' | number;
const padding = (pad: (typeof PADS)[number]) => pad as Pad;

describe('kernels of backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  it('convolves as cpu does', async () => {
    for (const kernel of [1, 2, 3, 5]) {
      for (const [strides, dilations] of [
        [1, 1],
        [2, 1],
        [3, 1],
        [1, 2],
      ]) {
        for (const pad of PADS) {
          const what = `${kernel} ${strides} ${dilations} ${pad}`;
          const run = () =>
            tf.conv2d(map([2, 13, 14, 5]), map([kernel, kernel, 5, 7], 2), strides, padding(pad), 'NHWC', dilations);
          const { convolution = 0, patches = 0, matMul = 0 } = await compare(what, run);
          expect(convolution + patches + matMul, what).to.equal(1);
        }
      }
    }
  });

  it('takes Winograd for large maps of many channels, and where it is forced', async () => {
    const run = () => tf.conv2d(map([1, 17, 23, 20]), map([3, 3, 20, 30], 2), 1, 'same');
    expect(await compare('by itself', run, 5e-6)).to.include({ winograd: 1, packWinograd: 1 });
    await withVariable('CONVNEXTV2_FORCE', 'direct', async () => {
      expect(await compare('direct', run)).to.include({ convolution: 1 });
    });
    const small = () => tf.conv2d(map([1, 5, 6, 3]), map([3, 3, 3, 2], 2), 1, 'same');
    expect(await compare('small', small)).to.include({ convolution: 1 });
    const strided = () => tf.conv2d(map([1, 17, 23, 20]), map([3, 3, 20, 30], 2), 2, 'same');
    await withVariable('CONVNEXTV2_FORCE', 'winograd', async () => {
      for (const pad of PADS) {
        const padded = () => tf.conv2d(map([2, 5, 6, 3]), map([3, 3, 3, 2], 2), 1, padding(pad));
        expect(await compare(`forced ${pad}`, padded, 5e-6)).to.include({ winograd: 1 });
      }
      expect(await compare('stride 2', strided)).to.include({ convolution: 1 });
    });
  });

  it("keeps Winograd's weights while the filter lives, within a bound", async () => {
    await tf.setBackend('simd');
    const [x, a, b] = [map([1, 17, 23, 20]), map([3, 3, 20, 32], 2), map([3, 3, 20, 32], 3)];
    const native = (tf.backend() as unknown as SimdBackend).native as unknown as Record<string, unknown>;
    const original = native.packWinograd as (...values: readonly unknown[]) => unknown;
    let packed = 0;
    native.packWinograd = (...values: readonly unknown[]) => {
      packed += 1;
      return original(...values);
    };
    const convolve = (filter: tf.Tensor4D) => tf.dispose(tf.conv2d(x, filter, 1, 'same'));
    try {
      // 36 * 20 * 32 floats are 0.088 MB: one filter has room, a second has not
      await withVariable('CONVNEXTV2_WINOGRAD_MB', '0.1', async () => {
        convolve(a);
        convolve(a);
        convolve(b);
        expect(packed, 'one filter').to.equal(1);
        a.dispose();
        convolve(b);
        convolve(b);
        expect(packed, 'the other, when the first is gone').to.equal(2);
      });
    } finally {
      native.packWinograd = original;
      tf.dispose([x, a, b]);
    }
  });

  it('fuses bias and activation as cpu does', async () => {
    for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const) {
      for (const size of [5, 17]) {
        const rest = () => ({
          strides: 1,
          pad: 'same' as const,
          activation,
          leakyreluAlpha: 0.3,
          ...(activation === 'prelu' && { preluActivationWeights: tensor([20], 4) }),
        });
        const full = () =>
          tf.fused.conv2d({
            x: map([1, size, 9, 20]),
            filter: map([3, 3, 20, 20], 2),
            bias: tensor([20], 3) as tf.Tensor1D,
            ...rest(),
          });
        const kernel = size === 5 ? 'convolution' : 'winograd';
        expect(await compare(`full ${activation}`, full, 5e-6)).to.include({ [kernel]: 1 });
        const depthwise = () =>
          tf.fused.depthwiseConv2d({
            x: map([1, size, 9, 20]),
            filter: map([3, 3, 20, 1], 2),
            bias: tensor([20], 3) as tf.Tensor1D,
            ...rest(),
          });
        expect(await compare(`depthwise ${activation}`, depthwise)).to.include({ depthwise: 1 });
      }
    }
    for (const shape of [[], [1], [1, 1, 6], [5, 5, 6]]) {
      const run = () =>
        tf.fused.conv2d({
          x: map([1, 5, 5, 4]),
          filter: map([3, 3, 4, 6], 2),
          bias: tensor(shape, 3) as tf.Tensor1D,
          strides: 1,
          pad: 'same',
          activation: 'relu',
        });
      await compare(`bias [${shape}]`, run);
    }
  });

  it('convolves each channel alone as cpu does', async () => {
    for (const kernel of [1, 3, 7]) {
      for (const [strides, dilations] of [
        [1, 1],
        [2, 1],
        [1, 2],
      ]) {
        for (const pad of PADS) {
          for (const multiplier of [1, 2]) {
            const what = `${kernel} ${strides} ${dilations} ${pad} ${multiplier}`;
            const run = () =>
              tf.depthwiseConv2d(
                map([2, 13, 14, 5]),
                map([kernel, kernel, 5, multiplier], 2),
                strides,
                padding(pad),
                'NHWC',
                dilations,
              );
            const calls = await compare(what, run);
            expect(calls.depthwise, what).to.equal(1);
          }
        }
      }
    }
  });

  it('pools as cpu does', async () => {
    for (const filter of [1, 2, 3, 5]) {
      for (const strides of [1, 2, 3]) {
        for (const pad of ['same', 'valid', 1] as const) {
          if (filter === 1 && pad === 1) continue; // windows of nothing but padding: tried in pooling.test.ts
          for (const pool of [tf.maxPool, tf.avgPool]) {
            await compare(`${filter} ${strides} ${pad}`, () => pool(map([2, 9, 8, 5]), filter, strides, pad));
          }
        }
      }
    }
    const calls = await compare('every second', () => tf.maxPool(map([2, 9, 8, 5]), 1, 2, 'valid'));
    expect(calls).to.deep.equal({ pool: 1 });
  });

  it('resizes as cpu does', async () => {
    for (const size of [
      [5, 6],
      [10, 12],
      [3, 4],
      [1, 1],
      [7, 13],
      [4, 6],
    ] as const) {
      for (const [corners, centres] of [
        [false, false],
        [true, false],
        [false, true],
      ] as const) {
        for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
          const run = () => resize(map([2, 5, 6, 3]), [...size], corners, centres);
          const calls = await compare(`${size} ${corners} ${centres}`, run);
          expect(Object.keys(calls)).to.have.length(1);
        }
      }
    }
  });

  it('resamples, and normalises responses, as the composed operations do', async () => {
    for (const how of ['bilinear', 'nearest', 'average'] as const) {
      for (const size of [
        [5, 7],
        [10, 14],
        [3, 4],
        [1, 1],
        [7, 13],
        [11, 3],
      ] as const) {
        const calls = await compare(`${how} ${size}`, () => resample(map([2, 5, 7, 3]), size, how));
        expect(Object.keys(calls)).to.deep.equal([how === 'bilinear' ? 'interpolate' : 'pool']);
      }
    }
    const calls = await compare('GRN', () => globalResponseNorm(map([2, 5, 7, 18]), tensor([18], 2), tensor([18], 3)));
    expect(calls).to.deep.equal({ responseNorm: 1 });
  });

  it('steps as the composed AdamW does, for every instruction set', async () => {
    const rates = { beta1: 0.8, beta2: 0.95, epsilon: 1e-3, kept: 0.97, rate: 0.3, rootScale: 0.4 };
    for (const length of [1, 23, 70_001]) {
      for (const i of [0, 1, 2]) {
        const step = () => {
          const [variable, gradient, first] = [1, 2, 3].map((seed) => tensor([length], seed));
          return adamWStep({ variable, gradient, first, second: tf.square(tensor([length], 4)) }, rates)[i];
        };
        const { adamW } = await compare(`${length}, result ${i}`, step);
        expect(adamW).to.equal(1);
      }
    }
    const numbers = [0.8, 1 - 0.8, 0.95, 1 - 0.95, 1e-3, 0.97, 0.3, 0.4];
    for (const { isa, adamW } of kernels) {
      for (let length = 1; length < 40; length++) {
        const [w, g, m, v] = [1, 2, 3, 4].map((seed) => values(length, seed).map(Math.abs));
        const outs = [0, 1, 2].map((i) => {
          return guarded(length, (out) => {
            const outs: Float32Array[] = [0, 1, 2].map(() => new Float32Array(length));
            outs[i] = out;
            adamW(w, g, m, v, Float32Array.from(numbers), ...outs);
          });
        });
        const first = m.map((value, i) => value * 0.8 + g[i] * 0.2);
        const second = v.map((value, i) => value * 0.95 + g[i] * g[i] * 0.05);
        const wanted = w.map((value, i) => value * 0.97 - (first[i] / (Math.sqrt(second[i]) / 0.4 + 1e-3)) * 0.3);
        for (const [i, want] of [wanted, first, second].entries())
          expectClose(outs[i], want, 2e-6, `${isa} ${length} ${i}`);
      }
      const float = () => new Float32Array(2);
      const rest = [float(), float(), float()];
      expect(() => adamW(float(), float(), float(), float(), float(), ...rest)).to.throw(RangeError);
      expect(() => adamW(float(), float(), float(), values(3, 1), new Float32Array(8), ...rest)).to.throw(RangeError);
    }
  });

  it('aligns boxes, and has their gradient, as the composed operation does', async () => {
    const boxes = [
      [0, 3, 2, 30, 25],
      [1, -9, 4, 5, 90],
      [1, 10, 10, 9, 12],
      [0, 60, 60, 70, 70],
      [0, 7.3, 8.1, 7.4, 8.2],
    ];
    for (const channels of [1, 18, 70]) {
      for (const centres of ['half-pixel', 'whole'] as const) {
        for (const samplingRatio of [0, 2]) {
          const options = { outputSize: [3, 5], scale: 0.31, samplingRatio, centres } as const;
          const align = (x: tf.Tensor) => roiAlign(x as tf.Tensor4D, tf.tensor2d(boxes), options);
          const what = `${channels} ${centres} ${samplingRatio}`;
          const run = () => align(map([2, 11, 14, channels]));
          expect(await compare(what, run)).to.deep.equal({ roiAlign: 1 });
          const slopes = () => tf.grad(align)(map([2, 11, 14, channels]), tensor([boxes.length, 3, 5, channels], 2));
          expect(await compare(`gradient ${what}`, slopes)).to.include({ roiAlignGradient: 1 });
        }
      }
    }
  });

  it('refuses boxes on no map, and arrays that do not fit', () => {
    const align = Int32Array.of(1, 4, 4, 2, 1, 1, 2, 1);
    for (const { roiAlign } of kernels) {
      const run = (box: number[], out = 2, x = 32) =>
        roiAlign(new Float32Array(x), align, 1, Float32Array.from(box), new Float32Array(out));
      run([0, Number.NaN, 0, Number.POSITIVE_INFINITY, 1]);
      for (const picture of [1, -1, Number.NaN]) expect(() => run([picture, 0, 0, 1, 1])).to.throw(RangeError);
      expect(() => run([0, 0, 0, 1])).to.throw(RangeError);
      expect(() => run([0, 0, 0, 1, 1], 3)).to.throw(RangeError);
      expect(() => run([0, 0, 0, 1, 1], 2, 31)).to.throw(RangeError);
    }
  });

  it('leaves empty maps, int32 and NCHW to cpu', async () => {
    await compare('empty', () => tf.conv2d(map([0, 5, 5, 4]), map([3, 3, 4, 6], 2), 1, 'same'));
    await compare('NCHW', () => tf.conv2d(map([1, 4, 5, 5]), map([3, 3, 4, 6], 2), 1, 'same', 'NCHW'));
    await compare('int32', () =>
      tf.maxPool(tf.cast(tf.mul(map([1, 5, 5, 4]), 9), 'int32') as tf.Tensor4D, 2, 2, 'same'),
    );
    await compare('int32', () =>
      tf.image.resizeBilinear(tf.cast(tf.mul(map([1, 5, 5, 4]), 9), 'int32') as tf.Tensor4D, [3, 3]),
    );
  });
});
