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
  const lines = fromBelow.map((object) => outline(object, colourOf(object), photo));
  const labels = placeLabels(fromBelow.toReversed(), photo).map((plate) => drawnLabel(plate, colourOf(plate.object)));
  // the surest last, on top of the others
  return overlaySvg({ data, width, height, channels: 3 }, [...lines, ...labels.reverse()].join(''));
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

/** Sizes that go with a picture's, in pixels: of lines, and of a letter's dots. */
function measures({ width, height }: RawImage) {
  const longer = Math.max(width, height);
  return { line: Math.max(1.5, longer / 400), dot: Math.max(1, Math.round(longer / 500)) };
}

/** The sides of a box, such that its line is inside of the picture. */
function sidesOf({ box }: DrawnObject, photo: RawImage) {
  const inset = measures(photo).line / 2;
  const within = (value: number, most: number) => Math.min(Math.max(value, inset), Math.max(most - inset, inset));
  return {
    left: within(box.xmin, photo.width),
    top: within(box.ymin, photo.height),
    right: within(box.xmax, photo.width),
    bottom: within(box.ymax, photo.height),
  };
}

function outline(object: DrawnObject, [r, g, b]: Colour, photo: RawImage): string {
  const { left, top, right, bottom } = sidesOf(object, photo);
  const { line } = measures(photo);
  return `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="rgb(${r},${g},${b})" stroke-width="${line}"/>`;
}

/** A label, on a plate that lies inside of the picture. */
interface Plate {
  readonly object: DrawnObject;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly dot: number;
}

/** For each object, the surest first, a plate above its box, or else in it or below it: where it hides no other, if it can. */
function placeLabels(objects: readonly DrawnObject[], photo: RawImage): readonly Plate[] {
  const { line, dot } = measures(photo);
  const margin = 2 * dot;
  const height = (GLYPH.height + 2) * dot + 2 * margin;
  const letters = Math.max(0, Math.floor((photo.width - 2 * margin) / (GLYPH.advance * dot)));
  const plates: Plate[] = [];
  for (const object of objects) {
    const text = `${object.label} ${object.score.toFixed(2)}`.slice(0, letters);
    if (text === '') continue;
    const width = text.length * GLYPH.advance * dot - dot + 2 * margin;
    const { left, top, right, bottom } = sidesOf(object, photo);
    const inside = (value: number, side: number, most: number) =>
      Math.round(Math.min(Math.max(value, 0), Math.max(most - side, 0)));
    const [above, below] = [top - line / 2 - height, bottom + line / 2];
    const rows = [
      ...(above >= 0 ? [above] : []),
      top - line / 2,
      ...(below + height <= photo.height ? [below] : []),
      bottom + line / 2 - height,
    ];
    const places = [left - line / 2, right + line / 2 - width].flatMap((x) =>
      rows.map((y) => ({ x: inside(x, width, photo.width), y: inside(y, height, photo.height) })),
    );
    const isFree = ({ x, y }: { readonly x: number; readonly y: number }) =>
      plates.every((other) => {
        const apartX = x >= other.x + other.width || other.x >= x + width;
        return apartX || y >= other.y + other.height || other.y >= y + height;
      });
    plates.push({ object, text, width, height, dot, ...(places.find(isFree) ?? places[0]) });
  }
  return plates;
}

function drawnLabel({ text, x, y, width, height, dot }: Plate, [r, g, b]: Colour): string {
  const isBright = 0.299 * r + 0.587 * g + 0.114 * b > 140;
  const letters = textPath(text, x + 2 * dot, y + 2 * dot, dot);
  const plate = `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="rgb(${r},${g},${b})"/>`;
  return `${plate}<path d="${letters}" fill="${isBright ? 'black' : 'white'}"/>`;
}
