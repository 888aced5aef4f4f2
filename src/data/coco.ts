import { access, readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { itemPath, readJsonLists } from '../config/json-lists.js';
import { type DataItem, validateItem } from '../config/validate.js';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import type { CocoResult, CocoTruth, CocoTruths } from '../metrics/coco.js';

/** A picture of a COCO annotation file. */
export interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly height: number;
  readonly width: number;
}

/** An object of a COCO annotation file. */
export interface CocoAnnotation extends CocoTruth {
  readonly id?: number;
}

/** A COCO annotation file: pictures, categories, and what is where. */
export interface CocoDataset extends CocoTruths {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
}

/** How a COCO annotation file is read. */
export interface CocoReadOptions {
  /** What becomes of outlines and run lengths, most of a file: where only boxes are wanted, they need not be held. Default `keep`. */
  readonly segmentations?: 'keep' | 'leave-out';
}

const LISTS = { images: 'image', categories: 'category', annotations: 'annotation' } as const;

/** What is kept of each item; files hold addresses, licences and dates as well. */
const KEYS: Readonly<Record<DataItem, readonly string[]>> = {
  image: ['id', 'file_name', 'height', 'width'],
  category: ['id', 'name'],
  annotation: ['id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'segmentation'],
  result: ['image_id', 'category_id', 'score', 'bbox', 'segmentation'],
};

/**
 * Reads and checks a COCO annotation file of any size, item by item. Throws E_SOURCE where there is none; E_JSON with the first
 * item that is wrong and all that is wrong with it, as `instances.json: annotations[17].bbox`, for an id that two things have and
 * one that nothing has; E_LIMIT for items that no such file has.
 */
export async function readCocoAnnotations(
  path: string,
  { segmentations = 'keep' }: CocoReadOptions = {},
): Promise<CocoDataset> {
  const lists = { images: [] as CocoImage[], categories: [] as Category[], annotations: [] as CocoAnnotation[] };
  const left = segmentations === 'leave-out' ? ['segmentation'] : [];
  const keys = await readJsonLists(path, Object.keys(lists), ({ list, index, value }) => {
    const name = list as keyof typeof lists;
    lists[name].push(readItem(LISTS[name], value, path + itemPath(list, index), left) as never);
  });
  for (const name of Object.keys(lists)) {
    if (keys.includes(name)) continue;
    throw new ConvNextV2Error('E_JSON', {
      path: `${path}.${name}`,
      wanted: 'a list',
      got: 'nothing',
      suggestion: didYouMean(name, keys),
    });
  }
  checkIds(lists, path);
  return lists;
}

/** Reads and checks a COCO results file of any size: a list of what was found. Throws as `readCocoAnnotations`. */
export async function readCocoResults(path: string): Promise<readonly CocoResult[]> {
  const results: CocoResult[] = [];
  await readJsonLists(path, [], ({ list, index, value }) => {
    results.push(readItem('result', value, path + itemPath(list, index)) as CocoResult);
  });
  return results;
}

/**
 * Where the pictures of a dataset lie, in its order. Throws E_SOURCE for the first that is not in the folder, with the nearest
 * name.
 */
export async function findCocoPictures(
  { images }: Pick<CocoDataset, 'images'>,
  folder: string,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const [i, { file_name }] of images.entries()) {
    const path = join(folder, file_name);
    const refuse = (wanted: string, got: string, suggestion?: string): never => {
      throw new ConvNextV2Error('E_SOURCE', { path: `images[${i}].file_name`, wanted, got, suggestion });
    };
    if (isAbsolute(file_name) || normalize(file_name).startsWith('..')) refuse(`a file in ${folder}`, file_name);
    await access(path).catch(async () => {
      const files = await readdir(dirname(path)).catch(() => []);
      refuse(`a file in ${folder}`, `no ${file_name}`, didYouMean(basename(path), files));
    });
    paths.push(path);
  }
  return paths;
}

type Category = CocoDataset['categories'][number];

function readItem(kind: DataItem, value: unknown, path: string, left: readonly string[] = []): unknown {
  validateItem(kind, value, path);
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.filter(([key]) => KEYS[kind].includes(key) && !left.includes(key)));
}

/** Throws E_JSON for an id that is another's as well, and for one of an annotation that nothing has. */
function checkIds(dataset: CocoDataset, path: string): void {
  const refuse = (list: string, index: number, key: string, wanted: string, got: string): never => {
    throw new ConvNextV2Error('E_JSON', { path: `${path}${itemPath(list, index)}.${key}`, wanted, got });
  };
  const placesOf = (list: keyof typeof LISTS) => {
    const places = new Map<number, number>();
    for (const [i, { id }] of dataset[list].entries()) {
      if (id === undefined) continue;
      const other = places.get(id);
      if (other !== undefined) refuse(list, i, 'id', 'an id of its own', `${id}, as ${list}[${other}] has`);
      places.set(id, i);
    }
    return places;
  };
  const [images, categories] = [placesOf('images'), placesOf('categories')];
  placesOf('annotations');
  for (const [i, { image_id, category_id }] of dataset.annotations.entries()) {
    if (!images.has(image_id)) refuse('annotations', i, 'image_id', 'the id of one of the images', `${image_id}`);
    if (categories.has(category_id)) continue;
    refuse('annotations', i, 'category_id', 'the id of one of the categories', `${category_id}`);
  }
}
