import { expect } from 'chai';
import { drawText, LINE_HEIGHT, textWidth } from '../../src/image/text.js';

/** What is drawn, one character a letter's dot (2 x 2 pixels). */
function drawn(text: string): string[] {
  const [width, height] = [textWidth(text), LINE_HEIGHT];
  const canvas = { data: new Uint8Array(width * height * 3).fill(255), width, height, channels: 3 };
  drawText(canvas, text, 0, 0);
  return Array.from({ length: height / 2 }, (_, y) =>
    Array.from({ length: width / 2 }, (_, x) => {
      const dots = [0, 1].flatMap((dy) => [0, 1].map((dx) => canvas.data[((2 * y + dy) * width + 2 * x + dx) * 3 + 1]));
      expect(new Set(dots).size).to.equal(1);
      return dots[0] === 255 ? '.' : '#';
    }).join(''),
  );
}

describe('drawText', () => {
  it('draws letters of 5 x 7 dots, and tails below', () => {
    expect(drawn('1p')).to.deep.equal([
      '..#.........',
      '.##.........',
      '..#...####..',
      '..#...#...#.',
      '..#...#...#.',
      '..#...#...#.',
      '.###..####..',
      '......#.....',
      '......#.....',
      '............',
      '............',
    ]);
  });

  it('has every letter, digit and sign of a label, each another', () => {
    const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789.,-%():/_' "].map((letter) => drawn(letter).join('\n'));
    expect(new Set(letters).size).to.equal(letters.length);
  });

  it('draws capitals small, and what it lacks as a dash', () => {
    expect(drawn('Stage')).to.deep.equal(drawn('stage'));
    expect(drawn('\u00e9')).to.deep.equal(drawn('-'));
    expect(drawn('constructor')).to.have.length(11);
  });
});
