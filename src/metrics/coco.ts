import { type Polygon, polygonToRle } from '../boxes/polygon.js';
import { area, boxOf, type CocoRle, intersection, merge, type Rle, readRle } from '../boxes/rle.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/** What an image, a category or an annotation is known by: a whole number, or a string in the files of some tools. */
export type CocoId = number | string;

/** A COCO annotation file, as far as it is measured by. Without a size only outlines cannot be drawn. */
export interface CocoTruths {
  readonly images: readonly { readonly id: CocoId; readonly height?: number; readonly width?: number }[];
  readonly categories: readonly { readonly id: CocoId; readonly name?: string }[];
  readonly annotations: readonly CocoTruth[];
}

/** An object that is there, as COCO annotates it. */
export interface CocoTruth {
  readonly image_id: CocoId;
  readonly category_id: CocoId;
  /** [x, y, width, height] */
  readonly bbox: readonly number[];
  /** In pixels; needed to measure, not to train. */
  readonly area?: number;
  /** 1: a crowd, of which any part may be found any number of times. */
  readonly iscrowd?: number | boolean;
  readonly segmentation?: CocoRle | readonly Polygon[];
}

/** One object of a COCO results file. */
export interface CocoResult {
  readonly image_id: CocoId;
  readonly category_id: CocoId;
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

/** As NumPy sorts them: numbers by size, strings by their characters. Numbers come before strings. */
export function compareIds(a: CocoId, b: CocoId): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  return typeof b === 'number' ? 1 : a < b ? -1 : Number(a > b);
}

/** The same id written the other way, as 7 and "7": whoever has both in one file has mixed them up. */
export const otherSpelling = (id: CocoId): CocoId => (typeof id === 'number' ? String(id) : Number(id));

/** `3 images`, `1 image` */
export const countOf = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** The first of what is listed. */
export const shorten = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');

/** The place of a truth. Throws E_ARGUMENT where it has none of this kind, or no area. */
export function placeOfTruth(
  truth: CocoTruth,
  kind: CocoKind,
  image: CocoTruths['images'][number],
  path: string,
): Place {
  const { area } = truth;
  if (area === undefined || !Number.isFinite(area)) {
    const wanted = 'a number: small, medium and large objects are told apart by it';
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: `${path}.area`,
      wanted,
      got: area === undefined ? 'none' : `${area}`,
    });
  }
  if (kind === 'bbox') return { area, box: checkBox(truth.bbox, `${path}.bbox`) };
  const mask = readMask(truth.segmentation, image, `${path}.segmentation`);
  return { area, box: boxOf(mask), mask };
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

/** Throws E_ARGUMENT for an object without a mask, which could not be found: pycocotools stops there too. */
function readMask(value: unknown, { id, height, width }: CocoTruths['images'][number], path: string): Rle {
  const refuse = (wanted: string, got: string, suggestion?: string): never => {
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got, suggestion });
  };
  if (value == null || (Array.isArray(value) && value.length === 0)) {
    const suggestion = 'leave the object out of the file, or measure boxes';
    return refuse('outlines or run lengths, since masks are measured', value == null ? 'none' : '[]', suggestion);
  }
  if (!Array.isArray(value)) return readRle(value, path);
  if (height === undefined || width === undefined) {
    return refuse(`the height and width of image ${show(id)}, to draw its outlines`, 'none');
  }
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

/**
 * Throws E_ARGUMENT for a result of an image that the truths do not list, with the nearest; for a score that is no number; and
 * where no result is of a category that they list. Gives a line about those that are of other categories, if there are any:
 * pycocotools leaves them out.
 */
export function checkResults({ images, categories }: CocoTruths, results: readonly CocoResult[]): string | undefined {
  const pictures = new Set(images.map(({ id }) => id));
  const classes = new Set(categories.map(({ id }) => id));
  const unlisted = results.filter(({ category_id }) => !classes.has(category_id));
  for (const [i, { image_id, category_id, score }] of results.entries()) {
    const refuse = (key: string, wanted: string, got: CocoId, known: ReadonlySet<CocoId> = new Set()): never => {
      const other = otherSpelling(got);
      const suggestion = known.has(other)
        ? `there it is ${typeof other === 'number' ? 'the number' : 'the string'} ${show(other)}`
        : didYouMean(String(got), [...known].map(String).slice(0, 100_000));
      throw new ConvNextV2Error('E_ARGUMENT', { path: `results[${i}].${key}`, wanted, got: show(got), suggestion });
    };
    if (!pictures.has(image_id)) refuse('image_id', 'a picture of the annotations', image_id, pictures);
    if (!classes.has(category_id) && (unlisted.length === results.length || classes.has(otherSpelling(category_id)))) {
      refuse('category_id', 'a category of the annotations', category_id, classes);
    }
    if (!Number.isFinite(score)) refuse('score', 'a number', score);
  }
  if (unlisted.length === 0) return undefined;
  const ids = [...new Set(unlisted.map(({ category_id }) => category_id))];
  return `${countOf(unlisted.length, 'result')} of categories that the annotations do not list, left out: ${shorten(ids.map(show))}`;
}
