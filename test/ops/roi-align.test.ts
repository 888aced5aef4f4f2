import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { roiAlign } from '../../src/ops/roi-align.js';

const OPTIONS = { outputSize: [1, 1], scale: 1, samplingRatio: 1, centres: 'half-pixel' } as const;

describe('RoIAlign', () => {
  before(() => useBackend('cpu'));

  // columns 0 1 2 3 of two channels, the second ten times the first
  const ramp = () =>
    tf.tensor4d(
      [0, 1, 2, 3].flatMap((v) => [v, 10 * v]),
      [1, 1, 4, 2],
    );
  const pool = (rois: number[][], options = {}) =>
    tf.tidy(() => [...roiAlign(ramp(), tf.tensor2d(rois, [rois.length, 5]), { ...OPTIONS, ...options }).dataSync()]);

  it('reads the map between its cells', () => {
    // the middle of 1 to 3 is 2, which is cell 1.5 counted from the cells' centres
    expect(pool([[0, 1, 0, 3, 1]])).to.deep.equal([1.5, 15]);
    expect(pool([[0, 1, 0, 3, 1]], { centres: 'whole' })).to.deep.equal([2, 20]);
  });

  it('averages its samples', () => {
    // at cells 0.25, 0.75, 1.25, 1.75 less half a cell: -0.25 is held at 0
    expect(pool([[0, 0, 0, 2, 1]], { outputSize: [1, 2], samplingRatio: 2 })[0]).to.equal((0 + 0.25) / 2);
    expect(pool([[0, 0, 0, 4, 1]], { samplingRatio: 0 })[0]).to.equal(1.5);
  });

  it('gives 0 for what lies outside, and for no area', () => {
    expect(pool([[0, 50, 50, 60, 60]])).to.deep.equal([0, 0]);
    expect(pool([[0, 3, 0, 1, 1]], { samplingRatio: 0 })).to.deep.equal([0, 0]);
    expect(pool([])).to.deep.equal([]);
  });

  it('holds the outermost cells for a cell beyond them, and no farther', () => {
    // the middle of these boxes is a cell above the row, or a cell to the right of the last column
    expect(pool([[0, 1, -1, 3, 0]])).to.deep.equal([1.5, 15]);
    expect(pool([[0, 1, -1.25, 3, -0.25]])).to.deep.equal([0, 0]);
    expect(pool([[0, 4, 0, 5, 1]])).to.deep.equal([3, 30]);
    expect(pool([[0, 4.25, 0, 5.25, 1]])).to.deep.equal([0, 0]);
  });

  it('takes the picture that the box names, and frees what it makes', () => {
    const before = tf.memory().numTensors;
    const x = tf.tensor4d([1, 2, 3], [3, 1, 1, 1]);
    const rois = tf.tensor2d([
      [2, 0, 0, 1, 1],
      [0, 0, 0, 1, 1],
    ]);
    const pooled = roiAlign(x, rois, OPTIONS);
    expect([...pooled.dataSync()]).to.deep.equal([3, 1]);
    tf.dispose([x, rois, pooled]);
    expect(tf.memory().numTensors).to.equal(before);
  });
});
