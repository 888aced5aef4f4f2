import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { checkCocoPictures, findCocoPictures } from '../../src/data/coco-pictures.js';
import { failure, inFolder } from '../helpers.js';

/** A JPEG of 4 rows and 6 columns, or as many as said, with an EXIF orientation. */
const jpeg = (orientation?: number, [height, width] = [4, 6]) => {
  const picture = sharp({ create: { width, height, channels: 3, background: 'red' } }).jpeg();
  return (orientation ? picture.withMetadata({ orientation }) : picture).toBuffer();
};

/** Checks one picture against a size [height, width]. */
const check = (bytes: Uint8Array, size: readonly [number, number] | []) =>
  inFolder(async (folder) => {
    const path = join(folder, 'a.jpg');
    await writeFile(path, bytes);
    const warnings: string[] = [];
    const images = [{ id: 1, file_name: 'a.jpg', height: size[0], width: size[1] }];
    const paths = await findCocoPictures({ images }, folder);
    await checkCocoPictures({ images }, paths, { onWarning: (warning) => warnings.push(warning) });
    return warnings;
  });

describe('the pictures of a COCO file', () => {
  it('have the size that is annotated, or any where none is', async () => {
    expect(await check(await jpeg(), [4, 6])).to.deep.equal([]);
    expect(await check(await jpeg(), [])).to.deep.equal([]);
    expect(await check(await jpeg(6), [6, 4])).to.deep.equal([]); // turned, and annotated so
  });

  const WRONG: Readonly<Record<string, readonly [orientation: number | undefined, [number, number], RegExp]>> = {
    'turned by EXIF, and annotated as stored': [6, [4, 6], /EXIF tag turns it by 90 degrees.*as PIL and torchvision/],
    'turned by hand': [undefined, [6, 4], /height and width are swapped/],
    'resized by a half': [undefined, [8, 12], /a copy resized to 0\.5 of its size/],
    'resized to whole pixels': [undefined, [7, 11], /a copy resized to 0\.571 of its size/],
    'a crop': [undefined, [4, 12], /another picture, a crop/],
  };
  for (const [name, [orientation, size, suggestion]] of Object.entries(WRONG)) {
    it(`are refused where one is ${name}`, async () => {
      const bytes = await jpeg(orientation);
      const error = await failure(() => check(bytes, size));
      expect([error.code, error.path]).to.satisfy(
        ([code, path]: string[]) => code === 'E_SHAPE' && path.endsWith('a.jpg'),
      );
      expect(error.wanted).to.equal(`${size[0]} x ${size[1]} pixels (height x width), as images[0] says`);
      expect(error.got).to.equal(orientation ? '6 x 4' : '4 x 6');
      expect(error.suggestion).to.match(suggestion);
    });
  }

  it('are named where their size does not tell whether they were turned', async () => {
    const tells = /^1 picture with an EXIF tag that turns or mirrors the picture and leaves its size/;
    for (const [bytes, size] of [
      [await jpeg(3), [4, 6]],
      [await jpeg(8, [5, 5]), [5, 5]],
    ] as const) {
      const [warning, ...others] = await check(bytes, size);
      expect(warning).to.match(tells);
      expect(others).to.deep.equal([]);
    }
  });

  it('are all read, and all that is wrong is told', async () => {
    await inFolder(async (folder) => {
      const bytes = await jpeg(undefined, [40, 60]);
      await writeFile(join(folder, 'good.jpg'), bytes);
      await writeFile(join(folder, 'cut.jpg'), bytes.subarray(0, bytes.length - 100));
      await writeFile(join(folder, 'text.jpg'), 'Not Found');
      const images = ['good', 'cut', 'text', 'good'].map((name, id) => {
        return { id, file_name: `${name}.jpg`, height: id === 3 ? 80 : 40, width: id === 3 ? 120 : 60 };
      });
      const { code, problems } = await failure(async () =>
        checkCocoPictures({ images }, await findCocoPictures({ images }, folder)),
      );
      expect(code).to.equal('E_IMAGE');
      const files = problems.map(({ path }) => path.replace(join(folder, '/'), ''));
      expect(files).to.deep.equal(['cut.jpg', 'text.jpg', 'good.jpg']);
    });
  });

  it('must have a name', async () => {
    const error = await failure(() => findCocoPictures({ images: [{ id: 1 }] }, '.'));
    expect([error.code, error.path, error.got]).to.deep.equal(['E_SOURCE', 'images[0].file_name', 'nothing']);
  });
});
