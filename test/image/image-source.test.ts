import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import sharp from 'sharp';
import { decodeImage } from '../../src/image/decode.js';
import type { ImageSource } from '../../src/image/image-source.js';
import { encodeLabelPng, readLabelPng } from '../../src/image/label-png.js';
import { ConvNextImageProcessor } from '../../src/image/processor.js';
import type { RawImage } from '../../src/image/raw-image.js';
import { failure, inFolder } from '../helpers.js';
import { gradient } from './helpers.js';

const image = gradient(3, 4, 3);
const raw = { raw: { width: 4, height: 3, channels: 3 as const } };

/** The picture as a PNG, in memory of its own. */
async function png(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await sharp(image.data, raw).png().toBuffer());
}

/** Runs while a server answers at an address. */
async function withServer(answer: (path: string, response: ServerResponse) => void, work: (url: string) => unknown) {
  const server = createServer(({ url }, response) => answer(url!, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const unhandled: unknown[] = []; // each would end a program
  const notice = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', notice);
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await pause(0);
    expect(unhandled).to.deep.equal([]);
  } finally {
    process.off('unhandledRejection', notice);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const expectImage = async (source: ImageSource, name = '') =>
  expect(await decodeImage(source), name).to.deep.equal(image);

describe('ImageSource: bytes', () => {
  it('takes buffers, and views of them of any type', async () => {
    const bytes = await png();
    const padded = new ArrayBuffer(8 * Math.ceil((bytes.length + 16) / 8));
    new Uint8Array(padded).set(bytes, 8);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    for (const source of [
      bytes.buffer,
      shared.buffer,
      shared,
      Buffer.from(bytes),
      new DataView(padded, 8, bytes.length),
      new Uint8ClampedArray(padded, 8, bytes.length),
      // what follows the end of a PNG is not looked at
      new Float64Array(padded, 8),
      new Int32Array(padded, 8),
    ]) {
      await expectImage(source, source.constructor.name);
    }
  });

  it('takes a Blob and a File, by whose name it calls it in messages', async () => {
    const bytes = await png();
    await expectImage(new Blob([bytes]));
    await expectImage(new File([bytes], 'cat.png', { type: 'text/plain' }));
    expect(await failure(() => decodeImage(new File(['hello'], 'cat.png')))).to.include({
      code: 'E_IMAGE',
      path: 'cat.png',
      got: 'text that begins "hello"',
    });
    expect(await failure(() => decodeImage(new Blob([bytes]), { maxBytes: 9 }))).to.include({
      code: 'E_LIMIT',
      path: 'image',
    });
  });

  it('takes streams, of the web and of Node', () =>
    inFolder(async (folder) => {
      const bytes = await png();
      const path = join(folder, 'a.png');
      await writeFile(path, bytes);
      await expectImage(new Blob([bytes]).stream());
      await expectImage(createReadStream(path, { highWaterMark: 7 }));
      await expectImage(Readable.from([bytes.subarray(0, 9), bytes.subarray(9, 9), bytes.subarray(9)]));
    }));

  it('takes what sharp has opened, as its owner left it', async () => {
    const bytes = await png();
    await expectImage(sharp(bytes));
    const turned = await decodeImage(sharp(bytes).rotate(90));
    expect(turned).to.include({ height: 4, width: 3, channels: 3 });
    const rgba = await sharp({ create: { width: 2, height: 1, channels: 4, background: '#01020380' } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(sharp(rgba))).data]).to.deep.equal([1, 2, 3, 1, 2, 3]);
    expect(await decodeImage(sharp(rgba), { mode: 'as-is' })).to.include({ channels: 4 });
    expect(await failure(() => decodeImage(sharp(Buffer.from('hello')), { name: 'x' }))).to.include({
      code: 'E_IMAGE',
      path: 'x',
    });
  });

  it('takes them wherever pictures are taken', async () => {
    const bytes = await png();
    const processor = new ConvNextImageProcessor({ size: 8, cropPct: 1 });
    const { pixelValues } = await processor.preprocess([bytes.buffer, new Blob([bytes]), new Response(bytes)]);
    expect(pixelValues.shape).to.deep.equal([3, 8, 8, 3]);
    pixelValues.dispose();
    const labels = { data: Uint8Array.of(1, 2), width: 2, height: 1 };
    expect(await readLabelPng(new Blob([new Uint8Array(encodeLabelPng(labels, []))]))).to.deep.equal(labels);
  });

  it('stops an endless stream at maxBytes, and a slow one in time', async () => {
    let stopped = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: () => void stopped++,
      });
    for (const source of [endless(), new Response(endless())]) {
      expect(await failure(() => decodeImage(source, { maxBytes: 5000 }))).to.include({
        code: 'E_LIMIT',
        wanted: 'at most 5000 bytes',
        suggestion: 'raise maxBytes if you trust it',
      });
    }
    const silent = new ReadableStream<Uint8Array>({ cancel: () => void stopped++ });
    const empty = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array()),
      cancel: () => void stopped++,
    });
    for (const source of [silent, empty]) {
      expect(await failure(() => decodeImage(source, { timeoutSeconds: 0.05 }))).to.include({
        code: 'E_LIMIT',
        wanted: 'to be read in 0.05 seconds',
        suggestion: 'raise timeoutSeconds if you trust it',
      });
    }
    await pause(0);
    expect(stopped).to.equal(4);
    const node = new Readable({ read: () => {} });
    expect((await failure(() => decodeImage(node, { timeoutSeconds: 0.05 }))).code).to.equal('E_LIMIT');
    expect(node.destroyed).to.equal(true);
  });

  it('says what is wrong with a stream', async () => {
    const bytes = await png();
    const locked = new Blob([bytes]).stream();
    locked.getReader();
    const used = new Response(bytes);
    await used.arrayBuffer();
    const broken = Readable.from(
      (async function* () {
        yield bytes.subarray(0, 9);
        throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
      })(),
    );
    for (const [source, got] of [
      [locked, 'one that something else is reading'],
      [used, 'a Response whose body was read before, or that has none'],
      [new Response(null, { status: 204 }), 'a Response whose body was read before, or that has none'],
      [Response.error(), 'status 0'],
      [new Response('no', { status: 404, statusText: 'Not Found' }), 'status 404 Not Found'],
      [Readable.from(['text']), 'one of "text"'],
      [broken, 'ECONNRESET'],
      [Readable.from([]), 'no bytes at all'],
      [new Response(''), 'no bytes at all'],
      [Promise.resolve(bytes), 'a Promise'],
      [Symbol('x'), 'Symbol(x)'],
    ] as const) {
      expect(await failure(() => decodeImage(source as never, { name: 'x' })), got).to.include({
        code: 'E_IMAGE',
        path: 'x',
        got,
      });
    }
    expect((await failure(() => decodeImage(Promise.resolve(bytes) as never))).suggestion).to.equal('await it first');
  });
});

