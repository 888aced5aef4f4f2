import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hubSettings } from '../../../src/weights/hub/settings.js';
import { failure, inFolder } from '../../helpers.js';

/** The other way to write a variable. */
const braced = (name: string): string => `$\{${name}}`;

describe('hubSettings', () => {
  it("are those of Python's client", async () => {
    const home = join(homedir(), '.cache', 'huggingface');
    expect(await hubSettings({ token: false }, {})).to.deep.include({
      endpoint: 'https://huggingface.co',
      cache: join(home, 'hub'),
      downloads: join(home, 'convnextv2'),
      isOffline: false,
      patience: 10_000,
      token: undefined,
    });
    const { cache, downloads } = await hubSettings({}, { HF_HOME: '/h', HF_HUB_CACHE: '/c' });
    expect([cache, downloads]).to.deep.equal(['/c', join('/h', 'convnextv2')]);
    expect((await hubSettings({}, { XDG_CACHE_HOME: '/x' })).cache).to.equal(join('/x', 'huggingface', 'hub'));
    const own = await hubSettings({ cacheDir: '/own' }, { HF_HOME: '/h', HF_HUB_CACHE: '/c' });
    expect([own.cache, own.downloads]).to.deep.equal(['/own', join('/own', 'convnextv2')]);
  });

  it("expand ~ and $NAME in paths as Python's client does", async () => {
    const env = { HOME: '/home/me', V: '/vol' };
    for (const name of ['HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'XDG_CACHE_HOME']) {
      const rest = { HF_HOME: 'hub', XDG_CACHE_HOME: 'huggingface/hub' }[name] ?? '';
      for (const [path, expanded] of [
        ['~/x', '/home/me/x'],
        ['$V/x', '/vol/x'],
        [`${braced('V')}/~`, '/vol/~'],
        ['/a/$NONE/x', '/a/$NONE/x'],
      ]) {
        expect((await hubSettings({}, { ...env, [name]: path })).cache, name).to.equal(join(expanded, rest));
      }
    }
    expect((await hubSettings({}, env)).cache).to.equal('/home/me/.cache/huggingface/hub');
    const own = await hubSettings({ cacheDir: '~/$V' }, env);
    expect([own.cache, own.downloads]).to.deep.equal(['/home/me//vol', '/home/me/vol/convnextv2']);
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'kept'), 'secret');
      expect((await hubSettings({}, { HOME: folder, HF_TOKEN_PATH: '~/kept' })).token).to.equal('secret');
      expect((await hubSettings({}, { FOLDER: folder, HF_TOKEN_PATH: `${braced('FOLDER')}/kept` })).token).to.equal(
        'secret',
      );
    });
  });

  it('take numbers and switches in its spellings', async () => {
    for (const [text, milliseconds] of [
      ['2.5', 2500],
      ['0', 10_000],
      ['soon', 10_000],
    ] as const) {
      expect((await hubSettings({}, { HF_HUB_DOWNLOAD_TIMEOUT: text })).patience, text).to.equal(milliseconds);
    }
    for (const [text, isOffline] of [
      ['1', true],
      ['true', true],
      ['Yes', true],
      ['0', false],
      ['', false],
    ] as const) {
      expect((await hubSettings({}, { HF_HUB_OFFLINE: text })).isOffline, text).to.equal(isOffline);
    }
  });

  it('take a server without a slash at its end, and none that is no address', async () => {
    expect((await hubSettings({}, { HF_ENDPOINT: 'http://a.org/hub//' })).endpoint).to.equal('http://a.org/hub');
    for (const endpoint of ['a.org', 'ftp://a.org', 'https://']) {
      expect((await failure(() => hubSettings({}, { HF_ENDPOINT: endpoint }))).path).to.equal('HF_ENDPOINT');
    }
  });

  it('find a token: the option, the variable, the file, or none', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'token'), 'kept\n');
      const env = { HF_HOME: folder };
      const tokens = await Promise.all([
        hubSettings({ token: 'given' }, { ...env, HF_TOKEN: 'standing' }),
        hubSettings({}, { ...env, HF_TOKEN: 'standing' }),
        hubSettings({}, env),
        hubSettings({}, { HF_TOKEN_PATH: join(folder, 'token') }),
        hubSettings({}, { ...env, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }),
        hubSettings({ token: false }, { ...env, HF_TOKEN: 'standing' }),
      ]);
      expect(tokens.map(({ token }) => token)).to.deep.equal([
        'given',
        'standing',
        'kept',
        'kept',
        undefined,
        undefined,
      ]);
    }));
});
