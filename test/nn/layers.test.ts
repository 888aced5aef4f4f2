import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import type { Scope } from '../../src/contracts.js';
import {
  activation,
  conv2d,
  depthwiseConv,
  dropPath,
  type FusedLayer,
  fused,
  globalResponseNorm,
  identity,
  type Layer,
  layerNorm,
  layerScale,
  linear,
} from '../../src/nn/layers.js';
import { createScope, type DeclaredParameter } from '../../src/nn/scope.js';
import { globalResponseNorm as globalResponseNormOp } from '../../src/ops/global-response-norm.js';
import { layerNorm as layerNormOp } from '../../src/ops/layer-norm.js';
import { expectClose, fakeKernel, maps, numbers, slopes, tensorsLeft, withKernel } from '../ops/helpers.js';

const filled: DeclaredParameter[] = [];

/** A layer whose parameters, these and no others, hold these values in the checkpoint's layout. */
function build<L>(make: (scope: Scope) => L, values: Readonly<Record<string, readonly number[]>>): L {
  const scope = createScope();
  const layer = make(scope);
  expect([...scope.parameters.keys()]).to.deep.equal(Object.keys(values));
  for (const [name, parameter] of scope.parameters) {
    parameter.fill(Float32Array.from(values[name]));
    filled.push(parameter);
  }
  return layer;
}

interface Convolution {
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** What output channel `o` has for input channel `i` in row v and column u of the window. */
  weight(o: number, i: number, v: number, u: number): number;
}

/** torch.nn.Conv2d without bias, of maps [n, h, w, c], cell by cell in float64. */
function convolved(
  x: readonly number[],
  [n, h, w, c]: readonly number[],
  { to, kernel, stride, padding, weight }: Convolution,
): number[] {
  const side = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const result: number[] = [];
  for (let picture = 0; picture < n; picture++) {
    for (let y = 0; y < side(h); y++) {
      for (let column = 0; column < side(w); column++) {
        for (let o = 0; o < to; o++) {
          let sum = 0;
          for (let v = 0; v < kernel; v++) {
            for (let u = 0; u < kernel; u++) {
              const [row, col] = [y * stride + v - padding, column * stride + u - padding];
              if (row < 0 || row >= h || col < 0 || col >= w) continue;
              for (let i = 0; i < c; i++) sum += weight(o, i, v, u) * x[((picture * h + row) * w + col) * c + i];
            }
          }
          result.push(sum);
        }
      }
    }
  }
  return result;
}

const plus = (values: readonly number[], bias: readonly number[]) => values.map((y, i) => y + bias[i % bias.length]);

