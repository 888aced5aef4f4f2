import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import { decodeImage } from '../../src/image/decode.js';
import type { RawImage } from '../../src/image/raw-image.js';
import { failure, inFolder } from '../helpers.js';
import { gradient, picture, rows } from './helpers.js';

/** The picture for sharp to encode; 16 bits a value where asked. */
function encoder({ data, width, height, channels }: RawImage, bits: 8 | 16 = 8) {
  const raw = { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } };
  return bits === 8
    ? sharp(data, raw)
    : sharp(
        Uint16Array.from(data, (value) => value * 256 + 99),
        raw,
      );
}

function worst(a: RawImage, b: RawImage): number {
  expect([a.height, a.width, a.channels]).to.deep.equal([b.height, b.width, b.channels]);
  return Math.max(...a.data.map((value, i) => Math.abs(value - b.data[i])));
}

describe('decodeImage: formats', () => {
  const rgb = gradient(13, 18, 3);

  it('reads PNG, lossless WebP, TIFF and GIF exactly', async () => {
    const few = picture([
      [
        [255, 0, 0],
        [0, 255, 0],
        [9, 9, 9],
      ],
      [
        [0, 0, 255],
        [255, 0, 0],
        [1, 2, 3],
      ],
    ]);
    for (const bytes of [
      await encoder(few).png().toBuffer(),
      await encoder(few).png({ palette: true }).toBuffer(),
      await encoder(few).webp({ lossless: true }).toBuffer(),
      await encoder(few).tiff({ compression: 'lzw' }).toBuffer(),
      await encoder(few).gif().toBuffer(),
    ]) {
      expect(rows(await decodeImage(bytes))).to.deep.equal(rows(few));
    }
  });

  it('reads JPEG, WebP and AVIF to what their codecs leave', async () => {
    const smooth = { quality: 95, chromaSubsampling: '4:4:4' };
    expect(worst(await decodeImage(await encoder(rgb).jpeg(smooth).toBuffer()), rgb)).to.be.below(8);
    expect(
      worst(
        await decodeImage(
          await encoder(rgb)
            .jpeg({ ...smooth, progressive: true })
            .toBuffer(),
        ),
        rgb,
      ),
    ).to.be.below(8);
    expect(worst(await decodeImage(await encoder(rgb).webp({ quality: 100 }).toBuffer()), rgb)).to.be.below(16);
    expect(worst(await decodeImage(await encoder(rgb).avif(smooth).toBuffer()), rgb)).to.be.below(16);
  });

  it('gives the first frame of an animation', async () => {
    const frames = picture([[[250, 0, 0]], [[0, 0, 250]]]);
    const { data, width, channels } = frames;
    const raw = { width, height: 2, channels: channels as 3, pageHeight: 1 };
    for (const bytes of [
      await sharp(data, { raw })
        .gif({ delay: [50, 50] })
        .toBuffer(),
      await sharp(data, { raw })
        .webp({ lossless: true, delay: [50, 50] })
        .toBuffer(),
    ]) {
      expect(rows(await decodeImage(bytes))).to.deep.equal([[250, 0, 0]]);
    }
  });

  it('repeats gray, or keeps it one channel as it is', async () => {
    const gray = gradient(4, 5, 1);
    const bytes = await encoder(gray).toColourspace('b-w').png().toBuffer();
    expect((await decodeImage(bytes)).data).to.deep.equal(Uint8Array.from([...gray.data].flatMap((v) => [v, v, v])));
    expect(await decodeImage(bytes, { mode: 'as-is' })).to.deep.equal(gray);
    const jpeg = await encoder(gray).toColourspace('b-w').jpeg().toBuffer();
    expect(await decodeImage(jpeg, { mode: 'as-is' })).to.include({ height: 4, width: 5, channels: 1 });
  });

  it('drops alpha without blending, or keeps it as it is', async () => {
    const rgba = picture([
      [
        [200, 100, 50, 0],
        [1, 2, 3, 128],
      ],
    ]);
    for (const bytes of [
      await encoder(rgba).png().toBuffer(),
      await encoder(rgba).tiff({ compression: 'lzw' }).toBuffer(),
    ]) {
      expect(rows(await decodeImage(bytes))).to.deep.equal([[200, 100, 50, 1, 2, 3]]);
      expect(await decodeImage(bytes, { mode: 'as-is' })).to.deep.equal(rgba);
    }
  });

  it('keeps gray and alpha as two channels', async () => {
    const bytes = pngFile(
      picture([
        [
          [10, 0],
          [20, 128],
        ],
      ]),
      8,
    );
    expect(await decodeImage(bytes, { mode: 'as-is' })).to.deep.equal(
      picture([
        [
          [10, 0],
          [20, 128],
        ],
      ]),
    );
    expect(rows(await decodeImage(bytes))).to.deep.equal([[10, 10, 10, 20, 20, 20]]);
  });

  it('takes the upper 8 of 16 bits', async () => {
    for (const lowByte of [0, 99, 255]) {
      for (const channels of [1, 2, 3]) {
        const image = gradient(3, 4, channels);
        expect(await decodeImage(pngFile(image, 16, lowByte), { mode: 'as-is' })).to.deep.equal(image);
      }
    }
  });

  it('converts CMYK by colour', async () => {
    const muted = { ...rgb, data: rgb.data.map((value) => 90 + value / 4) };
    const bytes = await encoder(muted).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).to.equal('cmyk');
    expect(worst(await decodeImage(bytes), muted)).to.be.below(20);
    expect(await decodeImage(bytes, { mode: 'as-is' })).to.include({ channels: 3 });
  });

  it('disregards the colour profile of RGB', async () => {
    const bytes = await encoder(rgb).keepIccProfile().withIccProfile('p3', { attach: true }).png().toBuffer();
    const { data } = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
    expect(data.equals(rgb.data)).to.equal(false);
    expect((await decodeImage(bytes)).data).to.deep.equal(new Uint8Array(data));
  });

  it('turns the picture upright as EXIF says', async () => {
    // stored 0 1 2 / 3 4 5; the upright picture for each orientation
    const upright: readonly (readonly (readonly number[])[])[] = [
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [
        [2, 1, 0],
        [5, 4, 3],
      ],
      [
        [5, 4, 3],
        [2, 1, 0],
      ],
      [
        [3, 4, 5],
        [0, 1, 2],
      ],
      [
        [0, 3],
        [1, 4],
        [2, 5],
      ],
      [
        [3, 0],
        [4, 1],
        [5, 2],
      ],
      [
        [5, 2],
        [4, 1],
        [3, 0],
      ],
      [
        [2, 5],
        [1, 4],
        [0, 3],
      ],
    ];
    const stored = picture(
      [
        [0, 40, 80],
        [120, 160, 200],
      ].map((row) => row.map((value) => [value, value, value])),
    );
    for (const [i, want] of upright.entries()) {
      for (const bytes of [
        await encoder(stored)
          .withMetadata({ orientation: i + 1 })
          .png()
          .toBuffer(),
        await encoder(stored)
          .withMetadata({ orientation: i + 1 })
          .tiff({ compression: 'lzw' })
          .toBuffer(),
        await encoder(stored)
          .withMetadata({ orientation: i + 1 })
          .webp({ lossless: true })
          .toBuffer(),
        await encoder(stored)
          .withMetadata({ orientation: i + 1 })
          .jpeg({ quality: 100 })
          .toBuffer(),
      ]) {
        const image = await decodeImage(bytes);
        const firsts = rows(image).map((row) => row.filter((_, at) => at % 3 === 0).map((v) => Math.round(v / 40)));
        expect(firsts, `orientation ${i + 1}`).to.deep.equal(want);
      }
    }
  });
});

