import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { createScope, type DeclaredParameter } from '../../src/nn/scope.js';
import { AdamW, type AdamWOptions } from '../../src/train/adamw.js';
import { failure } from '../helpers.js';
import { expectClose, numbers } from '../ops/helpers.js';

const made: DeclaredParameter[] = [];

function parameter(values: readonly number[], name = 'weight'): DeclaredParameter {
  const scope = createScope();
  scope.parameter(name, [values.length], { init: { constant: 0 } });
  const declared = scope.parameters.get(name)!;
  declared.fill(Float32Array.from(values));
  made.push(declared);
  return declared;
}

/** sum(factor * p^2), whose gradient is 2 * factor * p. */
const squares = (p: DeclaredParameter, factor: tf.TensorLike = 1) =>
  tf.sum<tf.Scalar>(tf.mul(factor, tf.square(p.variable)));

/** PyTorch's single-tensor AdamW for one value, in float64. */
function createReference(betas: readonly [number, number], epsilon: number, weightDecay: number) {
  let [m, v, t] = [0, 0, 0];
  return (p: number, gradient: number, learningRate: number): number => {
    t++;
    m += (gradient - m) * (1 - betas[0]);
    v = v * betas[1] + gradient * gradient * (1 - betas[1]);
    const denominator = Math.sqrt(v) / Math.sqrt(1 - betas[1] ** t) + epsilon;
    return p * (1 - learningRate * weightDecay) - (learningRate / (1 - betas[0] ** t)) * (m / denominator);
  };
}