describe('layers', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => {
    tf.engine().endScope();
    for (const parameter of filled.splice(0)) parameter.dispose();
  });

  describe('conv2d', () => {
    it('multiplies each window by the weights, unturned, and adds the bias', () => {
      // [1 2 3; 4 5 6] under [1 10; 100 1000]: 1 + 20 + 400 + 5000, and 2 + 30 + 500 + 6000
      const layer = build((scope) => conv2d(scope, { from: 1, to: 1, kernel: 2, deviation: 1 }), {
        weight: [1, 10, 100, 1000],
        bias: [0.5],
      });
      expect([...layer(maps([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])).dataSync()]).to.deep.equal([5421.5, 6532.5]);
    });

    for (const { stride, padding, size } of [
      { stride: 1, padding: 1, size: [5, 7] },
      { stride: 2, padding: 0, size: [6, 9] },
      { stride: 3, padding: 2, size: [3, 8] },
    ]) {
      it(`is torch's with stride ${stride} and padding ${padding}`, () => {
        const [from, to, kernel, shape] = [3, 4, 3, [2, ...size, 3]];
        const [x, weight, bias] = [numbers(6 * size[0] * size[1]), numbers(to * from * 9, 1), numbers(to, 2)];
        const options = { from, to, kernel, stride, padding, deviation: 1 };
        const layer = build((scope) => conv2d(scope, options), { weight, bias });
        const at = (weight: readonly number[]) => (o: number, i: number, v: number, u: number) =>
          weight[((o * from + i) * kernel + v) * kernel + u];
        const loops = (x: readonly number[], w = weight) => convolved(x, shape, { ...options, weight: at(w) });
        const y = layer(maps(x, shape));
        expectClose(y, plus(loops(x), bias), 1e-6);

        const dy = numbers(y.size, 3);
        const dx = tf.grad((x: tf.Tensor) => layer(x as tf.Tensor4D))(maps(x, shape), maps(dy, y.shape));
        expectClose(dx, slopes(loops, x, dy), 1e-6);
        const { weight: parameter } = layer.parameters;
        const { grads } = tf.variableGrads(
          () => tf.sum(tf.mul(layer(maps(x, shape)), maps(dy, y.shape))),
          [parameter.variable],
        );
        const dWeight = parameter.stored(grads[parameter.variable.name]);
        expect(dWeight.shape).to.deep.equal([to, from, kernel, kernel]);
        expectClose(
          dWeight,
          slopes((weight) => loops(x, [...weight]), weight, dy),
          1e-6,
        );
      });
    }
  });

  it('depthwiseConv convolves each channel with a window of its own', () => {
    const [channels, kernel, padding, shape] = [3, 5, 2, [2, 4, 7, 3]];
    const [x, weight, bias] = [numbers(168), numbers(75, 1), numbers(3, 2)];
    const layer = build((scope) => depthwiseConv(scope, { channels, kernel, padding, deviation: 1 }), { weight, bias });
    const y = layer(maps(x, shape));
    expect(y.shape).to.deep.equal(shape);
    const at = (o: number, i: number, v: number, u: number) => (o === i ? weight[(o * kernel + v) * kernel + u] : 0);
    const loops = (x: readonly number[]) =>
      convolved(x, shape, { to: channels, kernel, stride: 1, padding, weight: at });
    expectClose(y, plus(loops(x), bias), 1e-6);
    const dx = tf.grad((x: tf.Tensor) => layer(x as tf.Tensor4D))(maps(x, shape), tf.ones(shape));
    expectClose(
      dx,
      slopes(
        loops,
        x,
        x.map(() => 1),
      ),
      1e-6,
    );
  });

  describe('linear', () => {
    it('maps channels: out = weight x in + bias', () => {
      // rows of the weight are outputs: 1 * 5 + 2 * 7 + 0.5 = 19.5, 3 * 5 + 4 * 7 = 43, 5 * 5 + 6 * 7 - 1 = 66
      const layer = build((scope) => linear(scope, { from: 2, to: 3, deviation: 1 }), {
        weight: [1, 2, 3, 4, 5, 6],
        bias: [0.5, 0, -1],
      });
      expect([...layer(tf.tensor2d([[5, 7]])).dataSync()]).to.deep.equal([19.5, 43, 66]);
    });

    it('does so at any rank', () => {
      const [from, to] = [5, 4];
      const [x, weight, bias] = [numbers(2 * 3 * 7 * from), numbers(to * from, 1), numbers(to, 2)];
      const layer = build((scope) => linear(scope, { from, to, deviation: 1 }), { weight, bias });
      const wanted = Array.from({ length: 42 * to }, (_, i) =>
        weight
          .slice((i % to) * from, ((i % to) + 1) * from)
          .reduce((sum, w, j) => sum + w * x[Math.floor(i / to) * from + j], bias[i % to]),
      );
      for (const shape of [[42], [6, 7], [2, 3, 7]]) {
        const y = layer(tf.tensor(x, [...shape, from]));
        expect(y.shape).to.deep.equal([...shape, to]);
        expectClose(y, wanted, 1e-6);
      }
    });
  });

  it('layerNorm is the operation with weight and bias', () => {
    const [weight, bias, x] = [numbers(5, 1), numbers(5, 2), tf.tensor2d(numbers(15), [3, 5])];
    const layer = build((scope) => layerNorm(scope, { channels: 5, epsilon: 0.5 }), { weight, bias });
    expectClose(layer(x), [...layerNormOp(x, tf.tensor1d(weight), tf.tensor1d(bias), 0.5).dataSync()], 1e-7);
  });

  it('globalResponseNorm is the operation with weight and bias', () => {
    const [weight, bias, x] = [numbers(5, 1), numbers(5, 2), maps(numbers(60), [2, 3, 2, 5])];
    const layer = build((scope) => globalResponseNorm(scope, { channels: 5 }), { weight, bias });
    expectClose(layer(x), [...globalResponseNormOp(x, tf.tensor1d(weight), tf.tensor1d(bias)).dataSync()], 1e-7);
    const { calls, kernelFunc } = fakeKernel(9);
    withKernel('ConvNextV2GlobalResponseNorm', kernelFunc, () => layer(x));
    expect([calls[0].inputs.gamma!.shape, calls[0].inputs.beta!.shape]).to.deep.equal([[5], [5]]);
    const { grads } = tf.variableGrads(() => tf.sum(layer(x)));
    expect(Object.values(grads).map(({ shape }) => shape)).to.deep.equal([
      [1, 1, 1, 5],
      [1, 1, 1, 5],
    ]);
  });

  it('layerScale multiplies each channel by its factor', () => {
    const layer = build((scope) => layerScale(scope, 'gamma', 2, 1e-6), { gamma: [2, -3] });
    expect([...layer(maps([1, 10, 5, 7], [1, 2, 1, 2])).dataSync()]).to.deep.equal([2, -30, 10, -21]);
  });

  it('declare what a checkpoint holds, and what a new parameter is', () => {
    const scope = createScope();
    conv2d(scope.within('conv'), { from: 2, to: 3, kernel: 5, deviation: 0.1 });
    depthwiseConv(scope.within('dw'), { channels: 2, kernel: 7, padding: 3, deviation: 0.2 });
    linear(scope.within('fc'), { from: 2, to: 3, deviation: 0.3, part: 'head' });
    layerNorm(scope.within('norm'), { channels: 2, epsilon: 1, part: 'head' });
    globalResponseNorm(scope.within('grn'), { channels: 2 });
    layerScale(scope, 'scale', 2, 1e-6);
    const declared = [...scope.parameters.values()].map(({ name, shape, options }) => {
      const { init, layout = 'plain', part = 'body', match = 'exact' } = options;
      return [name, shape.join(' x '), JSON.stringify(init), layout, part, match].join(', ');
    });
    expect(declared).to.deep.equal([
      'conv.weight, 3 x 2 x 5 x 5, {"truncatedNormal":0.1}, conv2d, body, exact',
      'conv.bias, 3, {"constant":0}, plain, body, exact',
      'dw.weight, 2 x 1 x 7 x 7, {"truncatedNormal":0.2}, depthwise, body, exact',
      'dw.bias, 2, {"constant":0}, plain, body, exact',
      'fc.weight, 3 x 2, {"truncatedNormal":0.3}, linear, head, exact',
      'fc.bias, 3, {"constant":0}, plain, head, exact',
      'norm.weight, 2, {"constant":1}, plain, head, exact',
      'norm.bias, 2, {"constant":0}, plain, head, exact',
      'grn.weight, 1 x 1 x 1 x 2, {"constant":0}, plain, body, same-size',
      'grn.bias, 1 x 1 x 1 x 2, {"constant":0}, plain, body, same-size',
      'scale, 2, {"constant":0.000001}, plain, body, exact',
    ]);
  });

  it('leave nothing behind', () => {
    const four = numbers(4);
    const layers: Readonly<Record<string, Layer>> = {
      conv2d: build((scope) => conv2d(scope, { from: 2, to: 2, kernel: 1, deviation: 1 }), {
        weight: four,
        bias: [1, 2],
      }),
      depthwiseConv: build((scope) => depthwiseConv(scope, { channels: 2, kernel: 1, padding: 0, deviation: 1 }), {
        weight: [1, 2],
        bias: [1, 2],
      }),
      linear: build((scope) => linear(scope, { from: 2, to: 2, deviation: 1 }), { weight: four, bias: [1, 2] }),
      layerNorm: build((scope) => layerNorm(scope, { channels: 2, epsilon: 1 }), { weight: [1, 2], bias: [1, 2] }),
      globalResponseNorm: build((scope) => globalResponseNorm(scope, { channels: 2 }), {
        weight: [1, 2],
        bias: [1, 2],
      }),
      layerScale: build((scope) => layerScale(scope, 'gamma', 2, 1), { gamma: [1, 2] }),
      dropPath: dropPath(0.5, 0),
    };
    const x = tf.ones<tf.Rank.R4>([3, 2, 1, 2]);
    for (const [name, layer] of Object.entries(layers)) {
      expect(
        tensorsLeft(() => layer(x, { training: true })),
        name,
      ).to.equal(0);
    }
  });
});