/** A PNG of gray (colour type 0), RGB (2) or gray and alpha (4), written by hand since sharp converts on its way. */
function pngFile({ data, height, width, channels }: RawImage, bits: 8 | 16, lowByte = 99): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, [0, 4, 2][channels - 1]], 8);
  const lines = rows({ data, height, width, channels }).map((row) => [
    0,
    ...row.flatMap((value) => (bits === 16 ? [value, lowByte] : [value])),
  ]);
  const chunk = (type: string, body: Uint8Array) => {
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    sum.writeUInt32BE(crc32(Buffer.concat([Buffer.from(type), body])));
    return Buffer.concat([length, Buffer.from(type), body, sum]);
  };
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const body = deflateSync(Uint8Array.from(lines.flat()));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', body), chunk('IEND', Buffer.alloc(0))]);
}

describe('decodeImage: sources', () => {
  it('takes a path, a file URL, bytes and decoded pixels', () =>
    inFolder(async (folder) => {
      const rgb = gradient(3, 4, 3);
      const bytes = await encoder(rgb).png().toBuffer();
      const path = join(folder, 'a picture.dat');
      await writeFile(path, bytes);
      const url = pathToFileURL(path);
      for (const source of [path, url, url.href, bytes, new Uint8Array(bytes)]) {
        expect(await decodeImage(source)).to.deep.equal(rgb);
      }
      expect(await decodeImage(rgb)).to.equal(rgb);
      const gray = gradient(2, 2, 1);
      expect(await decodeImage(gray)).to.equal(gray);
    }));

  it('checks decoded pixels', async () => {
    const image = { data: new Uint8Array(5), height: 2, width: 1, channels: 3 };
    expect(await failure(() => decodeImage(image, { name: 'images[3]' }))).to.include({
      code: 'E_IMAGE',
      path: 'images[3].data',
    });
    expect(await failure(() => decodeImage(gradient(5, 5, 1), { maxPixels: 24 }))).to.include({
      code: 'E_LIMIT',
      path: 'image',
    });
    expect((await failure(() => decodeImage(undefined as never))).code).to.equal('E_IMAGE');
    expect((await failure(() => decodeImage(null as never))).code).to.equal('E_IMAGE');
  });

  it('names the file that is not there, no file, or somewhere else', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'd.png'));
      for (const [source, path, got] of [
        [join(folder, 'a.png'), join(folder, 'a.png'), 'no such file'],
        [join(folder, 'd.png'), join(folder, 'd.png'), 'a folder'],
        [join(folder, 'a.png', 'b.png'), join(folder, 'a.png', 'b.png'), 'no such file'],
        ['/dev/null', '/dev/null', 'something that is not a plain file'],
        ['ftp://example.org/a.png', 'ftp://example.org/a.png', '"ftp://example.org/a.png"'],
        [new URL('file://host/a.png'), 'file://host/a.png', '"file://host/a.png"'],
        ['', '', 'no such file'],
        ['cat-10:30.png', 'cat-10:30.png', 'no such file'], // a colon alone makes no URL
      ] as const) {
        expect(await failure(() => decodeImage(source))).to.include({ code: 'E_IMAGE', path, got });
      }
    }));
});

