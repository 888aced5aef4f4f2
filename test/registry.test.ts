import { expect } from 'chai';
import type { BackbonePlugin } from '../src/contracts.js';
import { createRegistry, defaultRegistry, definePlugin, setDefaultRegistry } from '../src/registry.js';
import { failure } from './helpers.js';

const plugin = (type: string): BackbonePlugin =>
  definePlugin({
    type,
    readConfig: () => ({}),
    create: () => {
      throw new Error('nothing is made here');
    },
  });

describe('a registry', () => {
  it('looks plugins up by type', () => {
    const [a, b] = [plugin('a'), plugin('b')];
    const registry = createRegistry([a, b]);
    expect(registry.types).to.deep.equal(['a', 'b']);
    expect(registry.get('b')).to.equal(b);
  });

  it('names the known types and the nearest', async () => {
    const { code, wanted, suggestion } = await failure(() =>
      createRegistry([plugin('resnet'), plugin('swin')]).get('resent'),
    );
    expect([code, wanted, suggestion]).to.deep.equal(['E_PLUGIN', 'one of resnet, swin', 'did you mean "resnet"?']);
    for (const type of ['__proto__', '', undefined, null, 5]) {
      expect((await failure(() => createRegistry([plugin('swin')]).get(type as never))).code).to.equal('E_PLUGIN');
    }
  });

  it('takes no second plugin of a type, from its base either', async () => {
    expect((await failure(() => createRegistry([plugin('a'), plugin('a')]))).got).to.equal(
      'a second plugin of type "a"',
    );
    const base = createRegistry([plugin('a')]);
    expect((await failure(() => createRegistry([plugin('a')], base))).code).to.equal('E_PLUGIN');
    expect(createRegistry([plugin('b')], base).types).to.deep.equal(['a', 'b']);
    expect(base.types).to.deep.equal(['a']);
  });

  it('can be the default', () => {
    const before = defaultRegistry();
    const mine = createRegistry([plugin('mine')]);
    setDefaultRegistry(mine);
    expect(defaultRegistry()).to.equal(mine);
    setDefaultRegistry(before);
  });
});
