import { posix, resolve, sep } from 'node:path';
import type { CocoImage } from '../data/coco-dataset.js';
import { ConvNextV2Error, didYouMean, type Problem } from '../errors.js';
import type { CocoId } from '../metrics/coco.js';

function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

const pathOf = (picture: string): string => resolve(picture).replaceAll(sep, '/');

/**
 * An id for each picture, whatever their order: a picture called by a number has that, if no other one is and doubles hold it
 * exactly; the others, in the order of their paths, have the numbers from 1 on that are left. One file that is given twice has
 * one id.
 */
export function numberPictures(pictures: readonly string[]): ReadonlyMap<string, number> {
  const paths = [...new Set(pictures.map(pathOf))].sort();
  const byNumber = groupBy(paths, numberOf);
  const isOwn = (number: number | undefined): number is number =>
    number !== undefined && byNumber.get(number)?.length === 1;
  const ids = new Map<string, number>();
  let next = 1;
  for (const path of paths) {
    const number = numberOf(path);
    while (isOwn(next)) next++;
    ids.set(path, isOwn(number) ? number : next++);
  }
  return new Map(pictures.map((picture) => [picture, ids.get(pathOf(picture))!]));
}

/** The number that a picture is called by: COCO's are called 000000000139.jpg. */
function numberOf(path: string): number | undefined {
  const { name } = posix.parse(path);
  return /^\d+$/.test(name) && Number.isSafeInteger(Number(name)) ? Number(name) : undefined;
}

/**
 * The ids that the images of an annotation file have, found by the end of a picture's path, or else by the name of the file
 * alone where one image is called so. Throws E_ARGUMENT with all pictures that are not in the file, could be several of its
 * images, or would share one.
 */
export function findImageIds(
  pictures: readonly string[],
  images: readonly CocoImage[],
  file: string,
): ReadonlyMap<string, CocoId> {
  const named = images.flatMap(({ id, file_name }) =>
    file_name === undefined ? [] : [{ id, path: posix.normalize(file_name.replaceAll('\\', '/')) }],
  );
  const byName = groupBy(named, ({ path }) => posix.basename(path));
  const owners = new Map<CocoId, string>();
  const problems: Problem[] = [];
  const ids = new Map<string, CocoId>();
  /** The longest ends of paths go first, so that a mere name takes nothing from them. */
  const matches = [...new Set(pictures)].map((picture) => {
    const path = pathOf(picture);
    const candidates = byName.get(posix.basename(path)) ?? [];
    const ends = candidates.filter((image) => path === image.path || path.endsWith(`/${image.path}`));
    const length = Math.max(0, ...ends.map((image) => image.path.length));
    const best = length > 0 ? ends.filter((image) => image.path.length === length) : candidates;
    return { picture, path, length, best };
  });
  for (const { picture, path, best } of matches.sort((a, b) => b.length - a.length)) {
    const refuse = (got: string, suggestion?: string) =>
      problems.push({ path: picture, wanted: `one image of ${file} with this file_name`, got, suggestion });
    const owner = best.length === 1 ? owners.get(best[0].id) : undefined;
    const near = () => didYouMean(posix.basename(path), [...byName.keys()].slice(0, 100_000));
    if (best.length === 0) refuse('none', problems.length < 12 ? near() : undefined);
    else if (best.length > 1) refuse(`${best.length}: ${best.slice(0, 3).map((image) => image.path)}`);
    else if (owner !== undefined && owner !== path) refuse(`${best[0].path}, which is ${owner} already`);
    else {
      owners.set(best[0].id, path);
      ids.set(picture, best[0].id);
    }
  }
  if (problems.length > 0) throw new ConvNextV2Error('E_ARGUMENT', problems);
  return ids;
}
