import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../src/backend/gradients.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { gradientAsked, runOp } from '../../src/ops/op.js';
import { fakeKernel, tensorsLeft, withKernel } from './helpers.js';

const NAME = 'TestTwice';

/** 2x, by a kernel where there is one. */
const twice = (x: tf.Tensor): tf.Tensor => runOp(NAME, { x }, { factor: 2 }, () => tf.add(tf.add(x, 0), x));

describe('runOp', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('runs the composed form where the active backend has no such kernel', () => {
    const { calls, kernelFunc } = fakeKernel(7);
    tf.registerKernel({ kernelName: NAME, backendName: 'another', kernelFunc });
    try {
      expect([...twice(tf.tensor1d([1, 5])).dataSync()]).to.deep.equal([2, 10]);
    } finally {
      tf.unregisterKernel(NAME, 'another');
    }
    expect(calls).to.have.length(0);
  });

  it('runs the kernel where it has, with the inputs and attributes', () => {
    const x = tf.tensor1d([1, 5]);
    const { calls, kernelFunc } = fakeKernel(7);
    const y = withKernel(NAME, kernelFunc, () => twice(x));
    expect([...y.dataSync()]).to.deep.equal([7, 7]);
    expect(calls).to.have.length(1);
    expect(calls[0].inputs.x).to.equal(x);
    expect(calls[0].attrs).to.deep.equal({ factor: 2 });
  });

  it('runs the composed form where the kernel declines, and leaves nothing behind', () => {
    const x = tf.tensor1d([1, 5]);
    let declined = 0;
    const kernelFunc = () => {
      declined++;
      return [];
    };
    withKernel(NAME, kernelFunc, () => {
      expect([...twice(x).dataSync()]).to.deep.equal([2, 10]);
      expect(tensorsLeft(() => twice(x))).to.equal(0);
    });
    expect(declined).to.equal(2);
  });

  it('runs the composed form while a gradient is asked for, and the kernel again on the way back and afterwards', () => {
    const { calls, kernelFunc } = fakeKernel(7);
    withKernel(NAME, kernelFunc, () => {
      expect([
        ...tf
          .grad(twice)(tf.tensor1d([1, 5]))
          .dataSync(),
      ]).to.deep.equal([2, 2]);
      expect(calls).to.have.length(0);

      const own = tf.customGrad((x) => ({ value: twice(x as tf.Tensor), gradFunc: (dy) => twice(dy) }));
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => own(x))(tf.tensor1d([1, 5]));
      expect([...value.dataSync(), ...grad.dataSync()]).to.deep.equal([7, 7, 7, 7]);
      expect(calls).to.have.length(2);

      twice(tf.scalar(1));
      expect(calls).to.have.length(3);
    });
  });

  it('keeps the result alone, and nothing when the composed form throws', () => {
    const x = tf.scalar(1);
    expect(tensorsLeft(() => twice(x))).to.equal(0);
    const fail = () => {
      tf.add(x, 1);
      throw new Error('a fault');
    };
    expect(tensorsLeft(() => expect(() => runOp(NAME, { x }, {}, fail)).to.throw('a fault') && [])).to.equal(0);
  });
});

describe('gradientAsked', () => {
  before(() => useBackend('cpu'));

  it('is true inside what tfjs differentiates, and not within its custom gradients or outside', () => {
    const asked: boolean[] = [gradientAsked()];
    tf.tidy(() => {
      const own = tf.customGrad((x) => {
        asked.push(gradientAsked());
        const gradFunc = (dy: tf.Tensor) => {
          asked.push(gradientAsked());
          return tf.clone(dy);
        };
        return { value: tf.clone(x as tf.Tensor), gradFunc };
      });
      tf.grad((x: tf.Tensor) => {
        asked.push(gradientAsked());
        return own(x);
      })(tf.scalar(1));
    });
    expect(asked).to.deep.equal([false, true, false, false]);
  });
});
