import { type Polygon, polygonToRle } from '../boxes/polygon.js';
import { area, boxOf, type CocoRle, intersection, merge, type Rle, readRle } from '../boxes/rle.js';
import { ConvNextV2Error, didYouMean } from '../errors.js';

/** A COCO annotation file, as far as it is measured by. */
export interface CocoTruths {
  readonly images: readonly { readonly id: number; readonly height?: number; readonly width?: number }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly CocoTruth[];
}

/** An object that is there, as COCO annotates it. */
export interface CocoTruth {
  readonly image_id: number;
  readonly category_id: number;
  /** [x, y, width, height] */
  readonly bbox: readonly number[];
  readonly area: number;
  /** 1: a crowd, of which any part may be found any number of times. */
  readonly iscrowd?: number;
  readonly segmentation?: CocoRle | readonly Polygon[];
}

/** One object of a COCO results file. */
export interface CocoResult {
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  /** [x, y, width, height] */
  readonly bbox?: readonly number[];
  readonly segmentation?: CocoRle;
}

/** Something with a place in a picture, by its box or its mask. */
export interface Place {
  readonly area: number;
  /** [x, y, width, height] */
  readonly box: readonly number[];
  readonly mask?: Rle;
}

/** What is compared: boxes or masks. */
export type CocoKind = 'bbox' | 'segm';

/** The place of a truth. Throws E_ARGUMENT where it has none of this kind. */
export function placeOfTruth(truth: CocoTruth, kind: CocoKind, size: readonly [number, number], path: string): Place {
  if (kind === 'bbox') return { area: truth.area, box: checkBox(truth.bbox, `${path}.bbox`) };
  const mask = readMask(truth.segmentation, size, `${path}.segmentation`);
  return { area: truth.area, box: boxOf(mask), mask };
}

/** The place of a result. Throws E_ARGUMENT where it has none of this kind. */
export function placeOfResult(result: CocoResult, kind: CocoKind, path: string): Place {
  if (kind === 'bbox') {
    const box = checkBox(result.bbox, `${path}.bbox`);
    return { area: box[2] * box[3], box };
  }
  const mask = readRle(result.segmentation, `${path}.segmentation`);
  return { area: area(mask), box: boxOf(mask), mask };
}

function checkBox(box: unknown, path: string): readonly number[] {
  if (Array.isArray(box) && box.length === 4 && box.every(Number.isFinite)) return box;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path,
    wanted: 'a box: x, y, width, height',
    got: JSON.stringify(box) ?? 'none',
  });
}

function readMask(value: unknown, [height, width]: readonly [number, number], path: string): Rle {
  if (!Array.isArray(value)) return readRle(value, path);
  if (value.length === 0) return { size: [height, width], counts: [height * width] };
  return merge(
    value.map((polygon, i) => polygonToRle(polygon, height, width, `${path}[${i}]`)),
    'union',
  );
}

/**
 * The share of what both cover of what they cover together; of a crowd's, of what the found one covers. Boxes are [x, y, width,
 * height]. As pycocotools.mask.iou.
 */
export function cocoOverlap(found: Place, truth: Place, isCrowd: boolean): number {
  const shared = sharedByBoxes(found.box, truth.box);
  if (shared <= 0) return 0;
  if (!found.mask || !truth.mask) {
    const [foundArea, truthArea] = [found.box[2] * found.box[3], truth.box[2] * truth.box[3]];
    return shared / (isCrowd ? foundArea : foundArea + truthArea - shared);
  }
  const both = intersection(found.mask, truth.mask);
  if (both === 0) return 0;
  return both / (isCrowd ? area(found.mask) : area(found.mask) + area(truth.mask) - both);
}

function sharedByBoxes([x, y, w, h]: readonly number[], [u, v, s, t]: readonly number[]): number {
  const width = Math.min(x + w, u + s) - Math.max(x, u);
  const height = Math.min(y + h, v + t) - Math.max(y, v);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Throws E_ARGUMENT for a result of a picture or a category that the truths do not have, with the nearest. */
export function checkResults({ images, categories }: CocoTruths, results: readonly CocoResult[]): void {
  const pictures = new Set(images.map(({ id }) => id));
  const classes = new Set(categories.map(({ id }) => id));
  for (const [i, { image_id, category_id, score }] of results.entries()) {
    const refuse = (key: string, wanted: string, got: unknown, known: Iterable<number>): never => {
      const suggestion = didYouMean(String(got), [...known].map(String).slice(0, 100_000));
      throw new ConvNextV2Error('E_ARGUMENT', { path: `results[${i}].${key}`, wanted, got: String(got), suggestion });
    };
    if (!pictures.has(image_id)) refuse('image_id', 'a picture of the annotations', image_id, pictures);
    if (!classes.has(category_id)) refuse('category_id', 'a category of the annotations', category_id, classes);
    if (!Number.isFinite(score)) refuse('score', 'a number', score, []);
  }
}
