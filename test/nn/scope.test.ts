import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import type { ParameterOptions } from '../../src/contracts.js';
import {
  countParameters,
  createScope,
  type DeclaredParameter,
  initializeParameters,
  initialValues,
} from '../../src/nn/scope.js';
import { failure } from '../helpers.js';

const INIT: ParameterOptions = { init: { constant: 0 } };

/** A parameter of this shape that nobody has filled. */
function declare(shape: readonly number[], options = INIT, name = 'weight'): DeclaredParameter {
  const scope = createScope();
  scope.parameter(name, shape, options);
  return scope.parameters.get(name)!;
}

const upTo = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

describe('createScope', () => {
  before(() => useBackend('cpu'));

  it('names parameters by where they are declared, in that order', () => {
    const scope = createScope();
    scope.parameter('first', [2], INIT);
    const inner = scope.within('stages').within(0);
    inner.within('dwconv').parameter('weight', [3], INIT);
    scope.within('stages').within(10).parameter('weight', [4], INIT);
    inner.parameter('bias', [5], INIT);
    const names = ['first', 'stages.0.dwconv.weight', 'stages.10.weight', 'stages.0.bias'];
    expect([...scope.parameters.keys()]).to.deep.equal(names);
    expect([...scope.parameters.values()].map(({ name }) => name)).to.deep.equal(names);
  });

  it('gives the parameters of a scope within it by their full names, and no neighbours', () => {
    const scope = createScope();
    scope.within('stages').within(1).parameter('weight', [2], INIT);
    scope.within('stages').within(10).parameter('weight', [3], INIT);
    expect([...scope.within('stages').within(1).parameters.keys()]).to.deep.equal(['stages.1.weight']);
    expect(scope.within('stages').parameters.size).to.equal(2);
    expect(scope.within('none').parameters.size).to.equal(0);
  });

  it('refuses a name declared twice, however it is spelled', async () => {
    const scope = createScope();
    scope.within('a').parameter('b', [2], INIT);
    const error = await failure(() => scope.parameter('a.b', [3], INIT));
    expect(error).to.include({ code: 'E_PLUGIN', path: 'a.b' });
    expect([...scope.parameters.values()].map(({ shape }) => shape)).to.deep.equal([[2]]);
    scope.within('b').parameter('a', [2], INIT);
  });

  it('refuses a shape that is none, and a start that would never be drawn', async () => {
    const wrong: readonly (readonly [unknown, unknown, string])[] = [
      [[-1], INIT, '[-1]'],
      [[1.5], INIT, '[1.5]'],
      [[2 ** 53], INIT, '[9007199254740992]'],
      [undefined, INIT, 'undefined'],
      [[1], { init: { truncatedNormal: undefined } }, '{}'], // what a layer gives whose deviation was left out
      [[1], { init: { truncatedNormal: Number.NaN } }, '{"truncatedNormal":null}'],
      [[1], { init: { truncatedNormal: -0.02 } }, '{"truncatedNormal":-0.02}'],
      [[1], { init: { constant: Number.NaN } }, '{"constant":null}'],
      [[1], {}, 'undefined'],
      [[1], undefined, 'undefined'],
    ];
    for (const [shape, options, got] of wrong) {
      const scope = createScope();
      const error = await failure(() => scope.within('head').parameter('weight', shape as never, options as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'head.weight', got });
      expect(scope.parameters.size).to.equal(0);
    }
  });

  it('allocates nothing until a parameter is filled, and nothing after its disposal', () => {
    const before = tf.memory();
    const parameter = declare([1000, 1000]);
    expect(tf.memory()).to.deep.equal(before);
    parameter.fill(new Float32Array(1e6));
    expect(tf.memory().numBytes - before.numBytes).to.equal(4e6);
    expect(tf.memory().numTensors - before.numTensors).to.equal(1);
    parameter.fill(new Float32Array(1e6));
    expect(tf.memory().numTensors - before.numTensors).to.equal(1);
    parameter.dispose();
    parameter.dispose();
    expect(tf.memory().numBytes).to.equal(before.numBytes);
    expect(tf.memory().numTensors).to.equal(before.numTensors);
  });

  it('counts values, filled or not', () => {
    const scope = createScope();
    scope.parameter('a', [2, 3, 1, 5], INIT);
    scope.parameter('b', [7], INIT);
    scope.parameter('scalar', [], INIT);
    // 2 * 3 * 1 * 5 + 7 + 1
    expect(countParameters(scope.parameters)).to.equal(38);
    expect(countParameters(createScope().parameters)).to.equal(0);
    expect([...scope.parameters.values()].map(({ size }) => size)).to.deep.equal([30, 7, 1]);
  });
});

