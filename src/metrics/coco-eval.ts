import { ConvNextV2Error } from '../errors.js';
import {
  type CocoId,
  type CocoKind,
  type CocoResult,
  type CocoTruths,
  checkResults,
  cocoOverlap,
  compareIds,
  type Place,
  placeOfResult,
  placeOfTruth,
} from './coco.js';

/** pycocotools' twelve numbers; -1 where there is nothing to measure by. */
export interface CocoStats {
  /** Average precision, over overlaps of 0.5 to 0.95. */
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  /** Of objects below 32 x 32 pixels, below 96 x 96, and others. */
  readonly APs: number;
  readonly APm: number;
  readonly APl: number;
  /** Average recall with at most 1, 10 and 100 objects found in a picture. */
  readonly AR1: number;
  readonly AR10: number;
  readonly AR100: number;
  readonly ARs: number;
  readonly ARm: number;
  readonly ARl: number;
}

/** How well one category was found. */
export interface CategoryStats {
  readonly id: CocoId;
  /** Its id where it has no name. */
  readonly name: string;
  readonly AP: number;
  readonly AP50: number;
  readonly AR100: number;
}

const spaced = (from: number, to: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * ((to - from) / (count - 1))));

/** The overlaps from which on something counts as found. */
const OVERLAPS = spaced(0.5, 0.95, 10);
/** The recalls at which precision is read. */
const RECALLS = spaced(0, 1, 101);
/** How many objects of a picture count, at most. */
const MOST = [1, 10, 100] as const;
const AREAS = [
  [0, 1e5 ** 2],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e5 ** 2],
] as const;

/** The truths and results of one category in one picture. */
interface Cell {
  readonly truths: readonly (Place & { readonly isCrowd: boolean })[];
  /** The surest first. */
  readonly results: readonly (Place & { readonly score: number })[];
}

/** What became of a cell's results, of the objects of one range of areas. */
interface Verdicts {
  readonly scores: readonly number[];
  /** For each overlap and result whether it found something, and whether it counts at all. */
  readonly isMatch: Uint8Array;
  readonly isIgnored: Uint8Array;
  /** Truths that count. */
  readonly truths: number;
}

/**
 * COCO's average precision and recall of results, over all categories and of each, to the numbers of pycocotools. As there,
 * categories without an object count for nothing, and what is of images or categories that are not listed is left out;
 * `onWarning` (default: to stderr) hears of such results. Throws E_ARGUMENT for results of unknown images, for results none of
 * which is of a listed category, and for what has no box or mask; E_SHAPE for masks of two sizes in a picture.
 */
export function evaluateCoco(
  truths: CocoTruths,
  results: readonly CocoResult[],
  kind: CocoKind,
  { onWarning = console.warn }: { readonly onWarning?: (message: string) => void } = {},
): { readonly stats: CocoStats; readonly categories: readonly CategoryStats[] } {
  const warning = checkResults(truths, results);
  if (warning) onWarning(warning);
  const cells = cellsOf(truths, results, kind);
  const ids = truths.categories.map(({ id }) => id).sort(compareIds);
  // by category, range of areas and number of results
  const curves = ids.map((id) => {
    const own = cells.get(id) ?? [];
    const overlapsOf = own.map(overlapsIn);
    return AREAS.map((range) => {
      const verdicts = own.map((cell, i) => judge(cell, overlapsOf[i], range));
      return MOST.map((most) => curveOf(verdicts, most));
    });
  });
  const mean = (values: readonly number[]) => {
    const known = values.filter((value) => value > -1);
    return known.length === 0 ? -1 : known.reduce((a, b) => a + b, 0) / known.length;
  };
  const at = OVERLAPS.map((_, t) => t);
  const precision = (areas: number, overlaps: readonly number[] = at, own = curves) =>
    mean(own.flatMap((curve) => overlaps.flatMap((t) => curve[areas][2].precision[t])));
  const recall = (areas: number, most: number) => mean(curves.flatMap((curve) => curve[areas][most].recall));
  const names = new Map(truths.categories.map(({ id, name }) => [id, name]));
  return {
    stats: {
      AP: precision(0),
      AP50: precision(0, [0]),
      AP75: precision(0, [5]),
      APs: precision(1),
      APm: precision(2),
      APl: precision(3),
      AR1: recall(0, 0),
      AR10: recall(0, 1),
      AR100: recall(0, 2),
      ARs: recall(1, 2),
      ARm: recall(2, 2),
      ARl: recall(3, 2),
    },
    categories: ids.map((id, i) => ({
      id,
      name: names.get(id) ?? String(id),
      AP: precision(0, at, [curves[i]]),
      AP50: precision(0, [0], [curves[i]]),
      AR100: curves[i][0][2].recall.reduce((a, b) => a + b, 0) / OVERLAPS.length,
    })),
  };
}

