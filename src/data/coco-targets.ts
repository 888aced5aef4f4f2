import type { DetectionTarget } from '../contracts.js';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import { Mask } from '../image/mask.js';
import type { CocoAnnotation, CocoDataset, CocoImage } from './coco.js';

/** How the categories of a dataset and the classes of a model go together: by their names. */
export interface CategoryMatch {
  /** The label of a category, by its id. */
  readonly labels: ReadonlyMap<number, number>;
  /** The names of categories that are no classes, each with what was probably meant. */
  readonly strangers: readonly string[];
}

/** Throws E_ARGUMENT where no category is one of the classes. */
export function matchCategories(
  categories: CocoDataset['categories'],
  id2label: Readonly<Record<number, string>>,
): CategoryMatch {
  const names = Object.values(id2label);
  const labels = new Map<number, number>();
  const strangers: string[] = [];
  for (const { id, name } of categories) {
    const label = Object.keys(id2label).find((label) => id2label[Number(label)] === name);
    const suggestion = label === undefined ? didYouMean(name, names) : undefined;
    if (label !== undefined) labels.set(id, Number(label));
    else strangers.push(suggestion ? `${name} (${suggestion})` : name);
  }
  if (labels.size > 0) return { labels, strangers };
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'categories',
    wanted: `classes of the model: ${shorten(names)}`,
    got: shorten(strangers),
  });
}

/** The first names of a list. */
export const shorten = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');

/**
 * What a model with these classes has to find in a picture: its objects with an area, without crowds, and their masks where all
 * have one. Throws E_ARGUMENT for categories that are none of the classes; what it gives, E_ARGUMENT for polygons or run lengths
 * that are none.
 */
export function cocoTargets(
  { categories, annotations }: CocoDataset,
  id2label: Readonly<Record<number, string>>,
): (image: CocoImage) => DetectionTarget {
  const { labels, strangers } = matchCategories(categories, id2label);
  if (strangers.length > 0) {
    const wanted = `classes of the model: ${shorten(Object.values(id2label))}`;
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'categories', wanted, got: shorten(strangers) });
  }
  const byPicture = new Map<number, CocoAnnotation[]>();
  for (const object of annotations) {
    const [, , width, height] = object.bbox;
    if (object.iscrowd === 1 || width === 0 || height === 0) continue;
    const own = byPicture.get(object.image_id);
    if (own) own.push(object);
    else byPicture.set(object.image_id, [object]);
  }
  return (image) => {
    const own = byPicture.get(image.id) ?? [];
    return {
      boxes: Float32Array.from(own.flatMap(({ bbox: [x, y, width, height] }) => [x, y, x + width, y + height])),
      labels: Int32Array.from(own, ({ category_id }) => labels.get(category_id)!),
      ...(own.every(({ segmentation }) => segmentation) && { masks: own.map((object) => maskOf(object, image)) }),
    };
  };
}

function maskOf({ segmentation }: CocoAnnotation, { height, width }: CocoImage): Mask {
  return 'counts' in segmentation! ? Mask.fromRLE(segmentation) : Mask.fromPolygons(segmentation!, height, width);
}