describe('AdamW', () => {
  before(() => useBackend('cpu'));
  afterEach(() => {
    for (const parameter of made.splice(0)) parameter.dispose();
  });

  it('takes these two steps', () => {
    const p = parameter([1]);
    const options = { learningRate: 0.3, betas: [0.5, 0.75], epsilon: 1, weightDecay: 0.5 } as const;
    const optimizer = new AdamW([{ parameters: [p] }], options);
    // the gradient is 2: m = 1, v = 1; m / 0.5 = 2, sqrt(v / 0.25) = 2: 1 * (1 - 0.15) - 0.3 * 2 / (2 + 1) = 0.65
    expect(optimizer.step(() => squares(p))).to.equal(1);
    expectClose(p.variable, 0.65, 1e-6);
    // 1.3: m = 0.5 + 0.65 = 1.15, v = 0.75 + 0.25 * 1.69 = 1.1725; divided by 1 - 0.25 and 1 - 0.5625
    expect(optimizer.step(() => squares(p))).to.be.closeTo(0.4225, 1e-6);
    expectClose(p.variable, 0.65 * 0.85 - (0.3 * (1.15 / 0.75)) / (Math.sqrt(1.1725 / 0.4375) + 1), 1e-6);
    optimizer.dispose();
  });

  it("has PyTorch's defaults", () => {
    for (const options of [undefined, {}, { learningRate: undefined, betas: undefined, weightDecay: undefined }]) {
      const p = parameter([1]);
      const optimizer = new AdamW([{ parameters: [p] }], options);
      expect(optimizer.learningRate).to.equal(0.001);
      const reference = createReference([0.9, 0.999], 1e-8, 0.01);
      // gradients so small, and so different, that epsilon and the decay rates show
      const factors = [1e-7, 1e-6];
      const wanted = factors.reduce((value, factor) => reference(value, 2 * factor * value, 0.001), 1);
      for (const factor of factors) optimizer.step(() => squares(p, factor));
      // the change counts, not the value: 0.002
      expect(p.variable.dataSync()[0] - 1).to.be.closeTo(wanted - 1, 3e-7);
      optimizer.dispose();
    }
  });

  it('decays each group by its own share, apart from the gradient, at the rate of the moment', () => {
    const values = numbers(6, 0.5);
    const [decayed, other] = [parameter(values, 'a'), parameter(values, 'b')];
    const options: AdamWOptions = { learningRate: 0.1, betas: [0.8, 0.95], epsilon: 1e-4, weightDecay: 0.3 };
    const optimizer = new AdamW([{ parameters: [decayed] }, { parameters: [other], weightDecay: 0 }], options);
    const factors = [1, 1e-4, 3, 0.01, 100, 0];
    const wanted = [0.3, 0].map((decay) => {
      const references = values.map(() => createReference([0.8, 0.95], 1e-4, decay));
      return [0.1, 0.1, 0.02, 0, 0.5].reduce(
        (p, rate) => p.map((value, i) => references[i](value, 2 * factors[i] * value, rate)),
        values,
      );
    });
    for (const rate of [0.1, 0.1, 0.02, 0, 0.5]) {
      optimizer.learningRate = rate;
      optimizer.step(() => tf.add(squares(decayed, factors), squares(other, factors)));
    }
    expectClose(decayed.variable, wanted[0], 2e-6);
    expectClose(other.variable, wanted[1], 2e-6);
    // without any gradient, the decay alone: each rate's 1 - rate * 0.3
    expect(decayed.variable.dataSync()[5] / values[5]).to.be.closeTo(0.97 * 0.97 * 0.994 * 0.85, 1e-6);
    expect(other.variable.dataSync()[5]).to.equal(values[5]);
    optimizer.dispose();
  });

  it('leaves alone what is frozen, what the loss does not use, and what it was not given', () => {
    const [trained, frozen, unused, foreign] = ['a', 'b', 'c', 'd'].map((name) => parameter([1], name));
    frozen.trainable = false;
    const optimizer = new AdamW([{ parameters: [trained, frozen, unused] }], { learningRate: 0.1 });
    optimizer.step(() => tf.addN([squares(trained), squares(frozen), squares(foreign)]) as tf.Scalar);
    expect([frozen, unused, foreign].map(({ variable }) => variable.dataSync()[0])).to.deep.equal([1, 1, 1]);
    expectClose(trained.variable, 0.899, 1e-6);
    optimizer.dispose();
  });

  it('counts the steps of each parameter: one unfrozen later starts with a first step', () => {
    const [early, late] = [parameter([1], 'a'), parameter([1], 'b')];
    late.trainable = false;
    const optimizer = new AdamW([{ parameters: [early, late] }], { learningRate: 0.1, weightDecay: 0 });
    const loss = () => tf.add(squares(early), squares(late)) as tf.Scalar;
    optimizer.step(loss);
    optimizer.step(loss);
    late.trainable = true;
    optimizer.step(loss);
    // a first step is as long as the learning rate, whatever the gradient
    expectClose(late.variable, 0.9, 1e-6);
    optimizer.dispose();
  });

  it('gives the loss before the step, even where that is a parameter itself', () => {
    const scope = createScope();
    scope.parameter('p', [], { init: { constant: 0 } });
    const p = scope.parameters.get('p')!;
    p.fill(Float32Array.of(3));
    made.push(p);
    const optimizer = new AdamW([{ parameters: scope.parameters.values() }], { learningRate: 1, weightDecay: 0 });
    expect(optimizer.step(() => p.variable as tf.Tensor as tf.Scalar)).to.equal(3);
    expectClose(p.variable, 2, 1e-6);
    optimizer.dispose();
  });

  it('learns a line', () => {
    const p = parameter([0, 0]);
    const x = tf.tensor2d([0, 1, 1, 1, 2, 1, 3, 1], [4, 2]);
    const y = tf.tensor1d([1, 3, 5, 7]);
    const optimizer = new AdamW([{ parameters: [p] }], { learningRate: 0.1, weightDecay: 0 });
    const loss = () => tf.mean<tf.Scalar>(tf.square(tf.sub(tf.dot(x, p.variable), y)));
    const losses = Array.from({ length: 300 }, () => optimizer.step(loss));
    expect(losses[0]).to.equal(21); // (1 + 9 + 25 + 49) / 4
    expectClose(p.variable, [2, 1], 0.02);
    optimizer.dispose();
    tf.dispose([x, y]);
  });

  it('holds two moments for each trained parameter, from its first step to its disposal', () => {
    const [a, b] = [parameter([1, 2, 3], 'a'), parameter([4], 'b')];
    b.trainable = false;
    const before = tf.memory();
    const optimizer = new AdamW([{ parameters: [a, b] }]);
    expect(tf.memory().numTensors).to.equal(before.numTensors);
    const loss = () => tf.add(squares(a), squares(b)) as tf.Scalar;
    for (let i = 0; i < 3; i++) optimizer.step(loss);
    expect(tf.memory().numTensors - before.numTensors).to.equal(2);
    expect(tf.memory().numBytes - before.numBytes).to.equal(2 * 3 * 4);
    optimizer.dispose();
    optimizer.dispose();
    expect(tf.memory().numTensors).to.equal(before.numTensors);
    expect(a.variable.isDisposed).to.equal(false);

    // begun again, it has forgotten: a first step of the default rate
    const [value] = a.variable.dataSync();
    optimizer.step(loss);
    expect(a.variable.dataSync()[0]).to.be.closeTo(value * (1 - 1e-5) - 1e-3, 1e-6);
    optimizer.dispose();
    expect(tf.memory().numBytes).to.equal(before.numBytes);
  });

  it('leaves the parameters and nothing more where the loss throws, is no scalar, or uses none of them', async () => {
    const p = parameter([1, 2]);
    const optimizer = new AdamW([{ parameters: [p] }]);
    const before = tf.memory().numTensors;
    const fault = () => {
      squares(p);
      throw new RangeError('a fault');
    };
    expect(() => optimizer.step(fault)).to.throw(RangeError, 'a fault');
    expect(await failure(() => optimizer.step(() => tf.square(p.variable) as unknown as tf.Scalar))).to.include({
      code: 'E_ARGUMENT',
      path: 'loss',
      wanted: 'a scalar',
      got: '[2]',
    });
    expect(await failure(() => optimizer.step(() => tf.scalar(1)))).to.include({ code: 'E_ARGUMENT', path: 'loss' });
    p.trainable = false;
    expect(await failure(() => optimizer.step(() => squares(p)))).to.include({
      code: 'E_ARGUMENT',
      wanted: 'a trainable parameter',
    });
    expect(tf.memory().numTensors).to.equal(before);
    expect([...p.variable.dataSync()]).to.deep.equal([1, 2]);
    p.dispose();
    p.trainable = true;
    expect(await failure(() => optimizer.step(() => squares(p)))).to.include({ code: 'E_DISPOSED' });
  });

  it("refuses unknown options, and knows torch's names", async () => {
    for (const [name, suggestion] of [
      ['lr', 'did you mean "learningRate"?'],
      ['eps', 'did you mean "epsilon"?'],
      ['weight_decay', 'did you mean "weightDecay"?'],
    ]) {
      const error = await failure(() => new AdamW([], { [name]: 0.1 } as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: name, suggestion });
    }
    const group = { parameters: [], weight_decay: 0 };
    expect(await failure(() => new AdamW([group]))).to.include({ code: 'E_ARGUMENT', path: 'weight_decay' });
  });

  it('refuses numbers out of range', async () => {
    const wrong: readonly (readonly [AdamWOptions, string])[] = [
      [{ learningRate: -1 }, 'learningRate'],
      [{ learningRate: Number.NaN }, 'learningRate'],
      [{ learningRate: Infinity }, 'learningRate'],
      [{ betas: [1, 0.9] }, 'betas'],
      [{ betas: [0.9, -0.1] }, 'betas'],
      [{ betas: [0.9, Number.NaN] }, 'betas'],
      [{ betas: [0.9] as unknown as [number, number] }, 'betas'],
      [{ epsilon: -1e-8 }, 'epsilon'],
      [{ weightDecay: -0.1 }, 'weightDecay'],
    ];
    const p = parameter([1]);
    for (const [options, path] of wrong) {
      const error = await failure(() => new AdamW([{ parameters: [p] }], options));
      expect(error).to.include({ code: 'E_ARGUMENT', path });
    }
    const group = { parameters: [p], weightDecay: Number.NaN };
    expect(await failure(() => new AdamW([group]))).to.include({ path: 'weightDecay', got: 'NaN' });
    const optimizer = new AdamW([{ parameters: [p] }], { betas: [0, 0], epsilon: 0, learningRate: 0, weightDecay: 0 });
    const set = () => {
      optimizer.learningRate = Number.NaN;
    };
    expect(await failure(set)).to.include({ code: 'E_ARGUMENT', path: 'learningRate' });
    expect(optimizer.learningRate).to.equal(0);
  });

  it('refuses what is no parameter, as the entries of a map', async () => {
    const p = parameter([1], 'head.weight');
    for (const parameters of [new Map([['head.weight', p]]), [undefined], [p.variable]]) {
      const error = await failure(() => new AdamW([{ parameters: parameters as never }]));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'parameters' });
    }
  });

  it('refuses a loss that is no tensor', async () => {
    const optimizer = new AdamW([{ parameters: [parameter([1])] }]);
    for (const [value, got] of [
      [5, '5'],
      [undefined, 'undefined'],
      [[tf.scalar(1)], undefined],
    ]) {
      const error = await failure(() => optimizer.step(() => value as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'loss', wanted: 'a scalar', ...(got && { got }) });
    }
    optimizer.dispose();
  });

  it('refuses a parameter in two groups', async () => {
    const p = parameter([1], 'head.weight');
    const error = await failure(() => new AdamW([{ parameters: [p] }, { parameters: [p], weightDecay: 0 }]));
    expect(error).to.include({ code: 'E_ARGUMENT', path: 'head.weight' });
  });
});
