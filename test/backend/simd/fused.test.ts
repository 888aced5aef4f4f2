import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../../src/backend/use-backend.js';
import { createScope, initializeParameters, layers, ops } from '../../../src/index.js';
import type { DeclaringScope } from '../../../src/nn/scope.js';
import { compare, expectClose, kernels, tensor, watched } from './helpers.js';

const {
  activation,
  conv2d,
  depthwiseConv,
  dropPath,
  fused,
  globalResponseNorm,
  identity,
  layerNorm,
  layerScale,
  linear,
} = layers;

const map = (shape: readonly number[], seed = 1) => tensor(shape, seed) as tf.Tensor4D;

/** What differs from the body of a ConvNeXt. */
interface Changes {
  readonly kernel?: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly epsilon?: number;
  readonly expansion?: number;
  readonly activation?: layers.Conv2dOptions['activation'];
  readonly act?: Parameters<typeof activation>[0];
  readonly grn?: 'none';
  readonly scale?: number;
  readonly dropRate?: number;
}

/** The layer with parameters that are random and not small, biases and GRN's included. */
function filled(make: (scope: DeclaringScope) => layers.FusedLayer): layers.FusedLayer {
  const scope = createScope();
  const layer = make(scope);
  initializeParameters(scope.parameters, 0);
  for (const [i, { variable }] of [...scope.parameters.values()].entries()) {
    tf.tidy(() => variable.assign(tensor(variable.shape, 50 + i)));
  }
  return layer;
}

function patches(
  { kernel = 2, stride = kernel, padding = 0, epsilon = 1e-6, activation }: Changes,
  order: 'stem' | 'down',
) {
  return filled((scope) => {
    const conv = conv2d(scope.within('conv'), { from: 3, to: 4, kernel, stride, padding, activation, deviation: 1 });
    const norm = layerNorm(scope.within('norm'), { channels: order === 'stem' ? 4 : 3, epsilon });
    return { parts: order === 'stem' ? { conv, norm } : { norm, conv }, formula: 'sequence' };
  });
}

function block({
  kernel = 7,
  padding = (kernel - 1) / 2,
  epsilon = 1e-6,
  expansion = 4,
  act = 'gelu',
  ...rest
}: Changes) {
  const { grn, scale, dropRate = 0 } = rest;
  const [channels, hidden] = [6, 6 * expansion];
  return filled((scope) => ({
    parts: {
      dwconv: depthwiseConv(scope.within('dwconv'), { channels, kernel, padding, deviation: 1 }),
      norm: layerNorm(scope.within('norm'), { channels, epsilon }),
      pwconv1: linear(scope.within('pwconv1'), { from: channels, to: hidden, deviation: 1 }),
      act: activation(act),
      grn: grn ? identity : globalResponseNorm(scope.within('grn'), { channels: hidden }),
      pwconv2: linear(scope.within('pwconv2'), { from: hidden, to: channels, deviation: 1 }),
      scale: scale ? layerScale(scope, 'scale', channels, scale) : identity,
      drop: dropPath(dropRate, 0),
    },
    formula: 'residual',
  }));
}

