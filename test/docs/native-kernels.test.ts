import { expect } from 'chai';
import { SIMD_KERNELS } from '../../src/backend/simd/kernels.js';
import { readPage, rowsOf } from './pages.js';

describe('docs/backends.md', () => {
  it('lists the kernels of tfjs that are native', () => {
    const [, section] = readPage('docs/backends.md').split('\n### What is native\n');
    const [table] = section.split('\n### ');
    const listed = rowsOf(table).flatMap(([, kernels]) => Array.from(kernels.matchAll(/`(\w+)`/g), ([, name]) => name));
    const native = Object.keys(SIMD_KERNELS).filter((name) => !name.startsWith('ConvNextV2'));
    expect(listed.toSorted()).to.deep.equal(native.toSorted());
  });
});
