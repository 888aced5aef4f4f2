import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { useBackend } from '../src/backend/use-backend.js';
import { compare } from './golden-runner/compare.js';
import { runCase } from './golden-runner/run-case.js';

const FOLDER = 'test/golden';

describe('goldens of the reference', () => {
  before(() => useBackend('cpu'));

  for (const name of readdirSync(FOLDER)) {
    const file = join(FOLDER, name, 'case.json');
    if (!existsSync(file)) continue;
    const spec = JSON.parse(readFileSync(file, 'utf8'));
    it(name, async () => {
      expect(await runCase(join(FOLDER, name), spec)).to.deep.equal({ verdict: 'passed', failures: [] });
    });
  }
});

describe('the comparison with a golden', () => {
  const values = (shape: readonly number[], ...data: number[]) => ({ shape, data });

  it('takes what is within the tolerance of the largest value', () => {
    // 1e-5 of 200 is 0.002
    expect(compare(values([2], 200, 1.0019), values([2], 200, 1), 1e-5)).to.equal(undefined);
    expect(compare(values([2], 200, 1.0021), values([2], 200, 1), 1e-5)).to.match(/off by 1.05e-5 .* at 1/);
  });

  it('refuses another shape, and NaN on one side alone', () => {
    expect(compare(values([1, 2], 1, 2), values([2], 1, 2), 1)).to.match(/shape \[1, 2\], wanted \[2\]/);
    expect(compare(values([2], Number.NaN, 2), values([2], 1, 2), 1)).to.match(/got NaN, wanted 1 at 0/);
    expect(compare(values([2], 1, 2), values([2], Number.NaN, 2), 1)).to.match(/got 1, wanted NaN at 0/);
    expect(compare(values([2], Number.NaN, 2), values([2], Number.NaN, 2), 0)).to.equal(undefined);
    expect(compare(values([2], 1, Number.POSITIVE_INFINITY), values([2], 1, 5), 1)).to.match(/got Infinity/);
  });

  it('holds zeros to zero', () => {
    expect(compare(values([1], 1e-30), values([1], 0), 1e-5)).to.match(/off by/);
    expect(compare(values([0]), values([0]), 1e-5)).to.equal(undefined);
  });
});
