import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { AutoImageProcessor, ConvNextV2Backbone, ConvNextV2Config } from '../../../src/index.js';
import { openRepository } from '../../../src/weights/hub/repository.js';
import type { HubOptions, Progress } from '../../../src/weights/hub/settings.js';
import { fetchUrl } from '../../../src/weights/hub/url.js';
import { failure, golden, inFolder, readBytes } from '../../helpers.js';
import { COMMIT, gitSha, type HubServer, type Misbehaviour, send, sha256, startHub } from './server.js';

const CONFIG = await readBytes(golden('checkpoints', 'hf', 'config.json'));
const WEIGHTS = await readBytes(golden('checkpoints', 'hf', 'model.safetensors'));
const FILES = {
  'config.json': CONFIG,
  'model.safetensors': WEIGHTS,
  'plain.json': Buffer.from('{}'),
  'empty.json': new Uint8Array(),
};
const BLOB = sha256(WEIGHTS);

/** The environment that the tests change. */
const VARIABLES = ['HF_ENDPOINT', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'HF_HUB_DOWNLOAD_TIMEOUT', 'HF_HOME', 'HF_HUB_CACHE'];

describe('the Hub', () => {
  let server: HubServer;
  const standing = new Map(VARIABLES.map((name) => [name, process.env[name]]));

  before(async () => {
    server = await startHub(FILES);
  });
  beforeEach(() => {
    for (const name of VARIABLES) delete process.env[name];
    process.env.HF_ENDPOINT = server.endpoint;
    process.env.HF_HOME = '/no/such/folder';
    server.misbehave(undefined);
    server.takeSeen();
  });
  after(async () => {
    await server.close();
    for (const [name, value] of standing) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  /** Fetches the weights into a cache of its own, while the server misbehaves; gives what was fetched. */
  const fetch = async (cacheDir: string, how?: Misbehaviour, options: HubOptions = {}) => {
    server.misbehave(how);
    const path = await (await openRepository('a/model', { cacheDir, ...options })).file('model.safetensors');
    return path === undefined ? undefined : readBytes(path);
  };
  const times = (count: number, how: Misbehaviour): Misbehaviour => {
    let left = count;
    return (request, response) => request.method === 'GET' && left-- > 0 && how(request, response);
  };

  it('opens a model by its id, and fetches nothing twice', () =>
    inFolder(async (cacheDir) => {
      const model = await ConvNextV2Backbone.fromPretrained('a/model', { cacheDir, outFeatures: ['stage2'] });
      expect(model.report.recognised).to.deep.equal(['safetensors', 'names of hf']);
      model.dispose();
      expect(server.takeSeen()).to.deep.equal([
        'HEAD /a/model/resolve/main/config.json',
        `GET /a/model/resolve/${COMMIT}/config.json`,
        `HEAD /a/model/resolve/${COMMIT}/preprocessor_config.json`,
        `HEAD /a/model/resolve/${COMMIT}/model.safetensors`,
        `GET /a/model/resolve/${COMMIT}/model.safetensors`,
        'GET /large/model.safetensors',
      ]);
      const again = await ConvNextV2Backbone.fromPretrained('a/model', { cacheDir });
      again.dispose();
      expect(server.takeSeen()).to.deep.equal(['HEAD /a/model/resolve/main/config.json']);
      const pinned = await ConvNextV2Backbone.fromPretrained('a/model', { cacheDir, revision: COMMIT });
      pinned.dispose();
      expect(server.takeSeen()).to.deep.equal([]);
    }));

  it("keeps files as Python's client does", () =>
    inFolder(async (cacheDir) => {
      await fetch(cacheDir, undefined, { revision: 'v1' });
      const folder = join(cacheDir, 'models--a--model');
      expect(await readFile(join(folder, 'refs', 'v1'), 'utf8')).to.equal(COMMIT);
      const link = join(folder, 'snapshots', COMMIT, 'model.safetensors');
      expect((await lstat(link)).isSymbolicLink()).to.equal(true);
      expect(await readlink(link)).to.equal(`../../blobs/${BLOB}`);
      expect(await readdir(join(folder, 'blobs'))).to.deep.equal([BLOB]);
      expect(await readdir(join(cacheDir, '.locks', 'models--a--model'))).to.deep.equal([]);
      await fetch(join(cacheDir, 'b'), undefined, { revision: COMMIT });
      expect(await readdir(join(cacheDir, 'b', 'models--a--model'))).not.to.include('refs'); // a commit stays what it is
    }));

  it('takes what Python has fetched, the blob or all of it', () =>
    inFolder(async (cacheDir) => {
      const folder = join(cacheDir, 'models--a--model');
      await mkdir(join(folder, 'blobs'), { recursive: true });
      await writeFile(join(folder, 'blobs', BLOB), WEIGHTS);
      await fetch(cacheDir);
      expect(server.takeSeen()).to.deep.equal(['HEAD /a/model/resolve/main/model.safetensors']);
      // where there are no links Python keeps a file without a blob
      await writeFile(join(folder, 'snapshots', COMMIT, 'plain.json'), '{}');
      await (await openRepository('a/model', { cacheDir })).file('plain.json');
      expect(server.takeSeen()).to.deep.equal(['HEAD /a/model/resolve/main/plain.json']);
      await mkdir(join(folder, 'refs'), { recursive: true });
      await writeFile(join(folder, 'refs', 'main'), COMMIT);
      const config = gitSha(CONFIG);
      await writeFile(join(folder, 'blobs', config), CONFIG);
      await symlink(`../../blobs/${config}`, join(folder, 'snapshots', COMMIT, 'config.json'));
      const model = await ConvNextV2Backbone.fromPretrained('a/model', { cacheDir, localFilesOnly: true });
      model.dispose();
      expect(server.takeSeen()).to.deep.equal([]);
    }));

  it('asks nobody where it may not, and says what is missing', () =>
    inFolder(async (cacheDir) => {
      const offline = await failure(() =>
        ConvNextV2Config.fromPretrained('a/model', { cacheDir, localFilesOnly: true }),
      );
      expect([offline.code, offline.path]).to.deep.equal(['E_SOURCE', 'a/model']);
      process.env.HF_HUB_OFFLINE = '1';
      expect((await failure(() => fetch(cacheDir))).code).to.equal('E_SOURCE');
      expect(await fetch(cacheDir, undefined, { localFilesOnly: false })).to.deep.equal(WEIGHTS);
      expect(await fetch(cacheDir)).to.deep.equal(WEIGHTS);
    }));

  it('uses what it has where the server cannot be reached', () =>
    inFolder(async (cacheDir) => {
      await fetch(cacheDir);
      const down: Misbehaviour = (_, response) => {
        response.writeHead(500, { 'retry-after': '0' }).end();
        return true;
      };
      expect(await fetch(cacheDir, down)).to.deep.equal(WEIGHTS);
      for (const revision of ['main', COMMIT]) {
        const repository = await openRepository('a/model', { cacheDir, revision });
        server.takeSeen();
        expect(await repository.file('preprocessor_config.json')).to.equal(undefined);
        expect(await repository.file('another.json')).to.equal(undefined);
        expect(server.takeSeen()).to.have.length(5); // it is not asked again
      }
    }));

  it('goes on where a connection broke', () =>
    inFolder(async (cacheDir) => {
      const cut: Misbehaviour = (request, response) => {
        if (!request.url!.startsWith('/large/')) return false;
        const start = Number(/\d+/.exec(request.headers.range ?? '0')![0]);
        response.writeHead(start === 0 ? 200 : 206, {
          'content-length': WEIGHTS.length - start,
          ...(start > 0 && { 'content-range': `bytes ${start}-${WEIGHTS.length - 1}/${WEIGHTS.length}` }),
        });
        response.write(WEIGHTS.subarray(start, start + 3000), () => response.destroy());
        return true;
      };
      expect(await fetch(cacheDir, cut)).to.deep.equal(WEIGHTS);
      const ranges = server.seen.filter(({ url }) => url.startsWith('/large/')).map(({ headers }) => headers.range);
      // 15,892 bytes, 3,000 at a time: five attempts fail, which would be too many had they brought nothing
      const starts = [3000, 6000, 9000, 12_000, 15_000].map((start) => `bytes=${start}-`);
      expect(ranges.slice(-6)).to.deep.equal([undefined, ...starts]);
    }));

  it('goes on where a process was stopped, and starts anew where the server has no parts', () =>
    inFolder(async (cacheDir) => {
      const blobs = join(cacheDir, 'models--a--model', 'blobs');
      await mkdir(blobs, { recursive: true });
      await writeFile(join(blobs, `${BLOB}.convnextv2-partial`), WEIGHTS.subarray(0, 100));
      expect(await fetch(cacheDir)).to.deep.equal(WEIGHTS);
      expect(server.seen.at(-1)!.headers.range).to.equal('bytes=100-');
      for (const status of [200, 206, 416]) {
        await inFolder(async (other) => {
          const blobs = join(other, 'models--a--model', 'blobs');
          await mkdir(blobs, { recursive: true });
          await writeFile(join(blobs, `${BLOB}.convnextv2-partial`), WEIGHTS.subarray(0, 100));
          const noParts: Misbehaviour = (request, response) => {
            if (request.headers.range === undefined) return false;
            const [start, end] = [50, WEIGHTS.length - 1]; // of another part than was asked for
            if (status === 416) response.writeHead(416).end();
            else if (status === 206)
              response.writeHead(206, { 'content-range': `bytes ${start}-${end}/*` }).end(WEIGHTS.subarray(start));
            else response.writeHead(200, { 'content-length': WEIGHTS.length }).end(WEIGHTS);
            return true;
          };
          expect(await fetch(other, noParts)).to.deep.equal(WEIGHTS);
        });
      }
    }));

  it('tries again what may pass: 500, 429 after the time that it asks for', () =>
    inFolder(async (folder) => {
      for (const [status, wait] of [
        [500, undefined],
        [429, '1'],
        [503, new Date(Date.now() - 1000).toUTCString()],
      ] as const) {
        const busy = times(1, (_, response) => {
          response.writeHead(status, wait === undefined ? {} : { 'retry-after': wait }).end();
          return true;
        });
        expect(await fetch(join(folder, `${status}`), busy)).to.deep.equal(WEIGHTS);
      }
      const long = times(1, (_, response) => {
        response.writeHead(429, { 'retry-after': '3600' }).end();
        return true;
      });
      const error = await failure(() => fetch(join(folder, 'long'), long));
      expect([error.code, error.got]).to.deep.equal(['E_NETWORK', 'status 429: wait 3600 seconds']);
      const later = times(1, (_, response) => {
        response.writeHead(503, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }).end();
        return true;
      });
      expect((await failure(() => fetch(join(folder, 'later'), later))).got).to.match(
        /^status 503: wait 3\d+ seconds$/,
      );
    }));

  it('gives up where nothing comes', () =>
    inFolder(async (cacheDir) => {
      process.env.HF_HUB_DOWNLOAD_TIMEOUT = '0.05';
      const silent: Misbehaviour = () => true;
      const error = await failure(() => fetch(cacheDir, silent));
      expect(error.code).to.equal('E_NETWORK');
      expect(error.got).to.match(/(HEADERS|CONNECT)_TIMEOUT, 5 times/);
    }));

  it('waits for a slow server as long as bytes come', () =>
    inFolder(async (cacheDir) => {
      process.env.HF_HUB_DOWNLOAD_TIMEOUT = '60';
      const slow: Misbehaviour = (request, response) => {
        if (!request.url!.startsWith('/large/')) return false;
        response.writeHead(200, { 'content-length': WEIGHTS.length });
        let at = 0;
        const drip = () => {
          response.write(WEIGHTS.subarray(at, at + 2000));
          at += 2000;
          if (at < WEIGHTS.length) setTimeout(drip, 20);
          else response.end();
        };
        drip();
        return true;
      };
      const seen: Progress[] = [];
      expect(await fetch(cacheDir, slow, { onProgress: (progress) => seen.push(progress) })).to.deep.equal(WEIGHTS);
      expect(seen.length).to.be.above(3);
      expect(seen.at(-1)).to.deep.equal({
        phase: 'download',
        done: WEIGHTS.length,
        total: WEIGHTS.length,
        name: 'model.safetensors',
      });
      expect(server.takeSeen().filter((request) => request.includes('large'))).to.have.length(1);
    }));

  it('refuses what is not what was published: a checksum, a length', () =>
    inFolder(async (folder) => {
      const changed = Uint8Array.from(WEIGHTS);
      changed[9000] ^= 1;
      const as = (bytes: Uint8Array, count: number): Misbehaviour =>
        times(count, (request, response) => {
          if (!request.url!.startsWith('/large/')) return false;
          send(request, response, bytes);
          return true;
        });
      const wrong = await failure(() => fetch(join(folder, 'a'), as(changed, 99)));
      expect(wrong.code).to.equal('E_NETWORK');
      expect(wrong.got).to.contain(sha256(changed)).and.to.contain(BLOB);
      const long = await failure(() => fetch(join(folder, 'b'), as(Buffer.concat([WEIGHTS, WEIGHTS]), 99)));
      expect(long.wanted).to.equal(`at most ${WEIGHTS.length} bytes`);
      const short = await failure(() => fetch(join(folder, 'c'), as(WEIGHTS.subarray(0, 5000), 99)));
      expect(short.code).to.be.oneOf(['E_NETWORK', 'E_SOURCE']);
      for (const name of ['a', 'b', 'c']) {
        const blobs = await readdir(join(folder, name, 'models--a--model', 'blobs'));
        expect(blobs.filter((blob) => !blob.endsWith('partial'))).to.deep.equal([]);
      }
      // wrong once, right the next time
      expect(await fetch(join(folder, 'd'), as(changed, 2))).to.deep.equal(WEIGHTS);
    }));

  it('sends the token to the Hub alone', () =>
    inFolder(async (cacheDir) => {
      await fetch(cacheDir, undefined, { token: 'secret' });
      const sent = server.seen.slice(-3).map(({ url, headers }) => [url.startsWith('/large/'), headers.authorization]);
      expect(sent).to.deep.equal([
        [false, 'Bearer secret'],
        [false, 'Bearer secret'],
        [true, undefined], // localhost is another server than 127.0.0.1
      ]);
      process.env.HF_TOKEN = 'standing';
      await fetch(join(cacheDir, 'b'));
      expect(server.seen.at(-2)!.headers.authorization).to.equal('Bearer standing');
      await fetch(join(cacheDir, 'c'), undefined, { token: false });
      expect(server.seen.at(-2)!.headers.authorization).to.equal(undefined);
      process.env.HF_TOKEN = '';
      process.env.HF_HOME = cacheDir;
      await writeFile(join(cacheDir, 'token'), 'kept\n');
      await fetch(join(cacheDir, 'd'));
      expect(server.seen.at(-2)!.headers.authorization).to.equal('Bearer kept');
    }));

  it('says what may not be read, and what is not there', () =>
    inFolder(async (cacheDir) => {
      const closed: Misbehaviour = (_, response) => {
        response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end();
        return true;
      };
      const gated = await failure(() => fetch(cacheDir, closed));
      expect([gated.code, gated.got]).to.deep.equal(['E_SOURCE', 'status 401, GatedRepo']);
      expect(gated.suggestion).to.contain('HF_TOKEN');
      server.misbehave(undefined);
      const missing = await failure(() => ConvNextV2Config.fromPretrained('b/model', { cacheDir }));
      expect([missing.code, missing.got]).to.deep.equal(['E_SOURCE', 'RepoNotFound']);
      expect(missing.suggestion).to.contain('no file or folder here is called b/model');
      expect((await failure(() => fetch(cacheDir, undefined, { revision: 'v2' }))).got).to.equal('no such revision');
      const none = await (await openRepository('a/model', { cacheDir })).file('nothing.json');
      expect(none).to.equal(undefined);
    }));

  it('takes no name of a file from a server that is not one', () =>
    inFolder(async (cacheDir) => {
      for (const etag of ['"../../../refs/main"', '".."', '"a/b"', '""', 'W/"."']) {
        const named: Misbehaviour = (_, response) => {
          response.writeHead(200, { 'x-repo-commit': COMMIT, etag }).end();
          return true;
        };
        const error = await failure(() => fetch(cacheDir, named));
        expect([error.code, error.got], etag).to.deep.equal(['E_NETWORK', 'none that are in order']);
      }
      expect(await readdir(cacheDir)).to.deep.equal([]);
    }));

  it('takes an empty file, by a weak tag as well', () =>
    inFolder(async (cacheDir) => {
      const repository = await openRepository('a/model', { cacheDir });
      expect(await readBytes((await repository.file('empty.json'))!)).to.deep.equal(new Uint8Array());
      server.misbehave((_, response) => {
        // neither its size, nor a checksum
        response.writeHead(200, { 'x-repo-commit': COMMIT, etag: 'W/"weak"', 'transfer-encoding': 'chunked' }).end();
        return true;
      });
      expect(await readBytes((await repository.file('other.json'))!)).to.deep.equal(new Uint8Array());
      expect(await readdir(join(cacheDir, 'models--a--model', 'blobs'))).to.include('weak');
    }));

  it('remembers what is not there, by commit', () =>
    inFolder(async (cacheDir) => {
      for (const count of [1, 0]) {
        const repository = await openRepository('a/model', { cacheDir, revision: COMMIT });
        expect(await repository.file('nothing.json')).to.equal(undefined);
        expect(server.takeSeen()).to.have.length(count);
      }
    }));

  it('follows redirects, and not for ever', () =>
    inFolder(async (cacheDir) => {
      const moved: Misbehaviour = (request, response) => {
        if (!request.url!.startsWith('/a/')) return false;
        response.writeHead(307, { location: request.url!.replace('/a/', '/new/') }).end();
        return true;
      };
      // the new name is no name of this server
      expect((await failure(() => fetch(cacheDir, moved))).got).to.equal('RepoNotFound');
      const circle: Misbehaviour = (request, response) => {
        response.writeHead(302, { location: request.url! }).end();
        return true;
      };
      server.takeSeen();
      expect((await failure(() => fetch(cacheDir, circle))).wanted).to.equal('at most 10 redirects');
      expect(server.takeSeen().length).to.equal(11);
    }));

  it('stops when it is told to', () =>
    inFolder(async (cacheDir) => {
      const stop = new AbortController();
      const stuck: Misbehaviour = (request, response) => {
        if (!request.url!.startsWith('/large/')) return false;
        response.writeHead(200, { 'content-length': WEIGHTS.length });
        response.write(WEIGHTS.subarray(0, 1000));
        setTimeout(() => stop.abort(), 20);
        return true;
      };
      const error = await failure(() => fetch(cacheDir, stuck, { signal: stop.signal }));
      expect(error.code).to.equal('E_ABORTED');
      expect(await fetch(cacheDir)).to.deep.equal(WEIGHTS);
    }));

  it('fetches once for several that ask at the same time', () =>
    inFolder(async (cacheDir) => {
      const all = await Promise.all([1, 2, 3].map(() => fetch(cacheDir)));
      for (const bytes of all) expect(bytes).to.deep.equal(WEIGHTS);
      expect(server.takeSeen().filter((request) => request.includes('large'))).to.have.length(1);
    }));

  it('finds weights in several files, and in a folder of the repository', () =>
    inFolder(async (cacheDir) => {
      const folder = golden('checkpoints', 'hf-sharded');
      const names = (await readdir(folder)).filter((name) => name !== 'config.json');
      const shards = await Promise.all(names.map(async (name) => [`sub/${name}`, await readBytes(join(folder, name))]));
      const sharded = await startHub({ 'sub/config.json': CONFIG, ...Object.fromEntries(shards) });
      process.env.HF_ENDPOINT = sharded.endpoint;
      const model = await ConvNextV2Backbone.fromPretrained('a/model', { cacheDir, subfolder: 'sub' });
      expect(model.report.recognised[0]).to.equal('safetensors in 4 files');
      model.dispose();
      await sharded.close();
    }));

  it('gives a processor without fetching weights', () =>
    inFolder(async (cacheDir) => {
      const processor = await AutoImageProcessor.fromPretrained('a/model', { cacheDir });
      expect(processor.size).to.deep.equal({ shortestEdge: 224 });
      expect(server.takeSeen().join()).not.to.contain('safetensors');
    }));

  it('refuses names that leave their folder', () =>
    inFolder(async (cacheDir) => {
      for (const options of [{ revision: '../x' }, { subfolder: '/x' }, { subfolder: 'a/../..' }, { revision: '' }]) {
        const error = await failure(() => openRepository('a/model', { cacheDir, ...options }));
        expect(error.code).to.equal('E_ARGUMENT');
      }
    }));

  it('fetches a plain URL, once, and checks it where it can', () =>
    inFolder(async (cacheDir) => {
      const url = `${server.endpoint}/large/model.safetensors`;
      const model = await ConvNextV2Backbone.fromPretrained(url, { cacheDir });
      expect(model.config.hiddenSizes).to.deep.equal([3, 4, 5, 6]);
      model.dispose();
      const again = await ConvNextV2Backbone.fromPretrained(new URL(url), { cacheDir });
      again.dispose();
      expect(server.takeSeen()).to.have.length(1);
      const checked = await ConvNextV2Backbone.fromPretrained(url, { cacheDir, sha256: BLOB.toUpperCase() });
      checked.dispose();
      const wrong = await failure(() => ConvNextV2Backbone.fromPretrained(url, { cacheDir, sha256: '0'.repeat(64) }));
      expect([wrong.code, wrong.got]).to.deep.equal([
        'E_NETWORK',
        `one with the checksum ${BLOB} in place of ${'0'.repeat(64)}`,
      ]);
      const offline = await failure(() =>
        ConvNextV2Backbone.fromPretrained(`${url}?2`, { cacheDir, localFilesOnly: true }),
      );
      expect([offline.code, offline.path]).to.deep.equal(['E_SOURCE', url]); // without what may be a key
      const open = await failure(() => ConvNextV2Backbone.fromPretrained('http://example.org/model.pth', { cacheDir }));
      expect([open.code, open.wanted]).to.deep.equal(['E_ARGUMENT', 'an https address, or the option sha256']);
      expect((await failure(() => ConvNextV2Backbone.fromPretrained(url, { cacheDir, sha256: 'x' }))).code).to.equal(
        'E_ARGUMENT',
      );
      for (const name of ['%zz.pth', `${'long'.repeat(100)}.pth`, '%2e%2e%2f', '']) {
        const error = await failure(() => fetchUrl(new URL(`${server.endpoint}/${name}`), { cacheDir }));
        expect([error.code, error.got]).to.deep.equal(['E_SOURCE', 'status 404']);
      }
    }));

  it('goes on with a plain URL where it stopped, if a checksum tells that it is the same file', () =>
    inFolder(async (cacheDir) => {
      const url = new URL(`${server.endpoint}/large/model.safetensors`);
      for (const sha256 of [undefined, BLOB]) {
        const stop = new AbortController();
        const options = { cacheDir, sha256, signal: stop.signal, onProgress: () => stop.abort() };
        server.misbehave((_, response) => {
          response.writeHead(200, { 'content-length': WEIGHTS.length }).write(WEIGHTS.subarray(0, 1000));
          return true;
        });
        expect((await failure(() => fetchUrl(url, options))).code).to.equal('E_ABORTED');
        server.misbehave(undefined);
        expect(await readBytes(await fetchUrl(url, { cacheDir, sha256 }))).to.deep.equal(WEIGHTS);
        expect(server.seen.at(-1)!.headers.range).to.equal(sha256 && 'bytes=1000-');
      }
    }));

  it('says where the cache cannot be written', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      expect((await failure(() => fetch(join(folder, 'file')))).code).to.equal('E_OUTPUT');
    }));

  it('goes by the proxy of the environment', () =>
    inFolder(async (cacheDir) => {
      const [http, no] = [process.env.http_proxy, process.env.no_proxy];
      process.env.http_proxy = 'http://127.0.0.1:9'; // where nobody listens
      delete process.env.no_proxy;
      try {
        process.env.HF_HUB_DOWNLOAD_TIMEOUT = '60';
        const error = await failure(() => fetch(cacheDir));
        expect([error.code, error.got]).to.deep.equal(['E_NETWORK', 'ECONNREFUSED, 5 times']);
      } finally {
        for (const [name, value] of [
          ['http_proxy', http],
          ['no_proxy', no],
        ] as const) {
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
        }
      }
    }));
});