describe('ImageSource: URLs', () => {
  it('takes data: URLs, in base64 or not, whatever type they claim', async () => {
    const bytes = await png();
    const base64 = Buffer.from(bytes).toString('base64');
    const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    for (const url of [
      `data:image/png;base64,${base64}`,
      `DATA:text/plain;charset=utf-8;BASE64,${base64}#there`,
      `data:;base64,${base64.match(/.{1,20}/g)!.join(' \n')}`,
      `data:;base64,${encodeURIComponent(base64)}`,
      `data:image/png,${percent}`,
      new URL(`data:image/jpeg;base64,${base64}`),
    ]) {
      await expectImage(url, String(url));
    }
    for (const [url, got] of [
      ['data:image/png;base64,', 'no bytes at all'],
      ['data:,hello%20there', 'text that begins "hello there"'],
      ['data:image/png;base64', '"data:image/png;base64"'],
    ]) {
      expect(await failure(() => decodeImage(url))).to.include({ code: 'E_IMAGE', path: 'image', got });
    }
    expect(await decodeImage(`data:;base64,${base64}`, { maxBytes: bytes.length })).to.include({ width: 4 });
    const error = await failure(() => decodeImage(`data:;base64,${base64}`, { maxBytes: bytes.length - 1 }));
    expect(error).to.include({ code: 'E_LIMIT', path: 'image' });
  });

  it('takes blob: URLs', async () => {
    const url = URL.createObjectURL(new Blob([await png()]));
    await expectImage(url);
    await expectImage(new URL(url));
    URL.revokeObjectURL(url);
    expect(await failure(() => decodeImage(url))).to.include({ code: 'E_IMAGE', path: url });
  });

  it('never repeats what is long', async () => {
    const long = 'A'.repeat(2_000_000);
    const processor = new ConvNextImageProcessor();
    for (const source of [
      long,
      `data:image/png;base64,${long}`,
      `data:image/png${long}`,
      `blob:${long}`,
      `ftp://${long}`,
      `file:///${long}`,
      `file://${long}/a.png`,
      pathToFileURL(`/${long}`),
    ]) {
      for (const read of [() => decodeImage(source), () => processor.preprocess([source, source])]) {
        const error = await failure(read);
        expect(error.code).to.equal('E_IMAGE');
        expect(`${error.stack}`.length, String(source).slice(0, 20)).to.be.below(5000);
        expect(JSON.stringify(error).length).to.be.below(5000);
      }
    }
    expect(await failure(() => decodeImage(long))).to.include({
      got: 'a text of 2000000 characters',
      suggestion: "give base64 as a data: URL, or as Buffer.from(text, 'base64')",
    });
  });

  it('takes http: URLs and Responses of fetch, and follows redirects', async () => {
    const bytes = await png();
    const answer = (path: string, response: ServerResponse) => {
      if (path === '/moved.png') response.writeHead(302, { location: '/a.png' }).end();
      else response.end(bytes);
    };
    await withServer(answer, async (url) => {
      await expectImage(`${url}/a.png?key=1`);
      await expectImage(new URL(`${url}/moved.png`));
      await expectImage(await fetch(`${url}/moved.png`));
    });
  });

  it('says what a server sends that is no picture, by an address without its key', async () => {
    const page = '<!-- x -->\n<!DOCTYPE html>\n<html><body>Please log in</body></html>';
    const answer = (path: string, response: ServerResponse) => {
      if (path.startsWith('/page')) response.end(page);
      else if (path.startsWith('/cut'))
        response.writeHead(200, { 'content-length': 99 }).write('x', () => response.destroy());
      else response.writeHead(404).end(page);
    };
    await withServer(answer, async (url) => {
      const html = {
        code: 'E_IMAGE',
        path: `${url}/page`,
        got: 'an HTML page',
        suggestion: 'look for the address of the picture itself, not of a page with it',
      };
      expect(await failure(() => decodeImage(`${url}/page?key=1`))).to.include(html);
      expect(await failure(async () => decodeImage(await fetch(`${url}/page?key=1`)))).to.include(html);
      const missing = { code: 'E_IMAGE', path: `${url}/none`, got: 'status 404' };
      expect(await failure(() => decodeImage(`${url}/none?key=1`))).to.include(missing);
      expect((await failure(async () => decodeImage(await fetch(`${url}/none`)))).got).to.equal('status 404 Not Found');
      expect(await failure(() => decodeImage(`${url}/cut`))).to.include({ code: 'E_IMAGE', path: `${url}/cut` });
      expect((await failure(() => decodeImage(Buffer.from(page)))).got).to.equal('an HTML page');
    });
    await withServer(
      (_, response) => response.end(),
      async (url) => expect((await failure(() => decodeImage(url))).got).to.equal('no bytes at all'),
    );
  });

  it('holds a server to the limits', async () => {
    const answer = (path: string, response: ServerResponse) => {
      if (path === '/silent') return;
      response.on('error', () => {});
      const more = () => {
        while (!response.destroyed && response.write(new Uint8Array(10_000)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await withServer(answer, async (url) => {
      expect((await failure(() => decodeImage(`${url}/endless`, { maxBytes: 1e6 }))).got).to.equal('more');
      const late = await failure(() => decodeImage(`${url}/silent`, { timeoutSeconds: 0.1 }));
      expect(late).to.include({ code: 'E_LIMIT', path: `${url}/silent`, wanted: 'to be read in 0.1 seconds' });
    });
  });
});

describe('ImageSource: decoded pixels', () => {
  it('are as they were', async () => {
    const pixels: RawImage = gradient(2, 2, 4);
    expect(await decodeImage(pixels)).to.equal(pixels);
  });
});
