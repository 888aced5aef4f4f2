import type { BinaryMask } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { convertRgb } from './convert-rgb.js';
import type { Colour } from './label-png.js';
import { Mask } from './mask.js';
import { overlaySvg } from './overlay.js';
import { classColours } from './palette.js';
import { checkRawImage, type RawImage } from './raw-image.js';
import { GLYPH, textPath } from './text.js';

/** What is drawn of an object. */
export interface DrawnObject {
  readonly label: string;
  /** From 0 to 1. */
  readonly score: number;
  /** In pixels of the photograph. */
  readonly box: { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number };
  readonly mask?: BinaryMask;
}

/** How much of a mask's colour is seen over the photograph. */
const OPACITY = 0.45;

/**
 * A photograph with the boxes, labels and masks of objects over it, the surest on top. A class has one colour, which follows from
 * its place among `classes`, the names of all. Labels stay inside of the picture. Throws E_IMAGE for data that are no
 * picture, E_SHAPE for a mask of another size, E_PEER without sharp.
 */
export async function detectionPicture(
  photograph: RawImage,
  objects: readonly DrawnObject[],
  classes: readonly string[],
): Promise<RawImage> {
  const photo = convertRgb(checkRawImage(photograph, 'photograph'));
  const colours = classColours(classes.length + 1);
  const colourOf = ({ label }: DrawnObject): Colour =>
    colours[(classes.indexOf(label) + colours.length) % colours.length];
  const fromBelow = objects.toSorted((a, b) => a.score - b.score);
  const data = photo.data.slice();
  for (const object of fromBelow) if (object.mask) tint(data, photo, object.mask, colourOf(object));
  const { width, height } = photo;
  const drawings = fromBelow.map((object) => drawn(object, colourOf(object), photo));
  return overlaySvg({ data, width, height, channels: 3 }, drawings.join(''));
}

function tint(data: Uint8Array, { width, height }: RawImage, mask: BinaryMask, colour: Colour): void {
  if (mask.width !== width || mask.height !== height) {
    const got = `${mask.height} x ${mask.width}`;
    throw new ConvNextV2Error('E_SHAPE', { path: 'mask', wanted: `a mask of ${height} x ${width} pixels`, got });
  }
  const { bits } = new Mask(mask.bits, height, width);
  for (let pixel = 0; pixel < width * height; pixel++) {
    if ((bits[pixel >> 3] & (1 << (pixel & 7))) === 0) continue;
    for (let at = 3 * pixel; at < 3 * pixel + 3; at++) {
      data[at] = Math.round((1 - OPACITY) * data[at] + OPACITY * colour[at % 3]);
    }
  }
}

/** A box and its label, in sizes that go with the picture's. */
function drawn({ label, score, box }: DrawnObject, [r, g, b]: Colour, { width, height }: RawImage): string {
  const longer = Math.max(width, height);
  const line = Math.max(1.5, longer / 400);
  const unit = Math.max(1, Math.round(longer / 500)); // of a letter's pixels
  const within = (value: number, most: number) =>
    Math.min(Math.max(value, line / 2), Math.max(most - line / 2, line / 2));
  const [left, top] = [within(box.xmin, width), within(box.ymin, height)];
  const [right, bottom] = [within(box.xmax, width), within(box.ymax, height)];
  const colour = `rgb(${r},${g},${b})`;
  const outline = `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="${colour}" stroke-width="${line}"/>`;

  const margin = 2 * unit;
  const room = Math.floor((width - 2 * margin) / (GLYPH.advance * unit));
  const text = `${label} ${score.toFixed(2)}`.slice(0, Math.max(room, 0));
  if (text === '') return outline;
  const [plateWidth, plateHeight] = [
    text.length * GLYPH.advance * unit - unit + 2 * margin,
    (GLYPH.height + 2) * unit + 2 * margin,
  ];
  const x = Math.round(Math.min(Math.max(left - line / 2, 0), Math.max(width - plateWidth, 0)));
  // above the box where there is room, else in it
  const above = top - line / 2 - plateHeight;
  const y = Math.round(Math.max(Math.min(above >= 0 ? above : top - line / 2, height - plateHeight), 0));
  const isBright = 0.299 * r + 0.587 * g + 0.114 * b > 140;
  const plate = `<rect x="${x}" y="${y}" width="${plateWidth}" height="${plateHeight}" fill="${colour}"/>`;
  const letters = `<path d="${textPath(text, x + margin, y + margin, unit)}" fill="${isBright ? 'black' : 'white'}"/>`;
  return outline + plate + letters;
}
