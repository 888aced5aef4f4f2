import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { checkLabelledPictures, findLabelledPictures, readLabels } from '../../src/data/ade20k.js';
import { encodeLabelPng } from '../../src/image/label-png.js';
import { failure, inFolder } from '../helpers.js';

const labels = (...data: number[]) =>
  encodeLabelPng({ data: Uint8Array.from(data), width: 2, height: data.length / 2 }, []);

async function withDataSet(work: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    for (const kind of ['images', 'annotations']) mkdirSync(join(folder, kind, 'validation'), { recursive: true });
    for (const name of ['b', 'a']) {
      writeFileSync(join(folder, 'images', 'validation', `${name}.jpg`), '');
      writeFileSync(join(folder, 'annotations', 'validation', `${name}.png`), labels(0, 1, 2, 3));
    }
    writeFileSync(join(folder, 'images', 'validation', 'readme.txt'), '');
    await work(folder);
  });
}

describe("ADE20K's layout", () => {
  it('pairs pictures and labels, in the order of their names', () =>
    withDataSet(async (folder) => {
      const found = await findLabelledPictures(folder);
      expect(found.map(({ name }) => name)).to.deep.equal(['a', 'b']);
      expect(found[0].labels).to.equal(join(folder, 'annotations', 'validation', 'a.png'));
    }));

  it('names what is missing', () =>
    withDataSet(async (folder) => {
      writeFileSync(join(folder, 'images', 'validation', 'c.png'), '');
      expect((await failure(() => findLabelledPictures(folder))).message).to.match(
        /c\.png: wanted the labels of c\.png/,
      );
      expect((await failure(() => findLabelledPictures(folder, 'validatio'))).suggestion).to.match(/"validation"/);
      expect((await failure(() => findLabelledPictures(join(folder, 'no')))).code).to.equal('E_SOURCE');
      for (const kind of ['images', 'annotations']) mkdirSync(join(folder, kind, 'empty'));
      expect((await failure(() => findLabelledPictures(folder, 'empty'))).message).to.match(
        /wanted pictures, got none/,
      );
    }));

  it('has pictures of the size of their labels, upright, or names all that have not', () =>
    withDataSet(async (folder) => {
      const jpeg = (orientation: number) =>
        sharp({ create: { width: 2, height: 3, channels: 3, background: 'red' } })
          .jpeg()
          .withMetadata({ orientation })
          .toBuffer();
      const of = (name: string) => join(folder, 'images', 'validation', name);
      const options = { numClasses: 6, reduceLabels: true };
      for (const name of ['a', 'b'])
        writeFileSync(join(folder, 'annotations', 'validation', `${name}.png`), labels(0, 1, 2, 3, 4, 5));
      writeFileSync(of('a.jpg'), await jpeg(1));
      writeFileSync(of('b.jpg'), 'nothing');
      const pictures = await findLabelledPictures(folder);
      expect(
        (await failure(() => checkLabelledPictures(pictures, options))).problems.map(({ path }) => path),
      ).to.deep.equal([of('b.jpg')]);
      writeFileSync(of('b.jpg'), await jpeg(6));
      const error = await failure(() => checkLabelledPictures(pictures, options));
      expect([error.code, error.path, error.wanted, error.got]).to.deep.equal([
        ...['E_SHAPE', pictures[1].labels, `2 x 3, as ${of('b.jpg')} is`, '3 x 2'],
      ]);
      expect(error.suggestion).to.match(/EXIF tag turns it by 90 degrees/);
    }));

  it('names the file, the value and the place of an unknown label', () =>
    withDataSet(async (folder) => {
      const path = join(folder, 'annotations', 'validation', 'a.png');
      const options = { numClasses: 2, reduceLabels: true };
      const { code, message } = await failure(() => readLabels(path, options));
      expect(code).to.equal('E_IMAGE');
      expect(message).to.equal(
        `E_IMAGE: ${path}: wanted labels 0 for nothing, or 1 to 2, or 255, got 3 at column 1, row 1`,
      );
      expect([...(await readLabels(path, { ...options, numClasses: 3 })).data]).to.deep.equal([0, 1, 2, 3]);
    }));
});
