import { expect } from 'chai';
import { BACKGROUND, IGNORED, matchBoxes, matchQualities } from '../../src/boxes/matcher.js';
import { sampleBalanced } from '../../src/boxes/sampler.js';
import { createRandom } from '../../src/nn/random.js';

describe('matcher', () => {
  // two truths, four boxes
  const quality = Float32Array.of(0.8, 0.5, 0.1, 0.2, 0.3, 0.6, 0.1, 0.25);
  const thresholds = { high: 0.7, low: 0.3 } as const;

  it('gives each box its best truth, background or neither', () => {
    expect([...matchQualities(quality, 2, 4, { ...thresholds, rescue: 'none' })]).to.deep.equal([
      0,
      IGNORED,
      BACKGROUND,
      BACKGROUND,
    ]);
  });

  it('gives a box that two truths tie for to the first', () => {
    expect([...matchQualities(Float32Array.of(0.8, 0.8), 2, 1, { ...thresholds, rescue: 'none' })]).to.deep.equal([0]);
  });

  it('rescues the best box of each truth, with all that tie', () => {
    expect([...matchQualities(quality, 2, 4, { ...thresholds, rescue: 'best' })]).to.deep.equal([
      0,
      1,
      BACKGROUND,
      BACKGROUND,
    ]);
    // the second truth's best box overlaps the first more: it keeps the first
    const tied = Float32Array.of(0.6, 0.1, 0.5, 0.5);
    expect([...matchQualities(tied, 2, 2, { ...thresholds, rescue: 'best' })]).to.deep.equal([0, 1]);
  });

  it('takes an overlap at a threshold, in float32, as reaching it', () => {
    expect([...matchQualities(Float32Array.of(0.7, 0.3), 1, 2, { ...thresholds, rescue: 'none' })]).to.deep.equal([
      0,
      IGNORED,
    ]);
  });

  it('finds all background where there is no truth', () => {
    const boxes = Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3);
    expect([...matchBoxes(new Float32Array(), boxes, { ...thresholds, rescue: 'best' })]).to.deep.equal([-1, -1]);
    expect(matchBoxes(boxes, new Float32Array(), { ...thresholds, rescue: 'best' }).length).to.equal(0);
  });
});

describe('sampler', () => {
  const labels = [1, 0, -1, 2, 0, 0, 3, -1, 0];
  const draw = (count: number, seed = 1) =>
    sampleBalanced(labels, { count, positiveShare: 0.5, random: createRandom(seed) });

  it('takes all where that is no more than is wanted, and never what is left out', () => {
    expect(draw(100)).to.deep.equal({ positives: [0, 3, 6], negatives: [1, 4, 5, 8] });
  });

  it('takes at most the share of positives, and fills up with negatives', () => {
    const { positives, negatives } = draw(4);
    expect([positives.length, negatives.length]).to.deep.equal([2, 2]);
    expect(new Set([...positives, ...negatives]).size).to.equal(4);
    expect(
      sampleBalanced([0, 0, 0, 1], { count: 4, positiveShare: 0.5, random: Math.random }).negatives.length,
    ).to.equal(3);
  });

  it('draws the same with the same seed, and others with others', () => {
    expect(draw(4)).to.deep.equal(draw(4));
    const drawn = new Set(Array.from({ length: 20 }, (_, seed) => JSON.stringify(draw(4, seed))));
    expect(drawn.size).to.be.above(5);
  });
});
