import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCocoAnnotations, readCocoResults } from '../../src/data/coco.js';
import { type CocoStats, evaluateCoco } from '../../src/metrics/coco-eval.js';
import { failure, inFolder } from '../helpers.js';

/* Files with something odd in them, and what pycocotools 2.0.11 measures by them: COCO, loadRes, COCOeval. */

type Item = Readonly<Record<string, unknown>>;
const outline = ([x, y, w, h]: readonly number[]) => [[x, y, x + w, y, x + w, y + h, x, y + h]];
const truth = (id: unknown, image_id: unknown, category_id: unknown, bbox: readonly number[]): Item => {
  return { id, image_id, category_id, bbox, area: bbox[2] * bbox[3], iscrowd: 0, segmentation: outline(bbox) };
};
const found = (image_id: unknown, category_id: unknown, bbox: readonly unknown[], score: unknown): Item => {
  return { image_id, category_id, bbox, score };
};

const images: readonly Item[] = [
  { id: 1, file_name: 'a.png', height: 100, width: 100 },
  { id: 2, file_name: 'b.png', height: 100, width: 100 },
];
const categories: readonly Item[] = [
  { id: 5, name: 'cat' },
  { id: 9, name: 'dog' },
];
const annotations = [
  truth(1, 1, 5, [10, 10, 20, 20]),
  truth(2, 2, 5, [10, 10, 50, 50]),
  truth(3, 1, 9, [50, 50, 40, 30]),
];
const results = [
  found(1, 5, [10, 10, 20, 18], 0.9),
  found(2, 5, [12, 10, 50, 50], 0.8),
  found(1, 9, [50, 52, 40, 30], 0.7),
  found(2, 9, [1, 1, 5, 5], 0.6),
];
const whole = { images, categories, annotations, results };
type Case = typeof whole;

/** With other values in the first item of a list; undefined takes a key away. */
const with1st = (list: keyof Case, changes: Item): Case => {
  const [first, ...others] = whole[list];
  return { ...whole, [list]: [{ ...first, ...changes }, ...others] };
};
/** With other ids all over. */
const withIds = (image: (id: unknown) => unknown, category: (id: unknown) => unknown): Case => {
  const used = (items: readonly Item[]) =>
    items.map((item) => ({ ...item, image_id: image(item.image_id), category_id: category(item.category_id) }));
  return {
    images: images.map((item) => ({ ...item, id: image(item.id) })),
    categories: categories.map((item) => ({ ...item, id: category(item.id) })),
    annotations: used(annotations) as typeof annotations,
    results: used(results) as typeof results,
  };
};
const more = (list: keyof Case, ...items: readonly Item[]): Case => ({ ...whole, [list]: [...whole[list], ...items] });

// in the order of CocoStats: AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl
const BASE = [0.85, 1, 1, 0.9, 0.85, -1, 0.85, 0.85, 0.85, 0.9, 0.85, -1];
/** The first object is not found. */
const MISSED = [0.513614, 0.626238, 0.626238, 0, 0.85, -1, 0.625, 0.625, 0.625, 0, 0.85, -1];
/** The first object counts for nothing, whatever is found in it. */
const CROWD = [0.85, 1, 1, -1, 0.85, -1, 0.85, 0.85, 0.85, -1, 0.85, -1];