describe('a declared parameter', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const LAYOUTS = [
    // output o, input i, row h, column w at ((o * 3 + i) * 1 + h) * 2 + w; tfjs goes over h, w, i, o
    { layout: 'conv2d', shape: [2, 3, 1, 2], turned: [1, 2, 3, 2], values: [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11] },
    // channel c, row h, column w at (c * 3 + h) * 1 + w; tfjs goes over h, w, c
    { layout: 'depthwise', shape: [2, 1, 3, 1], turned: [3, 1, 2, 1], values: [0, 3, 1, 4, 2, 5] },
    // output o, input i at o * 3 + i; tfjs goes over i, o
    { layout: 'linear', shape: [2, 3], turned: [3, 2], values: [0, 3, 1, 4, 2, 5] },
    { layout: 'plain', shape: [1, 1, 2, 3], turned: [1, 1, 2, 3], values: [0, 1, 2, 3, 4, 5] },
  ] as const;

  for (const { layout, shape, turned, values } of LAYOUTS) {
    it(`turns ${layout} for tfjs and back`, () => {
      const parameter = declare(shape, { ...INIT, layout });
      parameter.fill(upTo(parameter.size));
      expect(parameter.variable.shape).to.deep.equal(turned);
      expect([...parameter.variable.dataSync()]).to.deep.equal(values);
      const stored = parameter.stored();
      expect(stored.shape).to.deep.equal(shape);
      expect([...stored.dataSync()]).to.deep.equal([...upTo(parameter.size)]);

      // of another tensor laid as the values are, and it is a new one each time
      const gradient = parameter.stored(tf.neg(parameter.variable));
      expect([...gradient.dataSync()]).to.deep.equal([...upTo(parameter.size)].map((value) => -value));
      tf.dispose([stored, gradient]);
      expect([...parameter.variable.dataSync()]).to.deep.equal(values);
      parameter.dispose();
    });
  }

  it('outlives the scope it was filled in', () => {
    const parameter = declare([2]);
    tf.tidy(() => parameter.fill(Float32Array.of(3, 4)));
    expect([...parameter.variable.dataSync()]).to.deep.equal([3, 4]);
    parameter.dispose();
  });

  it('is trainable unless it was told otherwise, before it was filled or after', () => {
    const parameter = declare([2]);
    expect(parameter.trainable).to.equal(true);
    parameter.trainable = false;
    parameter.fill(upTo(2));
    expect([parameter.trainable, parameter.variable.trainable]).to.deep.equal([false, false]);
    parameter.trainable = true;
    expect([parameter.trainable, parameter.variable.trainable]).to.deep.equal([true, true]);
    parameter.trainable = false;
    expect(parameter.variable.trainable).to.equal(false);
    parameter.dispose();
  });

  it('has no values before fill and after dispose', async () => {
    const parameter = declare([2], INIT, 'grn.weight');
    expect(await failure(() => parameter.variable)).to.include({ code: 'E_DISPOSED', path: 'grn.weight' });
    parameter.fill(upTo(2));
    parameter.dispose();
    expect(await failure(() => parameter.variable)).to.include({ code: 'E_DISPOSED' });
    expect(await failure(() => parameter.stored())).to.include({ code: 'E_DISPOSED' });
    parameter.fill(upTo(2));
    expect([...parameter.variable.dataSync()]).to.deep.equal([0, 1]);
    parameter.dispose();
  });
});

