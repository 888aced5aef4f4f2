import { expect } from 'chai';
import { categoriesByName, cocoTargets, matchCategories } from '../../src/data/coco-targets.js';
import { Mask } from '../../src/index.js';
import { failure } from '../helpers.js';

const image = { id: 7, file_name: 'a.png', height: 4, width: 6 };
const categories = [
  { id: 3, name: 'cat' },
  { id: 'd', name: 'dog' },
];
const square = [1, 1, 3, 1, 3, 3, 1, 3];
const object = { image_id: 7, category_id: 3, bbox: [1, 1, 2, 2], area: 4, segmentation: [square] };
const classes = { 1: 'cat', 2: 'dog' };
const targetOf = (annotations: readonly object[], changes: object = {}) =>
  cocoTargets({ images: [image], categories, annotations: annotations as never, ...changes }, classes)(image);

describe('training targets of COCO files', () => {
  it('are boxes, labels by name, and masks', () => {
    const { boxes, labels, masks } = targetOf([object, { ...object, category_id: 'd', bbox: [0, 1, 4, 2] }]);
    expect([[...boxes], [...labels]]).to.deep.equal([
      [1, 1, 3, 3, 0, 1, 4, 3],
      [1, 2],
    ]);
    expect(masks!.map((mask) => (mask as Mask).box)).to.deep.equal([
      [1, 1, 2, 2],
      [1, 1, 2, 2],
    ]);
  });

  const WITHOUT: Readonly<Record<string, unknown>> = {
    'no outline': undefined,
    null: null,
    'an empty list': [],
    'an empty outline': [[]],
    'a box as an outline': [[1, 1, 3, 3]],
    'half a corner too many': [[1, 1, 3, 1, 3, 3, 1]],
    'three corners in a line': [[0, 0, 1, 1, 2, 2]],
    'an outline beyond the picture': [[10, 10, 12, 10, 12, 12]],
    'run lengths of nothing': { size: [4, 6], counts: [24] },
    'compressed run lengths of nothing': { size: [4, 6], counts: 'h0' },
  };
  for (const [name, segmentation] of Object.entries(WITHOUT)) {
    it(`have no mask for ${name}, and its box all the same`, () => {
      const { labels, masks } = targetOf([object, { ...object, segmentation }]);
      expect([...labels]).to.deep.equal([1, 1]);
      expect(masks!.map((mask) => mask !== null)).to.deep.equal([true, false]);
    });
  }

  it('keep the parts of a mask that enclose something', () => {
    const [mask] = targetOf([{ ...object, segmentation: [[], [1, 1, 2, 2], square] }]).masks!;
    expect((mask as Mask).area).to.equal(4);
  });

  it('have no masks at all where the data set has none', () => {
    expect(targetOf([{ ...object, segmentation: [] }])).to.not.have.property('masks');
    const elsewhere = { ...object, image_id: 8 };
    expect(targetOf([{ ...object, segmentation: [] }, elsewhere]).masks).to.deep.equal([null]);
  });

  it('leave out crowds, boxes without an area, and categories that are not listed', () => {
    const out = [{ iscrowd: 1 }, { iscrowd: true }, { bbox: [1, 1, 0, 2] }, { category_id: 99 }];
    const { labels } = targetOf([...out.map((changes) => ({ ...object, ...changes })), object]);
    expect([...labels]).to.deep.equal([1]);
  });

  it('ask that the objects, and not all categories, are of known classes', async () => {
    const more = { categories: [...categories, { id: 0, name: 'animals' }, { id: 1 }] };
    expect([...targetOf([object], more).labels]).to.deep.equal([1]);
    const error = await failure(() => targetOf([object, { ...object, category_id: 1 }], more));
    expect([error.path, error.got]).to.deep.equal(['categories', '1, which has no name']);
  });

  it('want the size of a picture whose outlines are to be drawn, and of no other', async () => {
    const unsized = { id: 7 };
    const make = (segmentation: unknown) =>
      cocoTargets(
        { images: [unsized], categories, annotations: [{ ...object, segmentation } as never] },
        classes,
      )(unsized);
    expect(make([])).to.not.have.property('masks');
    expect(make(Mask.fromPolygons([square], 4, 6).toRLE()).masks).to.have.length(1);
    const error = await failure(() => make([square]));
    expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', 'image 7']);
  });

  it('match categories by name, of which one may be called so', async () => {
    const twice = [...categories, { id: 5, name: 'cat' }];
    const { labels, unknown } = matchCategories([...twice, { id: 6, name: 'dgo' }], classes);
    expect([...labels]).to.deep.equal([
      [3, 1],
      ['d', 2],
      [5, 1],
    ]);
    expect([...unknown]).to.deep.equal([[6, 'dgo (did you mean "dog"?)']]);
    expect([...categoriesByName(categories, labels)]).to.deep.equal([
      ['cat', 3],
      ['dog', 'd'],
    ]);
    expect((await failure(() => categoriesByName(twice, labels))).got).to.equal('3 and 5');
  });
});
