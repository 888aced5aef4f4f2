import { expect } from 'chai';
import { surest } from '../../src/tasks/classification.js';

describe('classes from logits', () => {
  const config = { id2label: { 0: 'cat', 1: 'rocket', 2: 'cup' }, numLabels: 3 };
  const rounded = (...args: Parameters<typeof surest>) =>
    surest(...args).map(({ label, score }) => [label, Number(score.toFixed(6))]);

  it('are a softmax of all, the surest first', () => {
    // powers of e: 1, 3, 6; their sum is 10
    const logits = Float32Array.of(0, Math.log(3), Math.log(6));
    expect(rounded(logits, config, 5)).to.deep.equal([
      ['cup', 0.6],
      ['rocket', 0.3],
      ['cat', 0.1],
    ]);
    expect(rounded(logits, config, 1)).to.deep.equal([['cup', 0.6]]);
  });

  it('are a sigmoid of each where there can be several', () => {
    // 1 / (1 + 3), 1 / 2, 1 / (1 + 1 / 4)
    const logits = Float32Array.of(-Math.log(3), 0, Math.log(4));
    const several = { ...config, problemType: 'multi_label_classification' };
    expect(rounded(logits, several, 2)).to.deep.equal([
      ['cup', 0.8],
      ['rocket', 0.5],
    ]);
  });

  it('are a sigmoid of a single one', () => {
    expect(rounded(Float32Array.of(0), { id2label: { 0: 'cat' }, numLabels: 1 }, 5)).to.deep.equal([['cat', 0.5]]);
  });

  it('are a softmax for any other kind of problem', () => {
    const problemType = 'single_label_classification';
    expect(rounded(Float32Array.of(1, 1, 1, 1), { ...config, problemType }, 1)).to.deep.equal([['cat', 0.25]]);
  });

  it('keep their order where they are equally sure, and have a name where the config gives none', () => {
    expect(rounded(Float32Array.of(1, 1, 1, 1), { id2label: { 2: 'cup' }, numLabels: 4 }, 4)).to.deep.equal([
      ['LABEL_0', 0.25],
      ['LABEL_1', 0.25],
      ['cup', 0.25],
      ['LABEL_3', 0.25],
    ]);
  });

  it('do not overflow', () => {
    expect(rounded(Float32Array.of(1000, 0, -1000), config, 3)).to.deep.equal([
      ['cat', 1],
      ['rocket', 0],
      ['cup', 0],
    ]);
    const several = { ...config, problemType: 'multi_label_classification' };
    expect(rounded(Float32Array.of(1000, 0, -1000), several, 3).map(([, score]) => score)).to.deep.equal([1, 0.5, 0]);
  });
});