describe('decodeImage: hostile files', () => {
  it('refuses what is none of the formats, whatever it is called', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'notes.jpg');
      await writeFile(path, 'Dear diary,\ntoday');
      const error = await failure(() => decodeImage(path));
      expect(error).to.include({ code: 'E_IMAGE', path, got: 'text that begins "Dear diary,\\ntoday"' });
      expect(error.wanted).to.equal('a JPEG, PNG, WebP, AVIF, TIFF or GIF picture');
    }));

  it('refuses formats that libvips opens and we do not', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
    for (const [bytes, got] of [
      [Buffer.alloc(0), 'no bytes at all'],
      [Buffer.from(svg), 'text that begins "<svg xmlns=\\"http://www.w"'],
      [Buffer.from('%PDF-1.7\n'), 'text that begins "%PDF-1.7\\n"'],
      [Buffer.from('P6 1 1 255 abc'), 'text that begins "P6 1 1 255 abc"'],
      [Buffer.from([0, 0, 0, 20, ...Buffer.from('ftypheic\0\0\0\0mif1')]), 'an ISO media file of brand "heic"'],
      [Buffer.from([0x08, 0xf2, 0xa6, 0xb6]), 'bytes that begin 08f2a6b6'],
    ] as const) {
      expect(await failure(() => decodeImage(bytes))).to.include({ code: 'E_IMAGE', path: 'image', got });
    }
  });

  it('refuses a PNG that claims 100,000 x 100,000 pixels, with or without the rest', async () => {
    const png = await encoder(gradient(1, 1, 3))
      .png()
      .toBuffer();
    png.writeUInt32BE(100_000, 16);
    png.writeUInt32BE(100_000, 20);
    for (const bytes of [png, png.subarray(0, 33), png.subarray(0, 24)]) {
      const error = await failure(() => decodeImage(bytes));
      expect(error).to.include({ code: 'E_LIMIT', wanted: 'at most 100000000 pixels' });
      expect(error.got).to.equal('100000 x 100000 = 10000000000');
    }
    expect((await failure(() => decodeImage(png, { maxPixels: Number.POSITIVE_INFINITY }))).code).to.equal('E_IMAGE');
  });

  it('holds to the limits, which an option raises', async () => {
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const) {
      const bytes = await encoder(gradient(20, 30, 3))
        .toFormat(format)
        .toBuffer();
      expect(await failure(() => decodeImage(bytes, { maxPixels: 599 })), format).to.include({
        code: 'E_LIMIT',
        path: 'image',
      });
      expect(await decodeImage(bytes, { maxPixels: 600 }), format).to.include({ height: 20, width: 30 });
      expect((await failure(() => decodeImage(bytes, { maxChannels: 2 }))).code, format).to.equal('E_LIMIT');
      expect((await failure(() => decodeImage(bytes, { maxBytes: bytes.length - 1 }))).code, format).to.equal(
        'E_LIMIT',
      );
      expect(await decodeImage(bytes, { maxBytes: bytes.length }), format).to.include({ height: 20 });
    }
  });

  it('does not read a file beyond maxBytes', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'long.png');
      await writeFile(path, Buffer.alloc(1001));
      const error = await failure(() => decodeImage(path, { maxBytes: 1000 }));
      expect(error).to.include({ code: 'E_LIMIT', path, got: '1001 bytes' });
    }));

  it('refuses limits that are none', async () => {
    for (const limit of ['maxPixels', 'maxBytes', 'maxChannels', 'timeoutSeconds']) {
      for (const value of [0, -1, Number.NaN, '9']) {
        const options = { [limit]: value } as never;
        expect(await failure(() => decodeImage(gradient(1, 1, 3), options))).to.include({
          code: 'E_ARGUMENT',
          path: limit,
        });
      }
    }
  });

  it('refuses a limit that there is none of: it would protect from nothing', async () => {
    const error = await failure(() => decodeImage(gradient(1, 1, 3), { maxPixel: 9 } as never));
    expect(error).to.include({ code: 'E_ARGUMENT', path: 'maxPixel', suggestion: 'did you mean "maxPixels"?' });
    expect(await decodeImage(gradient(1, 1, 3), { maxPixels: undefined })).to.include({ width: 1 });
  });

  it('refuses a mode that there is none of', async () => {
    for (const mode of ['gray', 'RGB', null]) {
      const error = await failure(() => decodeImage(gradient(1, 1, 3), { mode } as never));
      expect(error).to.include({ code: 'E_ARGUMENT', path: 'mode' });
    }
  });

  it('refuses a truncated file of every format', async () => {
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const) {
      const bytes = await encoder(gradient(40, 60, 3))
        .toFormat(format)
        .toBuffer();
      for (const share of [0.1, 0.5, 0.95]) {
        const error = await failure(() =>
          decodeImage(bytes.subarray(0, Math.floor(share * bytes.length)), { name: 'x' }),
        );
        expect(error, `${format} ${share}`).to.include({ code: 'E_IMAGE', path: 'x' });
      }
    }
  });

  it('says how to get sharp where it is not installed', async () => {
    const hooks = `export const resolve = (name, context, next) => {
      if (name === 'sharp') throw new Error("Cannot find package 'sharp'");
      return next(name, context);
    };`;
    const script = `
      import { register } from 'node:module';
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
      const { decodeImage } = await import(${JSON.stringify(new URL('../../src/image/decode.ts', import.meta.url).href)});
      const png = Buffer.from('89504e470d0a1a0a', 'hex');
      await decodeImage(png).catch((error) => console.log(JSON.stringify({ ...error, message: error.message })));`;
    const arguments_ = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, arguments_, { cwd });
    expect(JSON.parse(stdout)).to.include({
      code: 'E_PEER',
      path: 'sharp',
      got: "Cannot find package 'sharp'",
      suggestion: 'npm install sharp',
    });
  });
});
