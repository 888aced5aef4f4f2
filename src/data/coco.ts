import { itemPath, readJsonLists } from '../config/json-lists.js';
import { type DataItem, validateItem } from '../config/validate.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { type CocoId, type CocoResult, otherSpelling } from '../metrics/coco.js';
import type { CategoryItem, CocoAnnotation, CocoDataset, CocoFile, CocoImage } from './coco-dataset.js';
import { describeGaps, isUnusedRoot } from './coco-gaps.js';

/** How a COCO annotation file is read. */
export interface CocoReadOptions {
  /**
   * `leave-out`: outlines and run lengths, most of a file, are neither checked nor held, for where only boxes are wanted.
   * Default `keep`.
   */
  readonly segmentations?: 'keep' | 'leave-out';
  /** Hears of each kind of gap in the file that does no harm, once and with a count. Default: prints it to stderr. */
  readonly onWarning?: (message: string) => void;
}

/** How a COCO results file is read: what is left out is not checked either. Default `keep`. */
export interface CocoResultOptions {
  readonly boxes?: 'keep' | 'leave-out';
  readonly segmentations?: 'keep' | 'leave-out';
}

const ITEMS = { images: 'image', categories: 'category', annotations: 'annotation' } as const;
type ListName = keyof typeof ITEMS;

/** What is kept of each item; files hold addresses, licences and dates as well. */
const KEYS: Readonly<Record<DataItem, readonly string[]>> = {
  image: ['id', 'file_name', 'height', 'width'],
  category: ['id', 'name', 'supercategory'],
  annotation: ['id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'segmentation'],
  result: ['image_id', 'category_id', 'score', 'bbox', 'segmentation'],
};

/**
 * Reads and checks a COCO annotation file of any size, item by item. What pycocotools does without may be missing: names, sizes,
 * areas, outlines, and the images or categories of some objects. The unused root category that Roboflow writes is left out.
 * Throws E_SOURCE where there is no such file; E_JSON with the first item that is wrong and all that is wrong with it, as
 * `instances.json: annotations[17].bbox`, and for an id that two items have; E_LIMIT for items above 64 MB.
 */
export async function readCocoAnnotations(
  path: string,
  { segmentations = 'keep', onWarning = console.warn }: CocoReadOptions = {},
): Promise<CocoDataset> {
  const left = segmentations === 'leave-out' ? ['segmentation'] : [];
  const read = await readLists(path, ['images', 'categories', 'annotations'], left);
  checkReferences(read, path);
  for (const gap of describeGaps(read, segmentations)) onWarning(`${path}: ${gap}`);
  const categories = read.categories.filter((category) => !isUnusedRoot(category, read));
  return { ...read, categories: categories.map(({ supercategory: _, ...category }) => category) };
}

/** The images and, if there are any, the categories of an annotation file. Throws as `readCocoAnnotations`. */
export async function readCocoImages(path: string): Promise<Pick<CocoDataset, 'images' | 'categories'>> {
  return readLists(path, ['images', 'categories'], [], ['images']);
}

/** Reads and checks a COCO results file of any size: a list of what was found. Throws as `readCocoAnnotations`. */
export async function readCocoResults(
  path: string,
  { boxes = 'keep', segmentations = 'keep' }: CocoResultOptions = {},
): Promise<readonly CocoResult[]> {
  const left = [...(boxes === 'leave-out' ? ['bbox'] : []), ...(segmentations === 'leave-out' ? ['segmentation'] : [])];
  const results: CocoResult[] = [];
  await readJsonLists(path, [], ({ list, index, value }) => {
    results.push(readItem('result', value, path + itemPath(list, index), left) as CocoResult);
  });
  return results;
}

/** Throws E_JSON for a list that is missing, for a wrong item, and for an id that two items of a list have. */
async function readLists(
  path: string,
  wanted: readonly ListName[],
  left: readonly string[],
  required = wanted,
): Promise<CocoFile> {
  const lists = { images: [] as CocoImage[], categories: [] as CategoryItem[], annotations: [] as CocoAnnotation[] };
  const keys = await readJsonLists(path, wanted, ({ list, index, value }) => {
    const name = list as ListName;
    lists[name].push(readItem(ITEMS[name], value, path + itemPath(list, index), left) as never);
  });
  for (const name of wanted) {
    if (required.includes(name) && !keys.includes(name)) {
      const suggestion = didYouMean(name, keys);
      throw new ConvNextV2Error('E_JSON', { path: `${path}.${name}`, wanted: 'a list', got: 'nothing', suggestion });
    }
    const places = new Map<CocoId, number>();
    for (const [i, { id }] of lists[name].entries()) {
      if (id === undefined || (typeof id === 'number' && !Number.isSafeInteger(id))) continue;
      const other = places.get(id);
      if (other !== undefined)
        refuseId(path, name, i, 'id', 'an id of its own', `${show(id)}, as ${name}[${other}] has`);
      places.set(id, i);
    }
  }
  return lists;
}

function readItem(kind: DataItem, value: unknown, path: string, left: readonly string[]): unknown {
  // null and '' are what tools write for what they do not know
  const given = Object.entries(Object(value)).filter(([key, own]) => own !== null && own !== '' && !left.includes(key));
  const item = Object.fromEntries(given);
  if (Array.isArray(item.segmentation) && typeof item.segmentation[0] === 'number') {
    const wanted = 'a list of outlines, each a list [x, y, x, y, ...]';
    const [got, suggestion] = [show(item.segmentation), 'put the outline into a list of its own'];
    throw new ConvNextV2Error('E_JSON', { path: `${path}.segmentation`, wanted, got, suggestion });
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  validateItem(kind, isObject ? item : value, path);
  return Object.fromEntries(given.filter(([key]) => KEYS[kind].includes(key)));
}

/** An object whose image or category is listed with the other spelling would be left out, and measured wrongly. */
function checkReferences({ images, categories, annotations }: CocoDataset, path: string): void {
  const [pictures, classes] = [images, categories].map((list) => new Set(list.map(({ id }) => id)));
  for (const [i, { image_id, category_id }] of annotations.entries()) {
    const check = (known: ReadonlySet<CocoId>, key: string, id: CocoId, list: ListName) => {
      const other = otherSpelling(id);
      if (known.has(id) || !known.has(other)) return;
      refuseId(path, 'annotations', i, key, `${show(other)}, as ${list} has it`, show(id));
    };
    check(pictures, 'image_id', image_id, 'images');
    check(classes, 'category_id', category_id, 'categories');
  }
}

function refuseId(path: string, list: ListName, index: number, key: string, wanted: string, got: string): never {
  throw new ConvNextV2Error('E_JSON', { path: `${path}${itemPath(list, index)}.${key}`, wanted, got });
}