describe('dropPath', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  /** What each of these pictures, all ones, is multiplied by. */
  function factors(layer: Layer, pictures: number, seed?: number): number[] {
    const values = [...layer(tf.ones([pictures, 2, 3, 5]), { training: true, seed }).dataSync()];
    const first = values.filter((_, i) => i % 30 === 0);
    expect(values).to.deep.equal(first.flatMap((factor) => Array(30).fill(factor)));
    return first;
  }

  it('does nothing at rate 0 or outside training', () => {
    expect(dropPath(0, 3)).to.equal(identity);
    const x = tf.ones<tf.Rank.R4>([2, 1, 1, 1]);
    expect(dropPath(0.5, 0)(x)).to.equal(x);
    expect(dropPath(0.5, 0)(x, { training: false, seed: 1 })).to.equal(x);
    expect(identity(x)).to.equal(x);
  });

  it('drops whole pictures, and divides the others by the probability of keeping', () => {
    const kept = Math.fround(1 / 0.75);
    const all = factors(dropPath(0.25, 0), 200, 1);
    expect(new Set(all)).to.deep.equal(new Set([kept, 0]));
    // 150 of 200 are kept, give or take sqrt(200 * 0.25 * 0.75) = 6
    expect(all.filter((factor) => factor === kept).length).to.be.within(130, 170);
    expect(factors(dropPath(1, 0), 9, 1)).to.deep.equal(Array(9).fill(0));
  });

  it('draws by the seed and the index', () => {
    const drawn = (index: number, seed?: number) => factors(dropPath(0.5, index), 64, seed).join();
    expect(drawn(2, 7)).to.equal(drawn(2, 7));
    const others = [drawn(2, 7), drawn(2, 8), drawn(3, 7), drawn(2), drawn(2)];
    expect(new Set(others).size).to.equal(others.length);
  });

  it('keeps the mean', () => {
    const all = Array.from({ length: 400 }, (_, seed) => factors(dropPath(0.3, 1), 8, seed)).flat();
    // its deviation: sqrt(0.3 / 0.7 / 3200) = 0.0116
    expect(all.reduce((sum, factor) => sum + factor, 0) / all.length).to.be.closeTo(1, 0.035);
  });

  it('gives gradients the same factors', () => {
    const layer = dropPath(0.5, 0);
    const run = (x: tf.Tensor) => layer(x as tf.Tensor4D, { training: true, seed: 5 });
    const dx = tf.grad(run)(tf.zeros([16, 1, 1, 1]));
    expect([...dx.dataSync()]).to.deep.equal([...run(tf.ones([16, 1, 1, 1])).dataSync()]);
  });
});

