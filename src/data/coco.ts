import { readFile } from 'node:fs/promises';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import type { CocoResult, CocoTruths } from '../metrics/coco.js';

/** A picture of a COCO annotation file. */
export interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly height: number;
  readonly width: number;
}

/** A COCO annotation file: pictures, categories, and what is where. */
export interface CocoDataset extends CocoTruths {
  readonly images: readonly CocoImage[];
}

/** Reads and checks a COCO annotation file. Throws E_SOURCE where there is none, E_JSON for what is no JSON or no such file. */
export async function readCocoAnnotations(path: string): Promise<CocoDataset> {
  const json = await readJson(path);
  return checkCocoAnnotations(json, path);
}

/** Reads and checks a COCO results file: a list of what was found. Throws as `readCocoAnnotations`. */
export async function readCocoResults(path: string): Promise<readonly CocoResult[]> {
  const json = await readJson(path);
  if (!Array.isArray(json)) refuse(path, 'a list of results', json);
  for (const [i, result] of (json as readonly unknown[]).entries()) {
    checkFields(result, `${path}: [${i}]`, { image_id: 'number', category_id: 'number', score: 'number' });
  }
  return json as readonly CocoResult[];
}

/** Checks a parsed annotation file; `path` is for messages. Throws E_JSON with the first that is wrong. */
export function checkCocoAnnotations(json: unknown, path: string): CocoDataset {
  checkFields(json, path, { images: 'list', annotations: 'list', categories: 'list' });
  const { images, annotations, categories } = json as CocoDataset;
  const each = (name: string, list: readonly unknown[], fields: Fields) => {
    for (const [i, item] of list.entries()) checkFields(item, `${path}: ${name}[${i}]`, fields);
  };
  each('images', images, { id: 'number', file_name: 'string', height: 'number', width: 'number' });
  each('categories', categories, { id: 'number', name: 'string' });
  each('annotations', annotations, { image_id: 'number', category_id: 'number', bbox: 'list', area: 'number' });
  const known = new Set(categories.map(({ id }) => id));
  const stranger = annotations.findIndex(({ category_id }) => !known.has(category_id));
  if (stranger >= 0) {
    const wanted = 'the id of one of the categories';
    refuse(`${path}: annotations[${stranger}].category_id`, wanted, annotations[stranger].category_id);
  }
  return json as CocoDataset;
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const got = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new ConvNextV2Error('E_SOURCE', { path, wanted: 'a JSON file that can be read', got }, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConvNextV2Error('E_JSON', { path, wanted: 'JSON', got: (cause as Error).message }, { cause });
  }
}

type Fields = Readonly<Record<string, 'number' | 'string' | 'list'>>;

function checkFields(value: unknown, path: string, fields: Fields): void {
  if (typeof value !== 'object' || value === null) refuse(path, 'an object', value);
  const given = value as Readonly<Record<string, unknown>>;
  for (const [key, type] of Object.entries(fields)) {
    const field = Object.hasOwn(given, key) ? given[key] : undefined;
    const fits =
      type === 'list' ? Array.isArray(field) : type === 'number' ? Number.isFinite(field) : typeof field === type;
    if (!fits)
      refuse(
        `${path}.${key}`,
        `a ${type}`,
        field,
        didYouMean(
          key,
          Object.keys(given).filter((own) => own !== key),
        ),
      );
  }
}

function refuse(path: string, wanted: string, got: unknown, suggestion?: string): never {
  throw new ConvNextV2Error('E_JSON', { path, wanted, got: got === undefined ? 'nothing' : show(got), suggestion });
}
