import type { RawImage } from './raw-image.js';

/**
 * A 5 x 7 font, drawn here because SVG text needs fonts that a bare machine lacks. A glyph is its rows from the top, seven
 * and as many below the line as it needs, each a digit to the base 32 whose five bits are the pixels from the left.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  a: '00e1fhf',
  b: 'ggmphhu',
  c: '00eghhe',
  d: '11djhhf',
  e: '00ehvge',
  f: '698s888',
  g: '00fhhhf1e',
  h: 'ggmphhh',
  i: '40c444e',
  j: '2062222ic',
  k: 'ggikoki',
  l: 'c44444e',
  m: '00qllhh',
  n: '00mphhh',
  o: '00ehhhe',
  p: '00uhhhugg',
  q: '00fhhhf11',
  r: '00mpggg',
  s: '00ege1u',
  t: '88s8896',
  u: '00hhhjd',
  v: '00hhha4',
  w: '00hhlla',
  x: '00ha4ah',
  y: '00hhhhf1e',
  z: '00v248v',
  0: 'ehjlphe',
  1: '4c4444e',
  2: 'eh1248v',
  3: 'v2421he',
  4: '26aiv22',
  5: 'vgu11he',
  6: '68guhhe',
  7: 'v124888',
  8: 'ehhehhe',
  9: 'ehhf12c',
  '.': '00000cc',
  ',': '00000c48',
  '-': '000v000',
  '%': 'op248j3',
  '(': '2488842',
  ')': '8422248',
  ':': '0cc0cc0',
  '/': '122488g',
  _: '000000v',
  "'": '4480000',
  ' ': '0000000',
};
/** Stands for every character that the font lacks. */
const UNKNOWN = GLYPHS['-'];
const SCALE = 2;
const ADVANCE = 6 * SCALE;

/** The height of a line of text with the space below it, in pixels. */
export const LINE_HEIGHT = 11 * SCALE;

export function textWidth(text: string): number {
  return [...text].length * ADVANCE;
}

/** Writes dark letters into the pixels of `canvas`, which must have room for them to the right and below. */
export function drawText(canvas: RawImage, text: string, left: number, top: number): void {
  for (const [i, character] of [...text.toLowerCase()].entries()) {
    const glyph = GLYPHS[character] ?? UNKNOWN;
    for (let y = 0; y < glyph.length * SCALE; y++) {
      const row = Number.parseInt(glyph[Math.floor(y / SCALE)], 32);
      for (let x = 0; x < 5 * SCALE; x++) {
        if (!(row & (16 >> Math.floor(x / SCALE)))) continue;
        const pixel = (top + y) * canvas.width + left + i * ADVANCE + x;
        canvas.data.fill(40, pixel * canvas.channels, (pixel + 1) * canvas.channels);
      }
    }
  }
}

/** The height of a capital of `textPath`, and how far a letter reaches with the space behind it, in its own units. */
export const GLYPH = { height: 7, advance: 6 } as const;

/** The letters as the path of an SVG, from its upper left corner on, each pixel of the font being a square of `unit`. */
export function textPath(text: string, left: number, top: number, unit: number): string {
  return [...text.toLowerCase()]
    .flatMap((character, i) =>
      [...(GLYPHS[character] ?? UNKNOWN)].flatMap((digit, y) =>
        [0, 1, 2, 3, 4].flatMap((x) => {
          if (!(Number.parseInt(digit, 32) & (16 >> x))) return [];
          return [`M${left + (i * GLYPH.advance + x) * unit} ${top + y * unit}h${unit}v${unit}h${-unit}z`];
        }),
      ),
    )
    .join('');
}
