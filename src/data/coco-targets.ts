import { isOutline } from '../boxes/polygon.js';
import type { DetectionTarget } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { Mask } from '../image/mask.js';
import { type CocoId, shorten } from '../metrics/coco.js';
import type { CocoAnnotation, CocoDataset, CocoImage } from './coco-dataset.js';
import { hasOutline } from './coco-gaps.js';

type Labels = Readonly<Record<number, string>>;

/** How the categories of a dataset and the classes of a model go together: by their names. */
export interface CategoryMatch {
  /** The label of a category, by its id. */
  readonly labels: ReadonlyMap<CocoId, number>;
  /** The categories that the model has no class for: names with a suggestion, by id. */
  readonly unknown: ReadonlyMap<CocoId, string>;
}

/** Throws E_ARGUMENT where no category is one of the classes. */
export function matchCategories(categories: CocoDataset['categories'], id2label: Labels): CategoryMatch {
  const names = Object.values(id2label);
  const labels = new Map<CocoId, number>();
  const unknown = new Map<CocoId, string>();
  for (const { id, name } of categories) {
    const label = Object.keys(id2label).find((label) => id2label[Number(label)] === name);
    const suggestion = label === undefined && name !== undefined ? didYouMean(name, names) : undefined;
    if (label !== undefined) labels.set(id, Number(label));
    else unknown.set(id, `${name ?? `${id}, which has no name`}${suggestion ? ` (${suggestion})` : ''}`);
  }
  if (labels.size > 0) return { labels, unknown };
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'categories',
    wanted: `classes of the model: ${shorten(names)}`,
    got: unknown.size > 0 ? shorten([...unknown.values()]) : 'none',
  });
}

/** The ids of the categories that are classes, by name. Throws E_ARGUMENT where two have one name, since either could be meant. */
export function categoriesByName(
  categories: CocoDataset['categories'],
  labels: CategoryMatch['labels'],
): ReadonlyMap<string, CocoId> {
  const ids = new Map<string, CocoId>();
  for (const { id, name } of categories) {
    if (name === undefined || !labels.has(id)) continue;
    const other = ids.get(name);
    if (other !== undefined) {
      const got = `${show(other)} and ${show(id)}`;
      throw new ConvNextV2Error('E_ARGUMENT', { path: 'categories', wanted: `one category named ${show(name)}`, got });
    }
    ids.set(name, id);
  }
  return ids;
}

/**
 * What a model with these classes has to find in a picture: its objects with an area, without crowds, and their masks where
 * any object of the dataset has one. An object without outlines, or with some that enclose no pixel, has `null` for a mask; parts
 * of outlines with fewer than three corners are left out. Throws E_ARGUMENT for objects of a category that is no class; what it
 * gives, E_ARGUMENT for polygons or run lengths that cannot be, and for an image without a size where outlines are to be drawn.
 */
export function cocoTargets(
  { categories, annotations }: CocoDataset,
  id2label: Labels,
): (image: CocoImage) => DetectionTarget {
  const { labels, unknown } = matchCategories(categories, id2label);
  const used = new Set(annotations.map(({ category_id }) => category_id));
  const missing = [...unknown].filter(([id]) => used.has(id)).map(([, name]) => name);
  if (missing.length > 0) {
    const wanted = `classes of the model: ${shorten(Object.values(id2label))}`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'categories', wanted, got: shorten(missing) });
  }
  const byPicture = new Map<CocoId, CocoAnnotation[]>();
  for (const object of annotations) {
    const [, , width, height] = object.bbox;
    if (Number(object.iscrowd) === 1 || width === 0 || height === 0 || !labels.has(object.category_id)) continue;
    const own = byPicture.get(object.image_id);
    if (own) own.push(object);
    else byPicture.set(object.image_id, [object]);
  }
  const withMasks = annotations.some(hasOutline);
  return (image) => {
    const own = byPicture.get(image.id) ?? [];
    return {
      boxes: Float32Array.from(own.flatMap(({ bbox: [x, y, width, height] }) => [x, y, x + width, y + height])),
      labels: Int32Array.from(own, ({ category_id }) => labels.get(category_id)!),
      ...(withMasks && { masks: own.map((object) => maskOf(object, image)) }),
    };
  };
}

function maskOf(object: CocoAnnotation, { id, height, width }: CocoImage): Mask | null {
  const { segmentation } = object;
  if (!segmentation || !hasOutline(object)) return null;
  let mask: Mask;
  if ('counts' in segmentation) mask = Mask.fromRLE(segmentation);
  else if (height !== undefined && width !== undefined) {
    mask = Mask.fromPolygons(segmentation.filter(isOutline), height, width);
  } else {
    const wanted = 'height and width, to draw outlines';
    throw new ConvNextV2Error('E_ARGUMENT', { path: `image ${show(id)}`, wanted, got: 'none' });
  }
  return mask.area > 0 ? mask : null;
}
