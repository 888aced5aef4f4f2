import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { inspectModel } from '../../src/tasks/inspect.js';
import { failure, golden, openFiles } from '../helpers.js';
import '../../src/index.js';

describe('inspectModel', () => {
  it('counts the published arithmetic, and allocates nothing', async () => {
    const before = tf.memory().numTensors;
    const { stages, parameters, flops } = await inspectModel('convnextv2-tiny', { height: 224, width: 224 });
    expect(tf.memory().numTensors).to.equal(before);
    expect(
      stages.map(({ name, channels, stride, height, width }) => [name, channels, stride, height, width]),
    ).to.deep.equal([
      ['stem', 96, 4, 56, 56],
      ['stage1', 96, 4, 56, 56],
      ['stage2', 192, 8, 28, 28],
      ['stage3', 384, 16, 14, 14],
      ['stage4', 768, 32, 7, 7],
    ]);
    // stem: 4 * 4 * 3 * 96 weights at 56 * 56 places, two operations each
    expect(stages[0].flops).to.equal(2 * 4 * 4 * 3 * 96 * 56 * 56);
    // a block of stage 1: 49 * 96 + 2 * 4 * 96 * 96 weights; three of them
    expect(stages[1].flops).to.equal(2 * 3 * (49 * 96 + 8 * 96 * 96) * 56 * 56);
    // 4.47 G multiply-adds, as table 1 of the paper has it
    expect(flops / 2e9).to.be.closeTo(4.46, 0.01);
    // the published 28,635,496 without the last norm (2 * 768) and the classifier (768 * 1000 + 1000)
    expect(parameters).to.equal(28_635_496 - 2 * 768 - 769_000);
  });

  it('follows the size, odd and not square', async () => {
    const { stages } = await inspectModel('convnext-tiny', { height: 101, width: 67 });
    expect(stages.map(({ height, width }) => [height, width])).to.deep.equal([
      [25, 16],
      [25, 16],
      [12, 8],
      [6, 4],
      [3, 2],
    ]);
    expect((await failure(() => inspectModel('convnext-tiny', { height: 31, width: 67 }))).code).to.equal('E_SHAPE');
  });

  it('says what a checkpoint holds', async () => {
    const { checkpoint, modelType } = await inspectModel(golden('model-gelu'), { height: 64, width: 64 });
    expect(modelType).to.equal('convnextv2');
    expect(checkpoint).to.deep.include({ dtypes: ['F32'] });
    expect(checkpoint!.path).to.contain('model.safetensors');
    expect(checkpoint!.tensors).to.be.above(50);
    expect(await openFiles(golden('model-gelu'))).to.equal(0);
  });
});
