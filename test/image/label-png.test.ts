import { crc32, deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import { encodeLabelPng, readLabelPng } from '../../src/image/label-png.js';
import { classColours } from '../../src/image/palette.js';
import { failure } from '../helpers.js';

/** A PNG of these lines, each with the number of its filter before it. */
function png(width: number, height: number, [depth, colour, interlace]: readonly number[], lines: readonly number[]) {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const words = [data.length, crc32(body)].map((value) => {
      const word = Buffer.alloc(4);
      word.writeUInt32BE(value);
      return word;
    });
    return Buffer.concat([words[0], body, words[1]]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlace], 8);
  const parts = [
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Uint8Array.from(lines))),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]));
}

describe('label PNGs', () => {
  it('keep their values, and show colours', async () => {
    const data = Uint8Array.of(0, 1, 2, 255, 7, 3);
    const bytes = encodeLabelPng({ data, width: 3, height: 2 }, classColours(10));
    expect(await readLabelPng(bytes)).to.deep.equal({ data, width: 3, height: 2 });
    const seen = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect(seen.info.channels).to.equal(3);
    expect([...seen.data.subarray(3, 6)]).to.deep.equal(classColours(2)[1]);
  });

  it('have 16 bits where there are labels above 255', async () => {
    const data = Uint16Array.of(0, 256, 65535, 300);
    const bytes = encodeLabelPng({ data, width: 2, height: 2 }, []);
    expect(await readLabelPng(bytes)).to.deep.equal({ data, width: 2, height: 2 });
    expect((await sharp(bytes).metadata()).depth).to.equal('ushort');
  });

  it('are read as others write them: gray with filters, palettes of few bits, interlaced', async () => {
    const data = Uint8Array.from({ length: 37 * 23 }, (_, i) => (i * 31) % 151);
    const raw = { raw: { width: 37, height: 23, channels: 1 as const } };
    for (const progressive of [false, true]) {
      const bytes = await sharp(data, raw)
        .toColourspace('b-w')
        .png({ progressive, adaptiveFiltering: true })
        .toBuffer();
      expect(await readLabelPng(new Uint8Array(bytes))).to.deep.equal({ data, width: 37, height: 23 });
    }
    // 2 bits: 0b00011011 = 0, 1, 2, 3
    const two = await readLabelPng(png(3, 1, [2, 3, 0], [0, 0b00011011]));
    expect([...two.data]).to.deep.equal([0, 1, 2]);
    // each of the filters, of one byte a pixel: left, above, their mean, Paeth
    const filtered = png(2, 5, [8, 0, 0], [0, 10, 20, 1, 5, 5, 2, 1, 1, 3, 1, 1, 4, 1, 1]);
    expect([...(await readLabelPng(filtered)).data]).to.deep.equal([10, 20, 5, 10, 6, 11, 4, 8, 5, 9]);
  });

  const refused: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    'another file': [Uint8Array.from(Buffer.from('no picture')), /a PNG of gray or with a palette, got another file/],
    colours: [png(1, 1, [8, 2, 0], [0, 1, 2, 3]), /got colour type 2 of 8 bits/],
    'a depth that there is not': [png(1, 1, [3, 0, 0], [0, 1]), /colour type 0 of 3 bits/],
    'too few lines': [png(2, 2, [8, 0, 0], [0, 1, 2]), /fewer lines/],
    'more than its size': [
      png(
        1,
        1,
        [8, 0, 0],
        Array.from({ length: 9999 }, () => 0),
      ),
      /E_IMAGE/,
    ],
    'an unknown filter': [png(1, 1, [8, 0, 0], [9, 1]), /a filter that there is, got 9/],
    'one cut off': [png(9, 9, [8, 0, 0], [0]).subarray(0, 50), /ends too early/],
  };
  for (const [name, [bytes, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, async () => {
      const error = await failure(() => readLabelPng(bytes));
      expect(error.code).to.equal('E_IMAGE');
      expect(error.message).to.match(message);
    });
  }

  it('refuses a size beyond the limits, unseen, and a wrong checksum', async () => {
    expect((await failure(() => readLabelPng(png(60000, 60000, [8, 0, 0], [0])))).code).to.equal('E_LIMIT');
    const bytes = png(1, 1, [8, 0, 0], [0, 1]);
    bytes[20] ^= 1;
    expect((await failure(() => readLabelPng(bytes))).message).to.match(/wrong checksum|fewer lines/);
    const map = { data: Uint8Array.of(1), width: 2, height: 2 };
    expect((await failure(() => encodeLabelPng(map, []))).code).to.equal('E_IMAGE');
  });

  it('have colours that can be told apart', () => {
    const colours = classColours(150);
    const nearest = colours.flatMap((a, i) =>
      colours.slice(i + 1).map((b) => Math.hypot(...a.map((value, c) => value - b[c]))),
    );
    expect(Math.min(...nearest)).to.be.above(3);
    expect(classColours(3)).to.deep.equal(colours.slice(0, 3));
  });
});
