import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkCocoAnnotations, readCocoAnnotations, readCocoResults } from '../../src/data/coco.js';
import { failure, inFolder } from '../helpers.js';

const image = { id: 1, file_name: 'a.png', height: 4, width: 5 };
const category = { id: 3, name: 'cat' };
const annotation = { id: 1, image_id: 1, category_id: 3, bbox: [0, 0, 2, 2], area: 4 };
const whole = { images: [image], annotations: [annotation], categories: [category] };

describe('COCO files', () => {
  it('are read', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'truths.json');
      await writeFile(path, JSON.stringify(whole));
      expect(await readCocoAnnotations(path)).to.deep.equal(whole);
      const results = [{ image_id: 1, category_id: 3, score: 0.5, bbox: [0, 0, 1, 1] }];
      await writeFile(path, JSON.stringify(results));
      expect(await readCocoResults(path)).to.deep.equal(results);
      await writeFile(path, JSON.stringify(whole));
      expect((await failure(() => readCocoResults(path))).code).to.equal('E_JSON');
      await writeFile(path, '{');
      expect((await failure(() => readCocoAnnotations(path))).code).to.equal('E_JSON');
      expect((await failure(() => readCocoAnnotations(join(folder, 'none.json')))).code).to.equal('E_SOURCE');
    });
  });

  const wrong: Readonly<Record<string, readonly [json: unknown, path: string]>> = {
    'no object': [[], 'f.images'],
    null: [null, 'f'],
    'a list that is missing': [{ ...whole, categories: undefined }, 'f.categories'],
    'a picture without a size': [{ ...whole, images: [{ ...image, width: undefined }] }, 'f: images[0].width'],
    'a box that is none': [{ ...whole, annotations: [{ ...annotation, bbox: 7 }] }, 'f: annotations[0].bbox'],
    'an unknown category': [
      { ...whole, annotations: [{ ...annotation, category_id: 4 }] },
      'f: annotations[0].category_id',
    ],
  };
  for (const [name, [json, path]] of Object.entries(wrong)) {
    it(`refuse ${name}`, async () => {
      const error = await failure(() => checkCocoAnnotations(json, 'f'));
      expect([error.code, error.path]).to.deep.equal(['E_JSON', path]);
    });
  }

  it('say what was probably meant', async () => {
    const { annotations, ...rest } = whole;
    const error = await failure(() => checkCocoAnnotations({ ...rest, anotations: annotations }, 'f'));
    expect(error.suggestion).to.equal('did you mean "anotations"?');
  });
});