describe('fused', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => {
    tf.engine().endScope();
    for (const parameter of filled.splice(0)) parameter.dispose();
  });

  /** A linear map and a scale, with 1 added in training; what its kernel was called with; and how often its formula ran. */
  function makeFused() {
    const calls: tf.NamedTensorInfoMap[] = [];
    const runs = { formula: 0 };
    const values = { 'proj.weight': [1, 2, 3, 4], 'proj.bias': [5, 6], gamma: [10, 100] };
    const layer = build((scope) => {
      const proj = linear(scope.within('proj'), { from: 2, to: 2, deviation: 1 });
      const scale = layerScale(scope, 'gamma', 2, 1);
      const formula: Layer = (x, mode) => {
        runs.formula++;
        return tf.add(scale(proj(x)), mode?.training ? 1 : 0);
      };
      return fused('TestFused', [{ formula, parts: { proj, scale } }]);
    }, values);
    const kernelFunc: tf.KernelFunc = ({ inputs }) => {
      calls.push(inputs);
      const [x, weight, bias, scale] = ['x', '0.proj.weight', '0.proj.bias', '0.scale.scale'].map(
        (name) => inputs[name] as tf.Tensor,
      );
      return tf.tidy(() => tf.reshape(tf.mul(tf.add(tf.dot(tf.reshape(x, [-1, 2]), weight), bias), scale), x.shape));
    };
    return { layer, kernelFunc, calls, runs };
  }

  const X = [1, 1, 2, -1];
  // (1 * 1 + 2 * 1 + 5) * 10, (3 * 1 + 4 * 1 + 6) * 100; (2 - 2 + 5) * 10, (6 - 4 + 6) * 100
  const WANTED = [80, 1300, 50, 800];

  it('runs the formula where there is no kernel', () => {
    const [{ layer }, x] = [makeFused(), maps(X, [1, 2, 1, 2])];
    expect([...layer(x).dataSync()]).to.deep.equal(WANTED);
    expect(tensorsLeft(() => layer(x))).to.equal(0);
  });

  it('runs layers one after the other, and frees what lies between', () => {
    const add = (amount: number): FusedLayer => ({ formula: (x) => tf.add(tf.mul(x, 2), amount), parts: {} });
    const [layer, x] = [fused('TestFused', [add(1), add(5)]), maps([3, 4], [1, 1, 1, 2])];
    expect([...layer(x).dataSync()]).to.deep.equal([(3 * 2 + 1) * 2 + 5, (4 * 2 + 1) * 2 + 5]);
    expect(tensorsLeft(() => layer(x))).to.equal(0);
  });

  it('runs the kernel where there is one, with the parameters by their names', () => {
    const { layer, kernelFunc, calls, runs } = makeFused();
    const y = withKernel('TestFused', kernelFunc, () => layer(maps(X, [1, 2, 1, 2]), { training: false }));
    expect([...y.dataSync()]).to.deep.equal(WANTED);
    expect(Object.keys(calls[0])).to.deep.equal(['x', '0.proj.weight', '0.proj.bias', '0.scale.scale']);
    expect(calls[0]['0.proj.weight']).to.equal(filled[0].variable);
    expect(runs.formula).to.equal(0);
  });

  it('tells the kernel what each part computes, and runs the formula where the kernel declines', () => {
    const seen: unknown[] = [];
    const layer = build(
      (scope) => {
        const conv = conv2d(scope.within('conv'), { from: 1, to: 1, kernel: 2, stride: 2, deviation: 1 });
        const norm = layerNorm(scope.within('norm'), { channels: 1, epsilon: 0.5 });
        const parts = { conv, act: activation('relu'), drop: dropPath(0.25, 3), other: (x: tf.Tensor4D) => tf.neg(x) };
        const custom: FusedLayer = { parts: { norm }, formula: (x) => tf.add(norm(x), 1) };
        return fused('TestFused', [
          { parts: { ...parts, other: Object.assign(parts.other, { parameters: {} }) }, formula: 'sequence' },
          { parts: { norm, own: activation(tf.relu) }, formula: 'residual' },
          custom,
        ]);
      },
      { 'conv.weight': [1, 2, 3, 4], 'conv.bias': [5], 'norm.weight': [2], 'norm.bias': [7] },
    );
    const decline: tf.KernelFunc = ({ attrs }) => {
      seen.push(attrs);
      return [];
    };
    const y = withKernel('TestFused', decline, () => layer(maps([1, 1, 1, 1], [1, 2, 2, 1])));
    // -(1 + 2 + 3 + 4 + 5), then + relu(7) since the norm of one channel is its bias, and 7 + 1
    expect([...y.dataSync()]).to.deep.equal([8]);
    const conv = { kind: 'conv2d', from: 1, to: 1, kernel: 2, stride: 2, padding: 0, activation: 'linear' };
    const norm = { part: 'norm', kind: 'layerNorm', channels: 1, epsilon: 0.5 };
    const drop = { part: 'drop', kind: 'dropPath', rate: 0.25 };
    const relu = { part: 'act', kind: 'activation', name: 'relu' };
    const own = { part: 'own', kind: 'activation', name: 'custom' };
    expect(seen).to.deep.equal([
      {
        layers: [
          { formula: 'sequence', parts: [{ part: 'conv', ...conv }, relu, drop, { part: 'other' }] },
          { formula: 'residual', parts: [norm, own] },
          { formula: 'custom', parts: [norm] },
        ],
      },
    ]);
  });

  it('adds x to the parts of a residual layer, drop path included', () => {
    const layer = fused('TestFused', [
      { parts: { act: activation('relu'), drop: dropPath(0.5, 0) }, formula: 'residual' },
    ]);
    expect([...layer(maps([3, -4], [1, 1, 1, 2])).dataSync()]).to.deep.equal([6, -4]);
    const x = tf.ones<tf.Rank.R4>([64, 1, 1, 1]);
    const trained = [...layer(x, { training: true, seed: 1 }).dataSync()];
    expect(new Set(trained)).to.deep.equal(new Set([1, 3])); // 1 + 0, and 1 + 1 / 0.5
    expect(tensorsLeft(() => layer(x, { training: true, seed: 1 }))).to.equal(0);
  });

  it('runs the formula in training and under a gradient all the same', () => {
    const { layer, kernelFunc, calls, runs } = makeFused();
    const x = maps(X, [1, 2, 1, 2]);
    withKernel('TestFused', kernelFunc, () => {
      const y = layer(x, { training: true });
      expect([...y.dataSync()]).to.deep.equal(WANTED.map((value) => value + 1));
      // each x reaches both outputs: 1 * 10 + 3 * 100, 2 * 10 + 4 * 100
      const dx = tf.grad((x: tf.Tensor) => layer(x as tf.Tensor4D))(x);
      expect([...dx.dataSync()]).to.deep.equal([310, 420, 310, 420]);
      expect(tensorsLeft(() => layer(x, { training: true }))).to.equal(0);
    });
    expect(calls).to.have.length(0);
    expect(runs.formula).to.equal(3);
  });

  it('reads the parameters at each call', () => {
    const { layer } = makeFused();
    filled[2].fill(Float32Array.of(1, 1));
    expect([...layer(maps(X, [1, 2, 1, 2])).dataSync()]).to.deep.equal([8, 13, 5, 8]);
    filled[0].dispose();
    expect(() => layer(maps(X, [1, 2, 1, 2]))).to.throw('E_DISPOSED: proj.weight');
  });
});