const BOXES: Readonly<Record<string, readonly [Case, readonly number[], ...warnings: RegExp[]]>> = {
  'nothing odd': [whole, BASE],
  'an outline that is null': [with1st('annotations', { segmentation: null }), BASE],
  'an empty list of outlines': [with1st('annotations', { segmentation: [] }), BASE],
  'an empty outline': [with1st('annotations', { segmentation: [[]] }), BASE],
  'a box as an outline': [with1st('annotations', { segmentation: [[10, 10, 30, 30]] }), BASE],
  'an outline in no list': [with1st('annotations', { segmentation: [10, 10, 30, 10, 30, 30] }), BASE],
  'an outline in words': [with1st('annotations', { segmentation: 'a cat' }), BASE],
  'run lengths without any': [with1st('annotations', { segmentation: {} }), BASE],
  'an outline of NaN': [with1st('annotations', { segmentation: [[Number.NaN]] }), BASE],
  'no outline': [with1st('annotations', { segmentation: undefined }), BASE],
  'found outlines that are null': [with1st('results', { segmentation: null }), BASE],
  'found outlines in place of run lengths': [with1st('results', { segmentation: outline([1, 1, 2, 2]) }), BASE],
  'an area of 0': [with1st('annotations', { area: 0 }), BASE],
  'iscrowd as true': [with1st('annotations', { iscrowd: true }), CROWD],
  'iscrowd as false': [with1st('annotations', { iscrowd: false }), BASE],
  'ignore, which iscrowd overrules': [with1st('annotations', { ignore: 1 }), BASE],
  'a box without width': [with1st('annotations', { bbox: [30, 10, 0, 20] }), MISSED],
  'a found box without width': [with1st('results', { bbox: [30, 10, 0, 20] }), MISSED],
  'an image without a name': [with1st('images', { file_name: undefined }), BASE, /1 image without a file_name: 1$/],
  'an image without a size': [
    with1st('images', { height: undefined, width: null }),
    BASE,
    /1 image without height and width: 1$/,
  ],
  'a category without a name': [
    with1st('categories', { name: undefined }),
    BASE,
    /1 category without a name, shown by the id: 5$/,
  ],
  'two categories of one name': [more('categories', { id: 7, name: 'cat' }), BASE],
  'objects of an image that is not listed': [
    more('annotations', truth(4, 77, 5, [1, 1, 5, 5]), truth(5, 77, 5, [1, 1, 5, 5])),
    BASE,
    /2 annotations of images that are not listed, left out: 77$/,
  ],
  'an object of a category that is not listed': [
    more('annotations', truth(4, 1, 77, [1, 1, 5, 5])),
    BASE,
    /1 annotation of categories that are not listed, left out: 77$/,
  ],
  'results of categories that are not listed': [
    more('results', found(1, 77, [1, 1, 5, 5], 0.95), found(1, 78, [1, 1, 5, 5], 0.95)),
    BASE,
    /^2 results of categories that the annotations do not list, left out: 77, 78$/,
  ],
  'a category without objects, found': [
    { ...more('categories', { id: 11, name: 'cow' }), results: [...results, found(1, 11, [1, 1, 5, 5], 0.95)] },
    BASE,
  ],
  "Roboflow's root category": [
    { ...whole, categories: [{ id: 0, name: 'objects', supercategory: 'none' }, ...categories] },
    BASE,
    /the unused root category that Roboflow writes, left out: "objects"$/,
  ],
  'images known by strings': [withIds((id) => `image ${id}`, Number), BASE],
  'categories known by strings': [withIds(Number, (id) => `c${id}`), BASE],
  'images known by numbers as strings': [withIds(String, Number), BASE],
  'annotations known by strings': [with1st('annotations', { id: '7' }), BASE],
};

/** Which pycocotools would measure wrongly, or stops at. */
const REFUSED: Readonly<Record<string, readonly [Case, path: string]>> = {
  'an object without an area': [with1st('annotations', { area: undefined }), 'annotations[0].area'],
  'a box of negative width': [
    with1st('annotations', { bbox: [30, 10, -20, 20] }),
    'truths.json: annotations[0].bbox[2]',
  ],
  'a found box of negative width': [with1st('results', { bbox: [30, 10, -20, 20] }), 'results.json: [0].bbox[2]'],
  'a negative area': [with1st('annotations', { area: -5 }), 'truths.json: annotations[0].area'],
  'a crowd of two': [with1st('annotations', { iscrowd: 2 }), 'truths.json: annotations[0].iscrowd'],
  'a crowd in words': [with1st('annotations', { iscrowd: '0' }), 'truths.json: annotations[0].iscrowd'],
  'a score that is no number': [with1st('results', { score: Number.NaN }), 'results.json: [0].score'],
  'a score that is null': [with1st('results', { score: null }), 'results.json: [0].score'],
  'a box that is null': [with1st('annotations', { bbox: null }), 'truths.json: annotations[0].bbox'],
  'the id of an image as a string': [with1st('annotations', { image_id: '1' }), 'truths.json: annotations[0].image_id'],
  'the found image as a string': [with1st('results', { image_id: '1' }), 'results[0].image_id'],
  'the found category as a string': [with1st('results', { category_id: '5' }), 'results[0].category_id'],
  'results of an image that is not listed': [more('results', found(77, 5, [1, 1, 5, 5], 1)), 'results[4].image_id'],
  'results none of which is of a category that is listed': [
    { ...whole, results: [found(1, 6, [1, 1, 5, 5], 1) as (typeof results)[number]] },
    'results[0].category_id',
  ],
};

