import { ConvNextV2Error } from '../errors.js';
import { convertRgb } from './convert-rgb.js';
import { blank, GAP, paste } from './draw.js';
import type { Colour, LabelMap } from './label-png.js';
import { checkRawImage, newBytes, type RawImage } from './raw-image.js';
import { drawText, LINE_HEIGHT, textWidth } from './text.js';

/** A line of a legend. */
export interface LegendEntry {
  readonly label: string;
  /** The index of the class, and so of its colour. */
  readonly id: number;
  /** Its pixels. */
  readonly area: number;
}

/** How much of the colours is seen over the photograph. */
const OPACITY = 0.55;
const SWATCH = 14;

/**
 * A photograph with the classes of its pixels as colours over it, and beside it a legend: each class that there is with its colour
 * and its share of the picture, as far as there is room; nothing beside it for an empty legend. Throws E_IMAGE for data that are no picture, E_SHAPE where the
 * classes are of another size.
 */
export function segmentationPicture(
  photograph: RawImage,
  classes: LabelMap,
  legend: readonly LegendEntry[],
  colours: readonly Colour[],
): RawImage {
  const photo = convertRgb(checkRawImage(photograph, 'photograph'));
  const overlay = overlaid(photo, classes, colours);
  if (legend.length === 0) return overlay;
  const pixels = photo.height * photo.width;
  const share = (area: number) => `${((100 * area) / pixels).toFixed(1)} %`;
  const lines = legend.map(({ label, id, area }) => ({ text: `${label}  ${share(area)}`, id }));
  const room = Math.max(1, Math.floor((Math.max(photo.height, LEAST_HEIGHT) + GAP) / LINE_HEIGHT));
  const shown = lines.slice(0, room);
  if (lines.length > room) shown[room - 1] = { text: `and ${lines.length - room + 1} more`, id: -1 };
  const width = SWATCH + GAP + Math.max(...shown.map(({ text }) => textWidth(text)));
  const canvas = blank(Math.max(photo.height, LINE_HEIGHT * shown.length) + 2 * GAP, photo.width + width + 3 * GAP);
  paste(canvas, overlay, GAP, GAP);
  const left = photo.width + 2 * GAP;
  for (const [i, { text, id }] of shown.entries()) {
    const top = GAP + i * LINE_HEIGHT;
    if (id >= 0) paste(canvas, square(colours[id]), left, top);
    drawText(canvas, text, left + SWATCH + GAP, top);
  }
  return canvas;
}

/** A legend beside a tiny picture may be so much higher than it. */
const LEAST_HEIGHT = 10 * LINE_HEIGHT;

function overlaid(photo: RawImage, { data, height, width }: LabelMap, colours: readonly Colour[]): RawImage {
  if (height !== photo.height || width !== photo.width || data.length !== height * width) {
    const wanted = `the classes of ${photo.height} x ${photo.width} pixels`;
    throw new ConvNextV2Error('E_SHAPE', { path: 'classes', wanted, got: `${height} x ${width}, ${data.length}` });
  }
  const mixed = newBytes(height, width, 3);
  for (let i = 0; i < mixed.length; i++) {
    const colour = colours[data[Math.floor(i / 3)]][i % 3];
    mixed[i] = Math.round((1 - OPACITY) * photo.data[i] + OPACITY * colour);
  }
  return { ...photo, data: mixed };
}

function square(colour: Colour): RawImage {
  const data = Uint8Array.from({ length: SWATCH * SWATCH * 3 }, (_, i) => colour[i % 3]);
  return { data, width: SWATCH, height: SWATCH, channels: 3 };
}
