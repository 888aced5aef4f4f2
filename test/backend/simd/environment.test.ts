import { expect } from 'chai';
import { checkThreads, forcedPath, winogradBytes } from '../../../src/backend/simd/environment.js';
import { failure } from '../../helpers.js';
import { withVariable } from './helpers.js';

describe('the environment of backend simd', () => {
  const read = (name: string, value: string, run: () => unknown) => withVariable(name, value, async () => run());
  const refused = (name: string, value: string, run: () => unknown) => failure(() => read(name, value, run));

  it('names a path, or none', async () => {
    for (const path of ['winograd', 'fused', 'direct']) {
      expect(await read('CONVNEXTV2_FORCE', path, forcedPath)).to.equal(path);
    }
    expect(await read('CONVNEXTV2_FORCE', '', forcedPath)).to.equal(undefined);
    const { code, path, suggestion } = await refused('CONVNEXTV2_FORCE', 'winogard', forcedPath);
    expect([code, path, suggestion]).to.deep.equal(['E_BACKEND', 'CONVNEXTV2_FORCE', 'did you mean "winograd"?']);
  });

  it('bounds the weights of Winograd', async () => {
    expect(winogradBytes()).to.equal(512 * 2 ** 20);
    expect(await read('CONVNEXTV2_WINOGRAD_MB', '0.5', winogradBytes)).to.equal(2 ** 19);
    expect(await read('CONVNEXTV2_WINOGRAD_MB', '0', winogradBytes)).to.equal(0);
    for (const value of ['-1', 'much', '1e9']) {
      expect(await refused('CONVNEXTV2_WINOGRAD_MB', value, winogradBytes)).to.include({ code: 'E_BACKEND' });
    }
  });

  it('counts threads', async () => {
    for (const value of ['', '1', '1024']) await read('CONVNEXTV2_THREADS', value, checkThreads);
    for (const value of ['0', '1025', '2.5', 'all']) {
      expect(await refused('CONVNEXTV2_THREADS', value, checkThreads)).to.include({ path: 'CONVNEXTV2_THREADS' });
    }
  });
});
