import { expect } from 'chai';
import { inFolder } from '../helpers.js';
import { fuzz } from './readers.js';
import type { Reader } from './seeds.js';

/** For each reader so many mutants, and codes that come up among them. */
const RUNS = {
  safetensors: [1500, 'E_SAFETENSORS'],
  pickle: [1500, 'E_PICKLE'],
  zip: [1000, 'E_ZIP'],
  index: [1000, 'E_JSON'],
  h5: [20, 'E_HDF5'],
} as const;

describe('readers of mutants', () => {
  for (const [reader, [count, code]] of Object.entries(RUNS)) {
    it(`${reader}: opens or refuses, by an error of ours`, () =>
      inFolder(async (folder) => {
        const { inputs, opened, refused, mostBytes } = await fuzz(reader as Reader, count, 1000, folder);
        const total = Object.values(refused).reduce((sum, number) => sum + number, opened);
        expect(total).to.equal(inputs);
        expect(refused).to.have.property(code);
        expect(mostBytes[0]).to.be.below(2 ** 20);
      }));
  }
});