/** By category, its pictures with anything in them, in the order of their ids. */
function cellsOf(
  { images, categories, annotations }: CocoTruths,
  results: readonly CocoResult[],
  kind: CocoKind,
): ReadonlyMap<CocoId, readonly Cell[]> {
  const byId = new Map(images.map((image) => [image.id, image]));
  const known = new Set(categories.map(({ id }) => id));
  const checkSize = sizeChecker();
  const byCategory = new Map<
    CocoId,
    Map<CocoId, { truths: Cell['truths'][number][]; results: Cell['results'][number][] }>
  >();
  const cell = (category: CocoId, picture: CocoId) => {
    const pictures = byCategory.get(category) ?? new Map();
    byCategory.set(category, pictures);
    const found = pictures.get(picture) ?? { truths: [], results: [] };
    pictures.set(picture, found);
    return found;
  };
  for (const [i, truth] of annotations.entries()) {
    const image = byId.get(truth.image_id);
    if (!image || !known.has(truth.category_id)) continue; // as pycocotools
    const place = placeOfTruth(truth, kind, image, `annotations[${i}]`);
    checkSize(image.id, place, `annotations[${i}]`);
    cell(truth.category_id, truth.image_id).truths.push({ ...place, isCrowd: Number(truth.iscrowd) === 1 });
  }
  for (const [i, result] of results.entries()) {
    if (!known.has(result.category_id)) continue;
    const place = placeOfResult(result, kind, `results[${i}]`);
    checkSize(result.image_id, place, `results[${i}]`);
    cell(result.category_id, result.image_id).results.push({ ...place, score: result.score });
  }
  return new Map(
    [...byCategory].map(([category, pictures]) => {
      const inOrder = [...pictures].sort(([a], [b]) => compareIds(a, b)).map(([, own]) => own);
      const best = (own: Cell['results']) => own.toSorted((a, b) => b.score - a.score).slice(0, MOST[2]);
      return [category, inOrder.map((own) => ({ truths: own.truths, results: best(own.results) }))];
    }),
  );
}

/** Checks that all masks of a picture have the size of its first. */
function sizeChecker() {
  const firsts = new Map<CocoId, { readonly size: string; readonly path: string }>();
  return (image: CocoId, { mask }: Place, path: string): void => {
    if (!mask) return;
    const size = mask.size.join(' x ');
    const first = firsts.get(image) ?? { size, path };
    firsts.set(image, first);
    if (first.size === size) return;
    const wanted = `a mask of ${first.size}, as ${first.path} of the same picture has`;
    throw new ConvNextV2Error('E_SHAPE', { path: `${path}.segmentation`, wanted, got: size });
  };
}

/** Of each result with each truth. */
function overlapsIn({ truths, results }: Cell): Float64Array {
  const values = new Float64Array(results.length * truths.length);
  for (const [r, result] of results.entries()) {
    for (const [t, truth] of truths.entries()) {
      values[r * truths.length + t] = cocoOverlap(result, truth, truth.isCrowd);
    }
  }
  return values;
}

/** Gives each result, the surest first, the truth that it overlaps most and that no other has; crowds are had by many. */
function judge({ truths, results }: Cell, overlaps: Float64Array, [least, most]: readonly [number, number]): Verdicts {
  const isOutside = ({ area }: Place) => area < least || area > most;
  const isIgnored = truths.map((truth) => truth.isCrowd || isOutside(truth));
  // those that count come first: a result is theirs rather than an ignored one's
  const order = truths.map((_, t) => t).sort((a, b) => Number(isIgnored[a]) - Number(isIgnored[b]));
  const verdicts = {
    scores: results.map(({ score }) => score),
    isMatch: new Uint8Array(OVERLAPS.length * results.length),
    isIgnored: new Uint8Array(OVERLAPS.length * results.length),
    truths: isIgnored.filter((ignored) => !ignored).length,
  };
  for (const [o, threshold] of OVERLAPS.entries()) {
    const isTaken = new Uint8Array(truths.length);
    for (let r = 0; r < results.length; r++) {
      let best = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const t of order) {
        if (isTaken[t] && !truths[t].isCrowd) continue;
        if (match >= 0 && !isIgnored[match] && isIgnored[t]) break;
        const overlap = overlaps[r * truths.length + t];
        if (overlap < best) continue;
        best = overlap;
        match = t;
      }
      const at = o * results.length + r;
      if (match >= 0) {
        isTaken[match] = 1;
        verdicts.isMatch[at] = 1;
      }
      verdicts.isIgnored[at] = Number(match >= 0 ? isIgnored[match] : isOutside(results[r]));
    }
  }
  return verdicts;
}

/** For each overlap, precision at each recall, and the recall that is reached; -1 where there is no truth. */
interface Curve {
  readonly precision: readonly (readonly number[])[];
  readonly recall: readonly number[];
}

/** What is added to denominators, so that none is 0: the spacing of doubles at 1. */
const SPACING = 2 ** -52;

function curveOf(verdicts: readonly Verdicts[], most: number): Curve {
  const truths = verdicts.reduce((sum, verdict) => sum + verdict.truths, 0);
  if (truths === 0) {
    return { precision: OVERLAPS.map(() => RECALLS.map(() => -1)), recall: OVERLAPS.map(() => -1) };
  }
  const all = verdicts.flatMap((verdict) => verdict.scores.slice(0, most).map((score, r) => ({ score, verdict, r })));
  all.sort((a, b) => b.score - a.score);
  const curves = OVERLAPS.map((_, o) => {
    const recalls: number[] = [];
    const precisions: number[] = [];
    let [right, wrong] = [0, 0];
    for (const { verdict, r } of all) {
      const at = o * verdict.scores.length + r;
      if (!verdict.isIgnored[at]) {
        if (verdict.isMatch[at]) right++;
        else wrong++;
      }
      recalls.push(right / truths);
      precisions.push(right / (right + wrong + SPACING));
    }
    for (let i = precisions.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i]);
    let at = 0;
    const precision = RECALLS.map((recall) => {
      while (at < recalls.length && recalls[at] < recall) at++;
      return precisions[at] ?? 0;
    });
    return { precision, recall: recalls.at(-1) ?? 0 };
  });
  return { precision: curves.map(({ precision }) => precision), recall: curves.map(({ recall }) => recall) };
}
