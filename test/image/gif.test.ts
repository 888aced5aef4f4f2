import { expect } from 'chai';
import sharp from 'sharp';
import { decodeImage } from '../../src/image/decode.js';
import { failure } from '../helpers.js';
import { gradient, rows } from './helpers.js';

interface FrameInit {
  /** An index below 128 for each pixel, row after row as the file has them. */
  readonly indices: readonly number[];
  /** [left, top, width, height] */
  readonly box: readonly [number, number, number, number];
  readonly transparent?: number;
  readonly disposal?: number;
  readonly palette?: readonly number[];
  readonly interlaced?: boolean;
  /** In place of the compressed indices. */
  readonly data?: readonly number[];
}

const short = (...values: number[]) => values.flatMap((value) => [value & 255, value >> 8]);

/** Indices of 7 bits: as long as the table is cleared in time, each code is one byte. */
function uncompressed(indices: readonly number[]): readonly number[] {
  const codes = indices.flatMap((index, i) => (i % 100 === 0 ? [128, index] : [index]));
  return [...codes, 129];
}

function blocks(data: readonly number[]): readonly number[] {
  const parts = Array.from({ length: Math.ceil(data.length / 255) }, (_, i) => data.slice(255 * i, 255 * (i + 1)));
  return [...parts.flatMap((part) => [part.length, ...part]), 0];
}

const COLORS = [10, 20, 30, 200, 100, 50, 0, 0, 255, 9, 200, 9];

/** A GIF of a palette of four colors, or of none, and of frames. */
function gif(
  [width, height]: readonly [number, number],
  frames: readonly FrameInit[],
  { palette = COLORS, background = 0, before = [] as readonly number[] } = {},
): Uint8Array {
  const flags = palette.length > 0 ? 0x80 | 1 : 0;
  const body = frames.flatMap(({ indices, box, transparent, disposal = 0, palette: own, interlaced, data }) => [
    ...[0x21, 0xf9, 4, (disposal << 2) | (transparent === undefined ? 0 : 1), 0, 0, transparent ?? 0, 0],
    ...[0x2c, ...short(...box), (own ? 0x80 | 1 : 0) | (interlaced ? 0x40 : 0), ...(own ?? [])],
    ...[7, ...blocks(data ?? uncompressed(indices))],
  ]);
  const start = [...short(width, height), flags, background, 0, ...palette, ...before];
  return Uint8Array.from([...Buffer.from('GIF89a'), ...start, ...body, 0x3b]);
}

/** Rows of colors, of which A to D are those of COLORS. */
function colors(...lines: readonly string[]): number[][] {
  return lines.map((line) =>
    [...line].flatMap((letter) => COLORS.slice(3 * (letter.charCodeAt(0) - 65), 3 * (letter.charCodeAt(0) - 64))),
  );
}

/*
 * What is expected is what Pillow 13.0 gives for these files: np.asarray(Image.open(file).convert('RGB')). It disregards the
 * background color of the file; outside of the frame is the transparent color, or else the first one of the palette.
 */
