import dns from 'node:dns';
import { expect } from 'chai';
import { openClient, reasonOf, redirectFrom } from '../../../src/weights/hub/http.js';
import { hubSettings } from '../../../src/weights/hub/settings.js';
import { failure } from '../../helpers.js';

describe('redirectFrom', () => {
  const from = (url: string, location: string) => redirectFrom(new URL(url), location).href;

  it('is relative to where it stands, or an address', () => {
    expect(from('https://a.org/b/c', '/d')).to.equal('https://a.org/d');
    expect(from('https://a.org/b/c', 'd?e')).to.equal('https://a.org/b/d?e');
    expect(from('http://a.org/', 'https://b.org/c')).to.equal('https://b.org/c');
    expect(from('http://a.org/', 'http://b.org/c')).to.equal('http://b.org/c');
  });

  it('does not leave encryption, nor the web', async () => {
    for (const [url, location, got] of [
      ['https://a.org/b?key', 'http://a.org/b', 'one to http://a.org'],
      ['http://a.org/b?key', 'file:///etc/passwd', 'one to file://'],
      ['https://a.org/b?key', 'http://', 'one to no address'],
    ] as const) {
      const error = await failure(() => from(url, location));
      expect([error.code, error.path, error.got]).to.deep.equal(['E_NETWORK', url.replace('?key', ''), got]);
    }
  });
});

describe('reasonOf', () => {
  it('is the code of the innermost error, or its message', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect(reasonOf(new TypeError('fetch failed', { cause: new Error('socket', { cause: refused }) }))).to.equal(
      'ECONNREFUSED',
    );
    expect(reasonOf(new AggregateError([refused, new Error('other')]))).to.equal('ECONNREFUSED');
    expect(reasonOf(new Error('some words'))).to.equal('some words');
    expect(reasonOf('a text')).to.equal('a text');
  });
});

describe('a client', () => {
  it('asks once for a server that nobody knows', async () => {
    const { lookup } = dns;
    let asked = 0;
    dns.lookup = ((_name: string, _options: object, callback: (error: Error) => void) => {
      asked++;
      callback(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
    }) as typeof lookup;
    const client = await openClient(await hubSettings({}, { HF_TOKEN: 'none' }));
    try {
      const error = await failure(() => client.ask('HEAD', new URL('http://nowhere.invalid/')));
      expect([error.code, error.got, asked]).to.deep.equal(['E_NETWORK', 'ENOTFOUND', 1]);
    } finally {
      dns.lookup = lookup;
      await client.close();
    }
  });
});
