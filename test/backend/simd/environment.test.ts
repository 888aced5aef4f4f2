import { expect } from 'chai';
import { checkEnvironment, forcedPath, winogradBytes } from '../../../src/backend/simd/environment.js';
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
    for (const value of ['', '1', '02', '1024']) await read('CONVNEXTV2_THREADS', value, checkEnvironment);
    // the native half would read 1 and 0 from the last two
    for (const value of ['0', '1025', '2.5', '-1', 'all', ' 2', '1e1', '0x2']) {
      const { code, path, message } = await refused('CONVNEXTV2_THREADS', value, checkEnvironment);
      expect([code, path]).to.deep.equal(['E_BACKEND', 'CONVNEXTV2_THREADS']);
      expect(message).to.include(`wanted a whole number from 1 to 1024, got ${JSON.stringify(value)} (or unset it)`);
    }
  });

  it('is checked as a whole before anything computes', async () => {
    for (const name of ['CONVNEXTV2_FORCE', 'CONVNEXTV2_WINOGRAD_MB', 'CONVNEXTV2_THREADS']) {
      expect(await refused(name, 'much', checkEnvironment)).to.include({ code: 'E_BACKEND', path: name });
    }
  });
});
