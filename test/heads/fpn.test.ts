import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type ExtraLevels, featurePyramid } from '../../heads/fpn/index.js';
import { useBackend } from '../../src/index.js';
import { createScope, initializeParameters } from '../../src/nn/scope.js';
import { failure } from '../helpers.js';

const SPECS = [
  { name: 'a', channels: 1, stride: 4 },
  { name: 'b', channels: 2, stride: 8 },
];

/** A pyramid of one channel whose weights are 0 but for the middles of its kernels; `middles` are these. */
function pyramid(extra: ExtraLevels, middles: Readonly<Record<string, number>>, activation?: 'relu' | 'linear') {
  const scope = createScope();
  const made = featurePyramid(scope, SPECS, { channels: 1, extra, activation });
  initializeParameters(scope.parameters, 1);
  for (const [name, { variable, shape }] of scope.parameters) {
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
    const side = shape[2] ?? 1;
    const own = middles[name.replace(/\.(weight|bias)$/, '')] ?? 1;
    // [h, w, in, out] of one channel out: the middle cell of each channel in
    if (name.endsWith('weight'))
      for (let c = 0; c < shape[1]; c++) values[((side * side - 1) / 2) * shape[1] + c] = own;
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  const run = () =>
    tf.tidy(() => {
      const maps = [tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]), tf.tensor4d([10, 20, 30, 40], [1, 1, 2, 2])];
      return made.forward(maps).map((level) => [...level.dataSync()]);
    });
  const dispose = () => {
    for (const parameter of scope.parameters.values()) parameter.dispose();
  };
  return { levels: made.levels, run, dispose };
}

describe('the pyramid', () => {
  before(() => useBackend('cpu'));

  it('adds each coarser level to the finer by its nearest cells, at odd sizes too', () => {
    const { levels, run, dispose } = pyramid('none', {});
    // the coarse level sums its channels: 30, 70; columns 0 and 1 of three are nearest to its first, 2 to its second
    expect(run()).to.deep.equal([
      [31, 32, 73, 34, 35, 76],
      [30, 70],
    ]);
    expect(levels.map(({ name, stride }) => [name, stride])).to.deep.equal([
      ['0', 4],
      ['1', 8],
    ]);
    dispose();
  });

  it('takes every second cell for the extra level of two-stage detectors', () => {
    const { levels, run, dispose } = pyramid('max-pool', {});
    expect(run()[2]).to.deep.equal([30]);
    expect(levels.at(-1)).to.deep.equal({ name: 'pool', channels: 1, stride: 16 });
    dispose();
  });

  it('makes P6 of the last map or its level, and P7 of P6 after a ReLU or as it is', () => {
    const p7 = (extra: ExtraLevels, activation?: 'relu' | 'linear') => {
      const { levels, run, dispose } = pyramid(extra, { 'extra_blocks.p6': -1, 'layer_blocks.1.0': 2 }, activation);
      expect(levels.slice(-2).map(({ name, stride }) => [name, stride])).to.deep.equal([
        ['p6', 16],
        ['p7', 32],
      ]);
      const found = run().slice(-2);
      dispose();
      return found;
    };
    // stride 2 from the first cell on: -(10 + 20) of C5, -2 * 30 of P5
    expect(p7('p6p7-from-c5')).to.deep.equal([[-30], [0]]);
    expect(p7('p6p7-from-c5', 'linear')).to.deep.equal([[-30], [-30]]);
    expect(p7('p6p7-from-p5', 'relu')).to.deep.equal([[-60], [0]]);
    expect(p7('p6p7-from-p5', 'linear')).to.deep.equal([[-60], [-60]]);
  });

  it('refuses a backbone that gives nothing', async () => {
    const make = () => featurePyramid(createScope(), [], { channels: 1, extra: 'none' });
    expect((await failure(make)).code).to.equal('E_ARGUMENT');
  });
});
