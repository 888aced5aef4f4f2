import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readCocoAnnotations, readCocoResults } from '../../src/data/coco.js';
import { failure, inFolder } from '../helpers.js';

const image = { id: 1, file_name: 'a.png', height: 4, width: 5 };
const category = { id: 3, name: 'cat' };
const segmentation = [[0, 0, 2, 0, 2, 2]];
const annotation = { id: 1, image_id: 1, category_id: 3, bbox: [0, 0, 2, 2], area: 4, iscrowd: 0, segmentation };
const whole = { images: [image], annotations: [annotation], categories: [category] };
const result = { image_id: 1, category_id: 3, score: 0.5, bbox: [0, 0, 1, 1] };

/** What one of the readers says of a file with this text. */
const refusal = (text: string, read: (path: string) => Promise<unknown> = readCocoAnnotations) =>
  inFolder(async (folder) => {
    const path = join(folder, 'f');
    await writeFile(path, text);
    const { code, problems } = await failure(() => read(path));
    return problems.map((problem) => ({ ...problem, code, path: problem.path.replace(path, 'f') }));
  });

describe('COCO files', () => {
  it('are read, without what nobody measures by', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'truths.json');
      const more = {
        info: { year: 2017 },
        licenses: [{ id: 1 }],
        images: [{ ...image, license: 1, coco_url: 'x' }],
        categories: [{ ...category, supercategory: 'animal' }],
        annotations: [{ ...annotation, attributes: {} }],
      };
      await writeFile(path, JSON.stringify(more, undefined, 2));
      expect(await readCocoAnnotations(path)).to.deep.equal(whole);
      const { segmentation: _, ...plain } = annotation;
      const boxes = await readCocoAnnotations(path, { segmentations: 'leave-out' });
      expect(boxes.annotations).to.deep.equal([plain]);
      await writeFile(path, JSON.stringify([{ ...result, file_name: 'a.png' }]));
      expect(await readCocoResults(path)).to.deep.equal([result]);
      expect((await failure(() => readCocoAnnotations(join(folder, 'none.json')))).code).to.equal('E_SOURCE');
    });
  });

  const annotated = (change: object) => ({ ...whole, annotations: [annotation, { ...annotation, id: 2, ...change }] });
  const WRONG: Readonly<Record<string, readonly [json: unknown, path: string, got: string]>> = {
    'a list': [[], 'f', 'what begins with "["'],
    null: [null, 'f', 'what begins with "n"'],
    'a list that is missing': [{ ...whole, categories: undefined }, 'f.categories', 'nothing'],
    'a picture of no width': [{ ...whole, images: [{ ...image, width: 0 }] }, 'f: images[0].width', '0'],
    'two pictures of one id': [{ ...whole, images: [image, image] }, 'f: images[1].id', '1, as images[0] has'],
    'two categories of one id': [
      { ...whole, categories: [category, category] },
      'f: categories[1].id',
      '3, as categories[0] has',
    ],
    'two annotations of one id': [annotated({ id: 1 }), 'f: annotations[1].id', '1, as annotations[0] has'],
    'an item that is no object': [{ ...whole, annotations: [annotation, 7] }, 'f: annotations[1]', '7'],
    'a box that is none': [annotated({ bbox: 7 }), 'f: annotations[1].bbox', '7'],
    'a box of three': [annotated({ bbox: [1, 2, 3] }), 'f: annotations[1].bbox', '[1,2,3]'],
    'a box of negative width': [annotated({ bbox: [1, 2, -3, 4] }), 'f: annotations[1].bbox[2]', '-3'],
    'a box with a word in it': [annotated({ bbox: [1, '2', 3, 4] }), 'f: annotations[1].bbox[1]', '"2"'],
    'a negative area': [annotated({ area: -1 }), 'f: annotations[1].area', '-1'],
    'a crowd of two': [annotated({ iscrowd: 2 }), 'f: annotations[1].iscrowd', '2'],
    'an outline that is in no list': [
      annotated({ segmentation: [0, 0, 2, 0, 2, 2] }),
      'f: annotations[1].segmentation',
      '[0,0,2,0,2,2]',
    ],
    'an outline in words': [annotated({ segmentation: 'a cat' }), 'f: annotations[1].segmentation', '"a cat"'],
    'run lengths without a size': [
      annotated({ segmentation: { counts: '04' } }),
      'f: annotations[1].segmentation.size',
      'nothing',
    ],
    'the number of a picture as a string': [annotated({ image_id: '1' }), 'f: annotations[1].image_id', '"1"'],
    'the number of a category as a string': [annotated({ category_id: '3' }), 'f: annotations[1].category_id', '"3"'],
    'an id that doubles do not hold': [
      { ...whole, images: [{ ...image, id: 2 ** 53 }] },
      'f: images[0].id',
      '9007199254740992',
    ],
  };
  for (const [name, [json, path, got]] of Object.entries(WRONG)) {
    it(`refuse ${name}`, async () => {
      const problems = await refusal(JSON.stringify(json));
      expect(problems).to.have.length(1);
      expect(problems[0]).to.include({ code: 'E_JSON', path, got });
    });
  }

  it('refuse numbers that are none, as Python writes them', async () => {
    const text = JSON.stringify(whole).replace('"bbox":[0,0', '"bbox":[NaN,1e999');
    const problems = await refusal(text);
    expect(problems.map(({ path, got }) => [path, got])).to.deep.equal([
      ['f: annotations[0].bbox[0]', 'NaN'],
      ['f: annotations[0].bbox[1]', 'Infinity'],
    ]);
  });

  it('refuse results that are wrong', async () => {
    const of = (change: object) => refusal(JSON.stringify([result, { ...result, ...change }]), readCocoResults);
    expect((await of({ score: 'high' }))[0]).to.include({ path: 'f: [1].score', wanted: 'a number', got: '"high"' });
    expect((await of({ segmentation: [[0, 0]] }))[0].path).to.equal('f: [1].segmentation');
    expect((await refusal(JSON.stringify(whole), readCocoResults))[0]).to.include({ code: 'E_JSON', path: 'f' });
  });

  it('say what was probably meant', async () => {
    const { annotations, ...rest } = whole;
    const [list] = await refusal(JSON.stringify({ ...rest, anotations: annotations }));
    expect(list).to.include({ path: 'f.annotations', suggestion: 'did you mean "anotations"?' });
    const { bbox, ...nameless } = annotation;
    const [key] = await refusal(JSON.stringify({ ...whole, annotations: [{ ...nameless, box: bbox }] }));
    expect(key).to.include({
      path: 'f: annotations[0].bbox',
      wanted: 'a list of 4',
      got: 'nothing',
      suggestion: 'did you mean "box"?',
    });
  });
});
