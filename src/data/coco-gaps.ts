import { isOutline } from '../boxes/polygon.js';
import { show } from '../errors.js';
import { type CocoId, countOf, shorten } from '../metrics/coco.js';
import type { CategoryItem, CocoAnnotation, CocoFile } from './coco-dataset.js';

/** Warnings about entries that a file leaves out and that the metric can ignore: one line per kind. */
export function describeGaps(dataset: CocoFile, segmentations: 'keep' | 'leave-out'): readonly string[] {
  const { images, categories, annotations } = dataset;
  const [pictures, classes] = [images, categories].map((list) => new Set(list.map(({ id }) => id)));
  /** `3 images without a file_name: 1, 2, 7` */
  const line = (ids: readonly CocoId[], names: readonly [one: string, many: string], what: string) =>
    ids.length === 0 ? [] : [`${countOf(ids.length, ...names)} ${what}: ${shorten([...new Set(ids.map(show))])}`];
  const idsOf = <Item extends { readonly id: CocoId }>(items: readonly Item[], is: (item: Item) => boolean) =>
    items.filter(is).map(({ id }) => id);
  const IMAGE = ['image', 'images'] as const;
  const ANNOTATION = ['annotation', 'annotations'] as const;
  const imageIds = annotations.map(({ image_id }) => image_id);
  const categoryIds = annotations.map(({ category_id }) => category_id);
  const withOutline = segmentations === 'keep' ? annotations.filter(hasOutline).length : 0;
  const without = withOutline > 0 ? annotations.length - withOutline : 0;
  const root = categories.find((category) => isUnusedRoot(category, dataset));
  return [
    ...line(
      idsOf(images, ({ file_name }) => file_name === undefined),
      IMAGE,
      'without a file_name',
    ),
    ...line(
      idsOf(images, ({ height, width }) => height === undefined || width === undefined),
      IMAGE,
      'without height and width',
    ),
    ...line(
      idsOf(categories, ({ name }) => name === undefined),
      ['category', 'categories'],
      'without a name, shown by the id',
    ),
    ...(root ? [`the unused root category that Roboflow writes, left out: ${show(root.name ?? root.id)}`] : []),
    ...line(
      imageIds.filter((id) => !pictures.has(id)),
      ANNOTATION,
      'of images that are not listed, left out',
    ),
    ...line(
      categoryIds.filter((id) => !classes.has(id)),
      ANNOTATION,
      'of categories that are not listed, left out',
    ),
    ...(without > 0 ? [`${countOf(without, ...ANNOTATION)} without a mask, good for boxes and classes alone`] : []),
  ];
}

/** Whether an object has an outline that encloses something, or run lengths. */
export const hasOutline = ({ segmentation }: CocoAnnotation): boolean =>
  segmentation !== undefined && ('counts' in segmentation || segmentation.some(isOutline));

/**
 * Roboflow puts a category of id 0 over all others, as whose supercategory it is named; its own is `none`. As long as no object
 * is of it, it is no class.
 */
export function isUnusedRoot({ id, supercategory }: CategoryItem, { categories, annotations }: CocoFile): boolean {
  const isOnlyRoot = () => categories.filter((other) => other.supercategory === 'none').length === 1;
  return (
    id === 0 && supercategory === 'none' && isOnlyRoot() && !annotations.some(({ category_id }) => category_id === 0)
  );
}