describe('fused calls of backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('cpu');
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  /** Computes as on cpu, and says whether in one call. */
  async function isFused(what: string, kernel: string, of: readonly layers.FusedLayer[], shape: readonly number[]) {
    const layer = fused(kernel, of);
    const run = () => tf.tidy(() => layer(map(shape)));
    await tf.setBackend('cpu');
    const want = run();
    await tf.setBackend('simd');
    const { result: got, calls } = watched(run);
    expect(got.shape, what).to.deep.equal(want.shape);
    expectClose(got.dataSync() as Float32Array, want.dataSync(), 5e-6, what);
    const { block = 0, patches = 0, ...others } = calls;
    return block + patches === of.length && Object.keys(others).every((name) => /^(pack|floats)/.test(name));
  }

  const STEMS: readonly Changes[] = [{}, { kernel: 4 }, { kernel: 3 }, { epsilon: 0.5 }, { epsilon: 1e-12 }];
  const OTHER_STEMS: readonly Changes[] = [
    { kernel: 3, stride: 2 },
    { kernel: 7, stride: 4, padding: 3 },
    { kernel: 2, stride: 2, padding: 1 },
    { activation: 'relu' },
    { kernel: 1, stride: 2 },
  ];

  for (const [kernel, order] of [
    ['convnextStem', 'stem'],
    ['convnextDownsampling', 'down'],
  ] as const) {
    it(`${kernel}: one call for patches of any size and any epsilon, and the formula for all else`, async () => {
      for (const changes of STEMS) {
        const what = JSON.stringify(changes);
        expect(await isFused(what, kernel, [patches(changes, order)], [2, 9, 11, 3]), what).to.equal(true);
      }
      for (const changes of OTHER_STEMS) {
        const what = JSON.stringify(changes);
        // one convolution is a call of its own, and so is the norm
        expect(await isFused(what, kernel, [patches(changes, order)], [2, 9, 11, 3]), what).to.equal(false);
      }
      const other = patches({}, order === 'stem' ? 'down' : 'stem');
      expect(await isFused('the other order', kernel, [other], [2, 9, 11, 3])).to.equal(false);
      expect(
        await isFused('a map smaller than a patch', kernel, [patches({ kernel: 4 }, order)], [1, 9, 4, 3]),
      ).to.equal(true);
    });
  }

  it('convnextBlocks: one call for the block of V1 and V2 at any epsilon, and the formula for all else', async () => {
    const shape = [2, 9, 8, 6];
    const run = (changes: Changes, ...more: readonly Changes[]) =>
      isFused(JSON.stringify([changes, ...more]), 'convnextBlocks', [changes, ...more].map(block), shape);
    const known: readonly Changes[] = [
      {},
      { epsilon: 0.5 },
      { grn: 'none', scale: 0.3 },
      { grn: 'none' },
      { scale: 0.3 },
      { dropRate: 0.9 },
    ];
    for (const changes of known) expect(await run(changes), JSON.stringify(changes)).to.equal(true);
    const others: readonly Changes[] = [
      { kernel: 5 },
      { kernel: 3 },
      { kernel: 9 },
      { expansion: 2 },
      { expansion: 6 },
      ...(['relu', 'selu', 'gelu_new', <T extends tf.Tensor>(x: T): T => tf.tanh(x)] as const).map((act) => ({ act })),
    ];
    for (const changes of others) expect(await run(changes), JSON.stringify(changes)).to.equal(false);
    expect(await run({}, { epsilon: 0.5 }, {}), 'an epsilon each').to.equal(true);
    expect(await run({}, { act: 'relu' }), 'one of another activation').to.equal(false);
  });

  it('runs formulas that a program wrote itself, whatever the kernel is called and the parts are', async () => {
    const stem = patches({}, 'stem');
    const { conv, norm } = stem.parts;
    const custom: layers.FusedLayer = { parts: { conv, norm }, formula: (x) => tf.relu(norm(conv(x))) };
    expect(await isFused('a stem with a relu', 'convnextStem', [custom], [1, 8, 8, 3])).to.equal(false);
    expect(
      await isFused('a stem that adds x', 'convnextStem', [{ ...stem, formula: 'sequence' }], [1, 8, 8, 3]),
    ).to.equal(true);
    const { parts } = block({});
    for (const [what, layer] of Object.entries<layers.FusedLayer>({
      'without the sum': { parts, formula: 'sequence' },
      'without an activation': { parts: { ...parts, act: identity }, formula: 'residual' },
      'with one part more': { parts: { ...parts, more: activation('relu') }, formula: 'residual' },
      'with the parts of no known kind': {
        parts: { ...parts, norm: Object.assign((x: tf.Tensor4D) => tf.mul<tf.Tensor4D>(x, 2), { parameters: {} }) },
        formula: 'residual',
      },
    })) {
      expect(await isFused(what, 'convnextBlocks', [layer], [1, 8, 8, 6]), what).to.equal(false);
    }
    for (const kernel of ['convnextStem', 'convnextDownsampling', 'convnextBlocks']) {
      expect(await isFused('nothing', kernel, [{ parts: {}, formula: 'residual' }], [1, 8, 8, 6])).to.equal(false);
    }
  });

  it('leaves maps that do not fit to the formula, which says so', async () => {
    await tf.setBackend('simd');
    expect(() => fused('convnextStem', [patches({}, 'stem')])(map([1, 8, 8, 5]))).to.throw('depth of input (5)');
    expect(() => fused('convnextBlocks', [block({})])(map([1, 8, 8, 5]))).to.throw(/inChannels|depth|channels|shape/i);
  });

  it('frees what lies between blocks', async () => {
    await tf.setBackend('simd');
    const [x, blocks] = [map([2, 9, 5, 6]), [block({}), block({ epsilon: 0.1 }), block({})]];
    const [arrays, { numTensors }] = [tf.backend().numDataIds(), tf.memory()];
    const together = fused('convnextBlocks', blocks)(x);
    expect([tf.backend().numDataIds() - arrays, tf.memory().numTensors - numTensors]).to.deep.equal([1, 1]);
    const alone = tf.tidy(() => blocks.reduce((y, of) => fused('convnextBlocks', [of])(y), x));
    expect([...together.dataSync()]).to.deep.equal([...alone.dataSync()]);
  });

  it('declines what a kernel of ours is called with by name alone', async () => {
    await tf.setBackend('simd');
    for (const kernel of ['convnextStem', 'convnextDownsampling', 'convnextBlocks']) {
      expect(tf.engine().runKernel(kernel, { x: map([1, 8, 8, 3]) }), kernel).to.deep.equal([]);
    }
  });

  it('leaves norms with one number for all channels to the definition', async () => {
    const one = (value: number) => tf.tensor1d([value]);
    const x = () => map([2, 5, 6, 4]);
    await compare('layer norm', () => ops.layerNorm(x(), one(2), one(1), 1e-6));
    await compare('response norm', () => ops.globalResponseNorm(x(), one(2), one(1)));
    const filter = () => map([3, 3, 4, 6], 2);
    const tensors = () => ({ gamma: one(2), beta: one(1), mean: one(0.5), variance: one(3) });
    const run = () => ops.convNorm(x(), { filter: filter(), ...tensors() }, 1, 1e-5);
    await compare('convolution and norm', run);
  });

  it('takes gradients of depthwise convolutions of any size', async () => {
    for (const [kernel, padding] of [
      [[7, 7, 5, 1], 3],
      [[7, 5, 5, 1], 2],
      [[7, 7, 5, 2], 3],
      [[7, 7, 5, 1], 2],
      [[3, 3, 5, 1], 1],
    ] as const) {
      const convolve = (filter: tf.Tensor) =>
        ops.depthwiseConv(map([2, 9, 8, 5]), filter as tf.Tensor4D, tf.zeros([5 * kernel[3]]), padding);
      const calls = await compare(`${kernel} ${padding}`, () => tf.grad(convolve)(tensor(kernel, 2)));
      expect(calls.depthwiseFilter ?? 0, `${kernel} ${padding}`).to.equal(
        `${kernel} ${padding}` === '7,7,5,1 3' ? 1 : 0,
      );
    }
  });
});
