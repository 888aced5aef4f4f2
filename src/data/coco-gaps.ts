import { isOutline } from '../boxes/polygon.js';
import { show } from '../errors.js';
import { type CocoId, countOf, shorten } from '../metrics/coco.js';
import type { CategoryItem, CocoAnnotation, CocoDataset, CocoReadOptions } from './coco.js';

type WithSupercategories = Omit<CocoDataset, 'categories'> & { readonly categories: readonly CategoryItem[] };

/** What a file lacks without harm, and what is therefore left out, a line for each kind. */
export function describeGaps(
  dataset: WithSupercategories,
  segmentations: NonNullable<CocoReadOptions['segmentations']>,
): readonly string[] {
  const { images, categories, annotations } = dataset;
  const [pictures, classes] = [images, categories].map((list) => new Set(list.map(({ id }) => id)));
  const ids = (list: readonly { readonly id: CocoId }[]) => shorten(list.map(({ id }) => show(id)));
  const unique = (key: 'image_id' | 'category_id', list: readonly CocoAnnotation[]) =>
    shorten([...new Set(list.map((object) => show(object[key])))]);
  const roots = categories.filter((category) => isUnusedRoot(category, dataset));
  const unnamed = images.filter(({ file_name }) => file_name === undefined);
  const unsized = images.filter(({ height, width }) => height === undefined || width === undefined);
  const nameless = categories.filter(({ name }) => name === undefined);
  const pictureless = annotations.filter(({ image_id }) => !pictures.has(image_id));
  const classless = annotations.filter(({ category_id }) => !classes.has(category_id));
  const outlined = segmentations === 'keep' ? annotations.filter(hasOutline).length : 0;
  const unoutlined = outlined > 0 ? annotations.length - outlined : 0;
  const lines: readonly (readonly [number, string])[] = [
    [unnamed.length, `${countOf(unnamed.length, 'image')} without a file_name: ${ids(unnamed)}`],
    [unsized.length, `${countOf(unsized.length, 'image')} without height and width: ${ids(unsized)}`],
    [
      nameless.length,
      `${countOf(nameless.length, 'category', 'categories')} without a name, shown by the id: ${ids(nameless)}`,
    ],
    [roots.length, `the unused root category that Roboflow writes, left out: ${show(roots[0]?.name ?? 0)}`],
    [
      pictureless.length,
      `${countOf(pictureless.length, 'annotation')} of images that are not listed, left out: ${unique('image_id', pictureless)}`,
    ],
    [
      classless.length,
      `${countOf(classless.length, 'annotation')} of categories that are not listed, left out: ${unique('category_id', classless)}`,
    ],
    [unoutlined, `${countOf(unoutlined, 'annotation')} without a mask, good for boxes and classes alone`],
  ];
  return lines.filter(([count]) => count > 0).map(([, line]) => line);
}

/** Whether an object has an outline that encloses something, or run lengths. */
export const hasOutline = ({ segmentation }: CocoAnnotation): boolean =>
  segmentation !== undefined && ('counts' in segmentation || segmentation.some(isOutline));

/**
 * Roboflow puts a category of id 0 over all others, as whose supercategory it is named; its own is `none`. As long as no object
 * is of it, it is no class.
 */
export function isUnusedRoot(
  { id, supercategory }: CategoryItem,
  { categories, annotations }: WithSupercategories,
): boolean {
  const isOnlyRoot = () => categories.filter((other) => other.supercategory === 'none').length === 1;
  return (
    id === 0 && supercategory === 'none' && isOnlyRoot() && !annotations.some((object) => object.category_id === 0)
  );
}
