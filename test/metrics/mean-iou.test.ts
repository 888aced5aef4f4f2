import { expect } from 'chai';
import { createMeanIoU } from '../../src/metrics/mean-iou.js';
import { failure } from '../helpers.js';

describe('mean IoU', () => {
  it('adds up areas over pictures, then divides', () => {
    const metric = createMeanIoU({ numClasses: 3 });
    metric.add([0, 0, 1, 1], [0, 1, 1, 255]);
    metric.add([1], [1]);
    const { classes, mIoU, aAcc, mAcc, mDice } = metric.scores();
    // class 0: found 2, is 1, both 1; class 1: found 2 of those that count, is 3, both 2; class 2 nowhere
    expect(classes.slice(0, 2).map(({ intersection, union }) => [intersection, union])).to.deep.equal([
      [1, 2],
      [2, 3],
    ]);
    expect([classes[2].iou, classes[2].accuracy]).to.deep.equal([Number.NaN, Number.NaN]);
    expect(mIoU).to.be.closeTo((1 / 2 + 2 / 3) / 2, 1e-12);
    expect(aAcc).to.be.closeTo(3 / 4, 1e-12);
    expect(mAcc).to.be.closeTo((1 + 2 / 3) / 2, 1e-12);
    expect(mDice).to.be.closeTo((2 / 3 + 4 / 5) / 2, 1e-12);
  });

  it('reduces labels: 0 and 255 are nothing, others one too high', () => {
    const metric = createMeanIoU({ numClasses: 2, reduceLabels: true });
    metric.add([0, 0, 1, 1], [0, 1, 2, 255]);
    expect(metric.scores()).to.include({ mIoU: 1, aAcc: 1 });
  });

  it('refuses a label that is no class, and lists of two lengths', async () => {
    const metric = createMeanIoU({ numClasses: 2 });
    expect((await failure(() => metric.add([0, 0], [0, 2]))).message).to.match(/wanted 0 to 1, or 255, got 2 at 1/);
    expect((await failure(() => metric.add([0], [0, 1]))).code).to.equal('E_SHAPE');
    expect((await failure(() => createMeanIoU({ numClasses: 0 }))).code).to.equal('E_ARGUMENT');
    const reduced = createMeanIoU({ numClasses: 2, reduceLabels: true });
    expect((await failure(() => reduced.add([0], [3]))).message).to.match(
      /0 for nothing, or 1 to 2, or 255, got 3 at 0/,
    );
  });

  it('refuses unknown options', async () => {
    const error = await failure(() => createMeanIoU({ numClasses: 2, ignore_index: 0 } as never));
    expect(error).to.include({ code: 'E_ARGUMENT', suggestion: 'did you mean "ignoreIndex"?' });
  });

  it('is NaN of no picture', () => {
    expect(createMeanIoU({ numClasses: 2 }).scores().mIoU).to.be.NaN;
  });
});
