import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { checkPixels, inLayout } from '../../src/nn/layout.js';
import { failure } from '../helpers.js';
import { tensorsLeft } from '../ops/helpers.js';

const NHWC = { layout: 'NHWC', channels: 3, smallest: 4 } as const;
const NCHW = { ...NHWC, layout: 'NCHW' } as const;

describe('checkPixels', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('gives NHWC float32 as it is, in a tensor of its own', () => {
    const pixels = tf.randomUniform<tf.Rank.R4>([2, 4, 5, 3]);
    const checked = checkPixels(pixels, NHWC);
    expect(checked.shape).to.deep.equal([2, 4, 5, 3]);
    expect(checked.dataSync()).to.deep.equal(pixels.dataSync());
    expect(checked).to.not.equal(pixels);
    checked.dispose();
    expect(pixels.isDisposed).to.equal(false);
  });

  it('turns NCHW', () => {
    // channel c, row y, column x at c * 20 + y * 5 + x; NHWC goes over y, x, c
    const pixels = tf.reshape(tf.range(0, 60), [1, 3, 4, 5]);
    const checked = checkPixels(pixels, NCHW);
    expect(checked.shape).to.deep.equal([1, 4, 5, 3]);
    expect([...checked.dataSync()].slice(0, 6)).to.deep.equal([0, 20, 40, 1, 21, 41]);
    expect([...checked.dataSync()].slice(15, 18)).to.deep.equal([5, 25, 45]);
  });

  it('takes whole numbers', () => {
    const checked = checkPixels(tf.fill([1, 4, 4, 3], 255, 'int32'), NHWC);
    expect(checked.dtype).to.equal('float32');
    expect(checked.dataSync()[0]).to.equal(255);
  });

  it('leaves nothing behind but its result', () => {
    const pixels = tf.zeros([1, 3, 4, 5], 'int32');
    expect(tensorsLeft(() => checkPixels(pixels, NCHW))).to.equal(0);
  });

  const fail = (make: () => unknown, wanted: typeof NHWC | typeof NCHW = NHWC) =>
    failure(() => checkPixels(make() as tf.Tensor, wanted));

  it('names both numbers of channels', async () => {
    expect(await fail(() => tf.zeros([1, 8, 9, 1]))).to.include({
      code: 'E_SHAPE',
      message:
        "E_SHAPE: pixels: wanted 3 channels, as the config's num_channels says, got 1 channels in a tensor [1, 8, 9, 1]",
      suggestion: undefined,
    });
    const error = await fail(() => tf.zeros([1, 5, 8, 9]), NCHW);
    expect(error.got).to.equal('5 channels in a tensor [1, 5, 8, 9]');
  });

  it('asks whether the other layout was meant', async () => {
    const { code, suggestion } = await fail(() => tf.zeros([1, 3, 8, 9]));
    expect(code).to.equal('E_SHAPE');
    expect(suggestion).to.equal('the layout is NHWC, [n, height, width, channels]: was the other one meant?');
    const other = await fail(() => tf.zeros([1, 8, 9, 3]), NCHW);
    expect(other.suggestion).to.equal('the layout is NCHW, [n, channels, height, width]: was the other one meant?');
  });

  it('refuses another rank, and no pictures', async () => {
    expect(await fail(() => tf.zeros([8, 9, 3]))).to.include({
      code: 'E_SHAPE',
      wanted: 'a tensor [n, height, width, channels]',
      got: 'rank 3, [8, 9, 3]',
    });
    expect(await fail(() => tf.zeros([1, 1, 8, 9, 3]), NCHW)).to.include({
      code: 'E_SHAPE',
      wanted: 'a tensor [n, channels, height, width]',
      got: 'rank 5, [1, 1, 8, 9, 3]',
    });
    expect(await fail(() => tf.zeros([0, 8, 9, 3]))).to.include({ code: 'E_SHAPE', wanted: 'at least one picture' });
  });

  it('refuses a side that is too small', async () => {
    const wanted = { code: 'E_SHAPE', wanted: 'at least 4 x 4 pixels' };
    expect(await fail(() => tf.zeros([1, 3, 9, 3]))).to.include({ ...wanted, got: '3 x 9' });
    expect(await fail(() => tf.zeros([1, 9, 3, 3]))).to.include({ ...wanted, got: '9 x 3' });
    expect(await fail(() => tf.zeros([1, 3, 9, 3]), NCHW)).to.include({ ...wanted, got: '9 x 3' });
    expect(await fail(() => tf.zeros([1, 0, 0, 3]))).to.include({ ...wanted, got: '0 x 0' });
  });

  it('refuses what is no tensor of numbers', async () => {
    for (const [pixels, got] of [
      [undefined, 'undefined'],
      [null, 'null'],
      ['cat.jpg', '"cat.jpg"'],
      [[[1, 2]], '[[1,2]]'],
    ]) {
      expect(await fail(() => pixels)).to.include({
        code: 'E_ARGUMENT',
        path: 'pixels',
        wanted: 'a tensor [n, height, width, channels]',
        got,
      });
    }
    const zeros = () => tf.zeros([1, 4, 4, 3]);
    for (const make of [
      () => tf.cast(zeros(), 'bool'),
      () => tf.fill([1, 4, 4, 3], 'a', 'string'),
      () => tf.complex(zeros(), zeros()),
    ]) {
      expect(await fail(make)).to.include({
        code: 'E_ARGUMENT',
        wanted: 'a tensor of numbers',
        got: `dtype ${make().dtype}`,
      });
    }
  });

  it('refuses a tensor that is gone', async () => {
    const pixels = tf.zeros([1, 4, 4, 3]);
    pixels.dispose();
    expect(await fail(() => pixels)).to.include({ code: 'E_DISPOSED', path: 'pixels' });
  });

  it('leaves nothing behind when it refuses', () => {
    for (const shape of [
      [4, 4, 3],
      [1, 4, 4, 1],
      [1, 1, 4, 3],
      [0, 4, 4, 3],
    ]) {
      const pixels = tf.zeros(shape);
      expect(tensorsLeft(() => expect(() => checkPixels(pixels, NHWC)).to.throw('E_SHAPE') && [])).to.equal(0);
    }
  });
});

describe('inLayout', () => {
  before(() => useBackend('cpu'));

  it('gives NHWC as it is and turns NCHW', () => {
    tf.tidy(() => {
      const map = tf.reshape<tf.Rank.R4>(tf.range(0, 12), [1, 2, 3, 2]);
      expect(inLayout(map, 'NHWC')).to.equal(map);
      const turned = inLayout(map, 'NCHW');
      expect(turned.shape).to.deep.equal([1, 2, 2, 3]);
      expect([...turned.dataSync()]).to.deep.equal([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    });
  });
});