describe('initialValues', () => {
  const fresh = (deviation: number, { size = 20_000, seed = 1, name = 'weight' } = {}) =>
    initialValues(declare([size], { init: { truncatedNormal: deviation } }, name), seed);

  /** The mean square of a normal that is drawn again beyond +-2, by Simpson's rule. */
  function truncatedVariance(deviation: number): number {
    let [squares, all] = [0, 0];
    for (let i = 0; i <= 1000; i++) {
      const x = -2 + i / 250;
      const weight = (i === 0 || i === 1000 ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((x / deviation) ** 2) / 2);
      squares += weight * x * x;
      all += weight;
    }
    return squares / all;
  }

  it('are the constant', () => {
    expect([...initialValues(declare([3], { init: { constant: 0.5 } }), 1)]).to.deep.equal([0.5, 0.5, 0.5]);
    expect([...fresh(0, { size: 3 })]).to.deep.equal([0, 0, 0]);
  });

  // at 1e9, a normal would be drawn again 600 million times for each value
  for (const deviation of [0.02, 1.5, 2, 3, 1e9, Infinity]) {
    it(`have mean 0 and this deviation, within +-2: ${deviation}`, () => {
      const values = fresh(deviation);
      const wanted = truncatedVariance(deviation);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      // 4 times their own deviations, sqrt(v / n) and, at most, v * sqrt(2 / n)
      expect(mean).to.be.closeTo(0, 4 * Math.sqrt(wanted / values.length));
      expect(variance).to.be.closeTo(wanted, 4 * wanted * Math.sqrt(2 / values.length));
      expect(values.every((value) => Math.abs(value) <= 2)).to.equal(true);
      expect(Math.max(...values)).to.be.above(deviation < 1 ? 3 * deviation : 1.9);
    });
  }

  it('depend on the seed and the name', () => {
    const values = [fresh(1), fresh(1, { seed: 2 }), fresh(1, { name: 'bias' }), fresh(1, { seed: -1 })];
    expect(new Set(values.map((value) => value.slice(0, 20).join())).size).to.equal(values.length);
    expect(fresh(1)).to.deep.equal(values[0]);
  });

  it('do not depend on what else the model has', () => {
    const options = { init: { truncatedNormal: 1 } };
    const [one, other] = [createScope(), createScope()];
    one.parameter('a', [5], options);
    one.within('b').parameter('c', [7], options);
    other.within('b').parameter('c', [7], options);
    const of = (scope: typeof one) => [...initialValues(scope.parameters.get('b.c')!, 3)];
    expect(of(one)).to.deep.equal(of(other));
  });

  it('fill all parameters by initializeParameters, with others each time where no seed is given', () => {
    const scope = createScope();
    scope.parameter('a', [5], { init: { truncatedNormal: 1 } });
    scope.parameter('b', [2], { init: { constant: 3 } });
    const fillAndRead = (seed?: number) => {
      initializeParameters(scope.parameters, seed);
      return [...scope.parameters.values()].map(({ variable }) => [...variable.dataSync()]);
    };
    const seeded = fillAndRead(1);
    expect(seeded).to.deep.equal([[...initialValues(scope.parameters.get('a')!, 1)], [3, 3]]);
    expect(fillAndRead(1)).to.deep.equal(seeded);
    expect(fillAndRead()).to.not.deep.equal(fillAndRead());
    for (const parameter of scope.parameters.values()) parameter.dispose();
  });

  it('hold nothing where one of them is too large for any memory, or the seed is none', async () => {
    const before = tf.memory().numTensors;
    const scope = createScope();
    scope.parameter('a', [5], { init: { constant: 1 } });
    scope.parameter('b', [2 ** 20, 2 ** 20], { init: { truncatedNormal: 1 } });
    const error = await failure(() => initializeParameters(scope.parameters, 1));
    expect(error).to.include({ code: 'E_LIMIT', path: 'b', got: `${2 ** 40} values` });
    expect(tf.memory().numTensors).to.equal(before);
    const small = createScope();
    small.parameter('a', [5], { init: { constant: 1 } });
    small.parameter('b', [5], { init: { truncatedNormal: 1 } });
    expect((await failure(() => initializeParameters(small.parameters, Number.NaN))).code).to.equal('E_ARGUMENT');
    expect(tf.memory().numTensors).to.equal(before);
  });
});
