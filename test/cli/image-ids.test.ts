import { resolve } from 'node:path';
import { expect } from 'chai';
import { findImageIds, numberPictures } from '../../src/cli/image-ids.js';
import { failure } from '../helpers.js';

describe('cli: ids of pictures', () => {
  const ids = (...pictures: readonly string[]) => Object.fromEntries(numberPictures(pictures));

  it('are the numbers that pictures are called by, as in COCO', () => {
    expect(ids('val2017/000000000139.jpg', '7.png')).to.deep.equal({ 'val2017/000000000139.jpg': 139, '7.png': 7 });
  });

  it('are others where a name is no number, another picture has it, or doubles do not hold it', () => {
    expect(ids('a.jpg', '2.png', 'b.jpg')).to.deep.equal({ 'a.jpg': 1, '2.png': 2, 'b.jpg': 3 });
    expect(ids('cam1/0001.png', 'cam2/0001.jpg')).to.deep.equal({ 'cam1/0001.png': 1, 'cam2/0001.jpg': 2 });
    expect(ids('1.png', '01.png', '2.png')).to.deep.equal({ '01.png': 1, '1.png': 3, '2.png': 2 });
    expect(ids('9007199254740993.png')).to.deep.equal({ '9007199254740993.png': 1 });
    const [near, far] = ['9007199254740992.png', '9007199254740993.png'];
    expect(ids(near, far, '9007199254740991.png')).to.deep.equal({
      [near]: 1,
      [far]: 2,
      '9007199254740991.png': 2 ** 53 - 1,
    });
    expect(ids('-1.png', '1e3.png', '0x10.png', '1.5.png')).to.deep.equal({
      ...{ '-1.png': 1, '0x10.png': 2, '1.5.png': 3, '1e3.png': 4 },
    });
  });

  it('do not hang on the order, nor on how a path is written', () => {
    const pictures = ['z/a.jpg', 'b.jpg', '3.png', 'z/0003.png', '1.jpg'];
    expect(ids(...pictures.toReversed())).to.deep.equal(ids(...pictures));
    expect(ids('b.jpg', './b.jpg', resolve('b.jpg'), 'c.jpg')).to.include({
      './b.jpg': 1,
      [resolve('b.jpg')]: 1,
      'c.jpg': 2,
    });
  });

  describe('of an annotation file', () => {
    const find = (pictures: readonly string[], names: readonly (string | undefined)[]) =>
      Object.fromEntries(
        findImageIds(
          pictures,
          names.map((file_name, i) => ({ id: `i${i}`, file_name })),
          'f.json',
        ),
      );

    it('are found by the end of the path, or by the name alone where one image has it', () => {
      expect(find(['p/cam1/1.png', 'p/cam2/1.png'], ['cam2/1.png', './cam1/1.png'])).to.deep.equal({
        ...{ 'p/cam1/1.png': 'i1', 'p/cam2/1.png': 'i0' },
      });
      expect(find(['copy/a.png', 'b.png'], ['train\\a.png', 'b.png', undefined])).to.deep.equal({
        ...{ 'copy/a.png': 'i0', 'b.png': 'i1' },
      });
      expect(find(['x/a.png', 'x/y/a.png'], ['a.png', 'y/a.png'])).to.deep.equal({
        'x/a.png': 'i0',
        'x/y/a.png': 'i1',
      });
    });

    it('are refused for pictures that are not in it, could be several, or would share one', async () => {
      const { code, problems } = await failure(() =>
        find(
          ['1.png', 'something.png', 'aa.png', 'cam3/b.png', 'cam1/b.png'],
          ['cam1/1.png', 'cam2/1.png', 'aaa.png', 'cam1/b.png'],
        ),
      );
      expect(code).to.equal('E_ARGUMENT');
      expect(problems.map(({ path, got, suggestion }) => [path, got, suggestion])).to.deep.equal([
        ['1.png', '2: cam1/1.png,cam2/1.png', undefined],
        ['something.png', 'none', undefined],
        ['aa.png', 'none', 'did you mean "aaa.png"?'],
        ['cam3/b.png', `cam1/b.png, which is ${resolve('cam1/b.png')} already`, undefined],
      ]);
    });
  });
});
