import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { ACTIVATIONS, type ActivationName } from '../../src/ops/activation.js';
import { gelu, geluNew } from '../../src/ops/gelu.js';
import { expectClose, numbers, slopes } from './helpers.js';

/** Klambauer et al. 2017, to 16 digits. */
const [SCALE, ALPHA] = [1.0507009873554805, 1.6732632423543772];

const FORMULAS: Readonly<Record<'relu' | 'selu', (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  selu: (x) => SCALE * (x > 0 ? x : ALPHA * Math.expm1(x)),
};

describe('ACTIVATIONS', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it("are the reference's four", () => {
    const names: readonly ActivationName[] = ['gelu', 'relu', 'selu', 'gelu_new'];
    expect(Object.keys(ACTIVATIONS)).to.deep.equal(names);
    expect([ACTIVATIONS.gelu, ACTIVATIONS.gelu_new]).to.deep.equal([gelu, geluNew]);
  });

  it('give relu and selu by hand', () => {
    expect([...ACTIVATIONS.relu(tf.tensor1d([-2, 0, 3])).dataSync()]).to.deep.equal([0, 0, 3]);
    // 1.0507009873554805 * 1.6732632423543772 * (1 / e - 1) = -1.1113307378125625
    expectClose(ACTIVATIONS.selu(tf.tensor1d([-1, 0, 1])), [-1.1113307378125625, 0, SCALE], 1e-7);
  });

  for (const name of ['relu', 'selu'] as const) {
    const formula = (x: readonly number[]) => x.map(FORMULAS[name]);

    it(`give ${name} and its gradient over a range`, () => {
      const [x, dy] = [numbers(105, 0.3), numbers(105, 1)];
      expectClose(ACTIVATIONS[name](tf.tensor4d(x, [3, 1, 5, 7])), formula(x), 2e-7);
      const got = tf.grad((x: tf.Tensor) => ACTIVATIONS[name](x))(tf.tensor1d(x), tf.tensor1d(dy));
      expectClose(got, slopes(formula, x, dy), 1e-6);
    });

    it(`keep NaN in ${name}`, () => {
      expect(ACTIVATIONS[name](tf.tensor1d([Number.NaN])).dataSync()[0]).to.be.NaN;
    });
  }

  it("have PyTorch's derivative at 0", () => {
    const slopeAt0 = (name: ActivationName) => tf.grad((x: tf.Tensor) => ACTIVATIONS[name](x))(tf.scalar(0));
    expectClose(slopeAt0('relu'), 0, 1e-7);
    expectClose(slopeAt0('selu'), SCALE * ALPHA, 1e-7);
    expectClose(slopeAt0('gelu'), 0.5, 1e-7);
    expectClose(slopeAt0('gelu_new'), 0.5, 1e-7);
  });
});
