import { expect } from 'chai';
import { anySeed, createNormal, createRandom, type Random } from '../../src/nn/random.js';
import { failure } from '../helpers.js';

const first = (random: Random, count: number) => Array.from({ length: count }, random);

describe('createRandom', () => {
  it('gives these numbers, which seeded models depend on', () => {
    const first5 = (seed: number, name?: string) => first(createRandom(seed, name), 5).map((value) => value * 2 ** 32);
    expect(first5(0)).to.deep.equal([609994695, 3002680967, 3326627503, 2979034333, 501143742]);
    const weight = [2670667236, 660773844, 614411785, 1984020166, 313818095];
    expect(first5(42, 'classifier.weight')).to.deep.equal(weight);
  });

  it('tells seeds, great and negative ones too, and names apart', () => {
    const all = [0, 1, -1, 42, 2 ** 32 + 42, 2 ** 32 - 1].flatMap((seed) =>
      ['', 'a', 'b', 'ab', 'ba'].map((name) => first(createRandom(seed, name), 3).join()),
    );
    expect(new Set(all).size).to.equal(all.length);
  });

  it('refuses seeds that are no whole numbers, of which many would be one', async () => {
    for (const seed of [0.5, Number.NaN, Infinity, 2 ** 53, '1' as never]) {
      expect(await failure(() => createRandom(seed))).to.include({ code: 'E_ARGUMENT', path: 'seed' });
    }
  });

  it('spreads evenly over [0, 1)', () => {
    const bins = new Array<number>(10).fill(0);
    for (const value of first(createRandom(3), 100_000)) bins[Math.floor(value * 10)]++;
    // chi-squared with 9 degrees of freedom exceeds 27.9 once in a thousand
    expect(bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).to.be.below(27.9);
    expect(bins).to.have.length(10);
  });

  it('has no relation between neighbouring seeds', () => {
    const pairs = Array.from({ length: 10_000 }, (_, seed) => [createRandom(seed)(), createRandom(seed + 1)()]);
    const correlation = pairs.reduce((sum, [a, b]) => sum + (a - 0.5) * (b - 0.5), 0) / pairs.length / (1 / 12);
    // its deviation: 1 / sqrt(10000)
    expect(correlation).to.be.closeTo(0, 0.04);
  });
});

describe('createNormal', () => {
  it('gives these numbers, which seeded models depend on', () => {
    const wanted = [
      0.3991656166847418, 0.2172048575449413, -0.9229109260458127, -0.5028430904658076, 0.24036302026161263,
    ];
    for (const [i, value] of first(createNormal(createRandom(7), 0.5), 5).entries()) {
      expect(value).to.be.closeTo(wanted[i], 1e-12);
    }
  });

  it('draws from the normal distribution of this deviation', () => {
    const values = first(createNormal(createRandom(1), 3), 100_000);
    const share = (bound: number) => values.filter((value) => Math.abs(value) < 3 * bound).length / values.length;
    // 4 deviations of the mean, 3 / sqrt(100000), and of the shares, at most 0.5 / sqrt(100000)
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).to.be.closeTo(0, 0.038);
    expect(share(1)).to.be.closeTo(0.6827, 0.0064);
    expect(share(2)).to.be.closeTo(0.9545, 0.0064);
    expect(share(3)).to.be.closeTo(0.9973, 0.0064);
    expect(values.filter((value) => value < 0).length / values.length).to.be.closeTo(0.5, 0.0064);
    // neighbours, which come in pairs, have nothing to do with each other
    const products = values.slice(1).map((value, i) => (value * values[i]) / 9);
    expect(products.reduce((sum, value) => sum + value, 0) / products.length).to.be.closeTo(0, 0.013);
  });
});

it('anySeed gives whole numbers below 2^32, others each time', () => {
  const seeds = Array.from({ length: 20 }, anySeed);
  expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)).to.equal(true);
  expect(new Set(seeds).size).to.be.above(18);
});