/** Reads both files and measures; JSON as Python writes it, with NaN. */
const measure = ({ results, ...truths }: Case, kind: 'bbox' | 'segm') =>
  inFolder(async (folder) => {
    const python = (value: unknown) =>
      JSON.stringify(value, (_, own) => (Number.isNaN(own) ? '<NaN>' : own)).replaceAll('"<NaN>"', 'NaN');
    const [t, r] = ['truths.json', 'results.json'].map((name) => join(folder, name));
    await writeFile(t, python(truths));
    await writeFile(r, python(results));
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message.replace(`${folder}/`, ''));
    const [segmentations, boxes] =
      kind === 'bbox' ? (['leave-out', 'keep'] as const) : (['keep', 'leave-out'] as const);
    try {
      const read = await readCocoAnnotations(t, { segmentations, onWarning });
      const { stats } = evaluateCoco(read, await readCocoResults(r, { segmentations, boxes }), kind, { onWarning });
      return { stats, warnings, read };
    } catch (error) {
      (error as { path: string }).path = (error as { path: string }).path.replace(`${folder}/`, '');
      throw error;
    }
  });
const rounded = (stats: CocoStats) => Object.values(stats).map((value) => Math.round(value * 1e6) / 1e6);

describe('odd COCO files', () => {
  describe('are measured by boxes as pycocotools does', () => {
    for (const [name, [files, expected, ...lines]] of Object.entries(BOXES)) {
      it(name, async () => {
        const { stats, warnings } = await measure(files, 'bbox');
        expect(rounded(stats)).to.deep.equal(expected);
        expect(warnings).to.have.length(lines.length);
        for (const [i, line] of lines.entries()) expect(warnings[i]).to.match(line);
      });
    }
  });

  describe('are refused where pycocotools stops or measures wrongly', () => {
    for (const [name, [files, path]] of Object.entries(REFUSED)) {
      it(name, async () => {
        expect((await failure(() => measure(files, 'bbox'))).path).to.equal(path);
      });
    }
  });

  describe('measured by masks', () => {
    const masks = results.map((result) => ({ ...result, segmentation: rectangle(result.bbox as number[]) }));
    const of = (changes: Item): Case => ({ ...with1st('annotations', changes), results: masks as typeof results });

    it('want an outline of every object', async () => {
      expect(rounded((await measure(of({}), 'segm')).stats)).to.deep.equal(BASE);
      for (const segmentation of [null, []]) {
        const error = await failure(() => measure(of({ segmentation }), 'segm'));
        expect([error.path, error.suggestion]).to.deep.equal([
          'annotations[0].segmentation',
          'leave the object out of the file, or measure boxes',
        ]);
      }
      for (const segmentation of [[[]], [[10, 10, 30, 30]]]) {
        expect((await failure(() => measure(of({ segmentation }), 'segm'))).path).to.equal(
          'annotations[0].segmentation[0]',
        );
      }
    });

    it('count an outline that encloses nothing as an object that is not found', async () => {
      for (const segmentation of [[[10, 10, 20, 20, 30, 30]], { size: [100, 100], counts: [10000] }]) {
        expect(rounded((await measure(of({ segmentation }), 'segm')).stats)).to.deep.equal(MISSED);
      }
    });

    it('want the size of an image whose outlines are to be drawn', async () => {
      const unsized = { ...of({}), images: [{ id: 1 }, images[1]] };
      const { path, wanted } = await failure(() => measure(unsized, 'segm'));
      expect([path, wanted]).to.deep.equal([
        'annotations[0].segmentation',
        'the height and width of image 1, to draw its outlines',
      ]);
    });

    it('want masks of one size in a picture, where pycocotools finds nothing', async () => {
      const error = await failure(() => measure(of({ segmentation: { size: [50, 50], counts: [2500] } }), 'segm'));
      expect([error.code, error.path]).to.deep.equal(['E_SHAPE', 'annotations[2].segmentation']);
    });

    it('do not ask what the boxes of results are', async () => {
      const files = { ...of({}), results: masks.map((result) => ({ ...result, bbox: [] })) as typeof results };
      expect(rounded((await measure(files, 'segm')).stats)).to.deep.equal(BASE);
    });
  });

  it('lose what is left out', async () => {
    const { read } = await measure(BOXES["Roboflow's root category"][0], 'bbox');
    expect(read.categories).to.deep.equal(categories);
    expect(read.annotations.every((object) => !('segmentation' in object))).to.equal(true);
  });
});

/** A filled rectangle in 100 x 100 pixels, by the lengths of its runs down each column. */
function rectangle([x, y, w, h]: readonly number[]) {
  const counts = [x * 100 + y];
  for (let column = 1; column < w; column++) counts.push(h, 100 - h);
  return { size: [100, 100], counts: [...counts, h, (100 - x - w) * 100 + (100 - y - h)] };
}