describe('decodeImage: GIF', () => {
  const indices = [0, 1, 2, 3, 2, 1];
  const whole = [0, 0, 3, 2] as const;

  it('shows the color of transparent pixels, as PIL does', async () => {
    for (const transparent of [0, 1, 2, 3]) {
      const image = await decodeImage(gif([3, 2], [{ indices, box: whole, transparent }]));
      expect(rows(image)).to.deep.equal(colors('ABC', 'DCB'));
    }
  });

  it('keeps the alpha of a transparent color with mode as-is', async () => {
    const { channels, data } = await decodeImage(gif([3, 2], [{ indices, box: whole, transparent: 1 }]), {
      mode: 'as-is',
    });
    expect([channels, ...data.slice(0, 12)]).to.deep.equal([4, 10, 20, 30, 255, 200, 100, 50, 0, 0, 0, 255, 255]);
    const opaque = await decodeImage(gif([3, 2], [{ indices, box: whole }]), { mode: 'as-is' });
    expect(opaque).to.include({ channels: 3 });
  });

  it('fills what is outside of the frame, and makes room for a frame beyond the canvas', async () => {
    const box = [2, 1, 3, 2] as const;
    for (const background of [0, 3]) {
      for (const disposal of [0, 1, 2, 3]) {
        const draw = async (size: readonly [number, number], transparent?: number) =>
          rows(await decodeImage(gif(size, [{ indices, box, transparent, disposal }], { background })));
        expect(await draw([6, 4])).to.deep.equal(colors('AAAAAA', 'AAABCA', 'AADCBA', 'AAAAAA'));
        expect(await draw([6, 4], 3)).to.deep.equal(colors('DDDDDD', 'DDABCD', 'DDDCBD', 'DDDDDD'));
        expect(await draw([4, 2], 3)).to.deep.equal(colors('DDDDD', 'DDABC', 'DDDCB'));
      }
    }
  });

  it('takes the palette of the frame before that of the file, and values of gray where there is none', async () => {
    const own = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const local = await decodeImage(gif([3, 2], [{ indices, box: whole, palette: own, transparent: 1 }]));
    expect(rows(local)[0]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const gray = [0, 0, 0, 1, 1, 1, 2, 2, 2];
    for (const palette of [[], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]]) {
      const image = await decodeImage(gif([3, 2], [{ indices, box: whole, transparent: 1 }], { palette }));
      expect(rows(image)[0]).to.deep.equal(gray);
    }
    // a peculiarity of PIL: a local palette of 0, 1, 2... counts as none
    const ramp = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
    expect(rows(await decodeImage(gif([3, 2], [{ indices, box: whole, palette: ramp }])))[0]).to.deep.equal(
      colors('ABC')[0],
    );
  });

  it('has black for indices beyond the palette', async () => {
    const image = await decodeImage(gif([3, 2], [{ indices: [0, 4, 99, 1, 1, 1], box: whole }]));
    expect(rows(image)).to.deep.equal([[10, 20, 30, 0, 0, 0, 0, 0, 0], colors('BBB')[0]]);
  });

  it('puts the rows of an interlaced frame in order', async () => {
    // of 11 rows the passes have: 0 8, 4, 2 6 10, 1 3 5 7 9
    const stored = [0, 8, 4, 2, 6, 10, 1, 3, 5, 7, 9];
    const palette = Array.from({ length: 16 }, (_, i) => [i + 100, 0, 0]).flat();
    const box = [0, 0, 1, 11] as const;
    const file = gif([1, 11], [{ indices: stored, box, interlaced: true, transparent: 4 }], { palette: COLORS });
    // the palette of 16 colors takes another flag than that of four
    const bytes = Uint8Array.from([...file.slice(0, 10), 0x83, ...file.slice(11, 13), ...palette, ...file.slice(25)]);
    const { data } = await decodeImage(bytes);
    expect([...data].filter((_, i) => i % 3 === 0)).to.deep.equal(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((y) => y + 100),
    );
  });

  it('gives the first frame of an animation, whatever becomes of it afterwards', async () => {
    for (const disposal of [0, 1, 2, 3, 7]) {
      const frames = [indices, indices.toReversed()].map((pixels) => {
        return { indices: pixels, box: whole, transparent: 1, disposal };
      });
      expect(rows(await decodeImage(gif([3, 2], frames)))).to.deep.equal(colors('ABC', 'DCB'));
    }
  });

  it('skips comments, other extensions and stray bytes', async () => {
    const before = [0x21, 0xfe, 2, 72, 105, 0, 0, 0x21, 0xff, 3, 1, 2, 3, 2, 1, 0, 0, 0];
    const image = await decodeImage(gif([3, 2], [{ indices, box: whole }], { before }));
    expect(rows(image)).to.deep.equal(colors('ABC', 'DCB'));
  });

  it('unpacks codes of up to 12 bits, as libvips does', async () => {
    // noise fills the table of codes more than once
    let seed = 1;
    const noise = gradient(120, 90, 3);
    for (let i = 0; i < noise.data.length; i++) {
      seed = (1103515245 * seed + 12345) % 2 ** 31;
      noise.data[i] = seed >> 16;
    }
    for (const image of [noise, gradient(300, 200, 3)]) {
      const raw = { width: image.width, height: image.height, channels: 3 as const };
      const bytes = await sharp(image.data, { raw }).gif({ dither: 0 }).toBuffer();
      const { data } = await sharp(bytes)
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect((await decodeImage(bytes)).data).to.deep.equal(new Uint8Array(data));
    }
  });

  it('refuses what is no whole frame', async () => {
    const file = gif([3, 2], [{ indices, box: whole }]);
    for (let length = 6; length < file.length - 3; length++) {
      const error = await failure(() => decodeImage(file.subarray(0, length), { name: 'x.gif' }));
      expect(error, String(length)).to.include({ code: 'E_IMAGE', path: 'x.gif', got: 'one that ends too early' });
    }
    // PIL reads it as well: all pixels are there
    expect(rows(await decodeImage(file.subarray(0, file.length - 2)))).to.deep.equal(colors('ABC', 'DCB'));
    for (const [frame, got] of [
      [{ indices: [0, 1, 2], box: whole }, 'one with 3 of 6 pixels'],
      [{ indices, box: whole, data: [128, 0, 1] }, 'one with 2 of 6 pixels'],
      [{ indices, box: whole, data: [] }, 'one with 0 of 6 pixels'],
      [{ indices, box: [0, 0, 0, 2] }, 'a frame of 2 x 0 pixels'],
      [{ indices, box: whole, data: [128, 130] }, 'a code that stands for nothing'],
      [{ indices, box: whole, data: [128, 0, 131] }, 'a code that stands for nothing'],
    ] as const) {
      expect(await failure(() => decodeImage(gif([3, 2], [frame])))).to.include({ code: 'E_IMAGE', got });
    }
    expect(await failure(() => decodeImage(gif([3, 2], [])))).to.include({
      code: 'E_IMAGE',
      got: 'one without a frame',
    });
    const bits = Uint8Array.from(file);
    bits[file.length - 12] = 12;
    expect(file[file.length - 12]).to.equal(7);
    expect(await failure(() => decodeImage(bits))).to.include({ got: 'color indices of 12 bits' });
  });

  it('opens or refuses mutants', async () => {
    const frame = { indices, box: [1, 1, 3, 2], transparent: 1, palette: COLORS } as const;
    const file = gif([5, 4], [frame, { ...frame, interlaced: true }], { before: [0x21, 0xfe, 2, 72, 105, 0] });
    let seed = 1;
    const below = (count: number) => {
      seed = (1103515245 * seed + 12345) % 2 ** 31;
      return (seed >> 8) % count;
    };
    const counts = { opened: 0, E_IMAGE: 0, E_LIMIT: 0 };
    for (let i = 0; i < 3000; i++) {
      const mutant = Uint8Array.from(file);
      for (let n = below(3); n >= 0; n--) mutant[6 + below(file.length - 6)] = [0, 1, 255, below(256)][below(4)];
      try {
        const { data, width, height } = await decodeImage(mutant, { maxPixels: 1e5 });
        expect(data.length).to.equal(3 * width * height);
        counts.opened++;
      } catch (error) {
        counts[Object(error).code as 'E_IMAGE' | 'E_LIMIT']++;
      }
    }
    expect(counts.opened + counts.E_IMAGE + counts.E_LIMIT).to.equal(3000);
    expect(Math.min(counts.opened, counts.E_IMAGE, counts.E_LIMIT)).to.be.above(50);
  });

  it('checks the size before it makes room for it, and that of a frame beyond the canvas, too', async () => {
    for (const file of [
      gif([65_535, 65_535], [{ indices, box: whole }]),
      gif([3, 2], [{ indices, box: [65_535, 65_535, 3, 2] }]),
      gif([3, 2], [{ indices, box: [0, 0, 65_535, 65_535] }]),
    ]) {
      expect((await failure(() => decodeImage(file))).code).to.equal('E_LIMIT');
    }
    // within the limit, but the pixels are not there
    const error = await failure(() => decodeImage(gif([9_999, 9_999], [{ indices, box: [0, 0, 9_999, 9_999] }])));
    expect(error).to.include({ code: 'E_IMAGE', got: 'one with 6 of 99980001 pixels' });
  });
});
