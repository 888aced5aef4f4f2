import { expect } from 'chai';
import { type CocoStats, evaluateCoco } from '../../src/metrics/coco-eval.js';
import { failure } from '../helpers.js';

const images = [
  { id: 1, height: 100, width: 100 },
  { id: 2, height: 100, width: 100 },
];
const categories = [
  { id: 5, name: 'cat' },
  { id: 9, name: 'dog' },
];
const truth = (image_id: number, category_id: number, bbox: number[], iscrowd = 0) => {
  return { image_id, category_id, bbox, area: bbox[2] * bbox[3], iscrowd };
};
const found = (image_id: number, category_id: number, bbox: number[], score: number) => {
  return { image_id, category_id, bbox, score };
};

/** Without the 2^-52 by which a precision of 1 falls short of it, as in pycocotools. */
const rounded = (stats: CocoStats) =>
  Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, Math.round(value * 1e9) / 1e9]));

describe('COCO average precision', () => {
  it('is 1 where all is found and nothing else, and -1 where there is nothing to find', () => {
    const annotations = [truth(1, 5, [10, 10, 20, 20]), truth(2, 5, [10, 10, 50, 50])];
    const results = annotations.map(({ image_id, category_id, bbox }) => found(image_id, category_id, bbox, 0.9));
    const { stats, categories: each } = evaluateCoco({ images, categories, annotations }, results, 'bbox');
    expect(rounded(stats)).to.deep.equal({
      ...{ AP: 1, AP50: 1, AP75: 1, APs: 1, APm: 1, APl: -1 },
      ...{ AR1: 1, AR10: 1, AR100: 1, ARs: 1, ARm: 1, ARl: -1 },
    });
    expect(each.map(({ name, AP }) => [name, AP])).to.deep.equal([
      ['cat', 1],
      ['dog', -1],
    ]);
  });

  it('counts what is found with an overlap of the threshold or more', () => {
    // 10 of 10 wide, found 6: an overlap of 0.6 is enough for 0.5, 0.55 and 0.6, three of ten
    const annotations = [truth(1, 5, [0, 0, 10, 10])];
    const { stats } = evaluateCoco({ images, categories, annotations }, [found(1, 5, [0, 0, 6, 10], 0.5)], 'bbox');
    expect(rounded(stats)).to.include({ AP: 0.3, AP50: 1, AP75: 0, AR100: 0.3 });
  });

  it('takes off for what is wrong and surer', () => {
    const annotations = [truth(1, 5, [0, 0, 10, 10])];
    const results = [found(1, 5, [50, 50, 10, 10], 0.9), found(1, 5, [0, 0, 10, 10], 0.5)];
    const { stats } = evaluateCoco({ images, categories, annotations }, results, 'bbox');
    expect(rounded(stats)).to.include({ AP50: 0.5, AR1: 0, AR100: 1 });
  });

  it('neither rewards nor punishes what lies in a crowd', () => {
    const annotations = [truth(1, 5, [0, 0, 10, 10]), truth(1, 5, [40, 40, 40, 40], 1)];
    const crowd = [found(1, 5, [41, 41, 5, 5], 0.95), found(1, 5, [60, 60, 5, 5], 0.94)];
    const { stats } = evaluateCoco(
      { images, categories, annotations },
      [...crowd, found(1, 5, [0, 0, 10, 10], 0.5)],
      'bbox',
    );
    expect(rounded(stats).AP50).to.equal(1);
  });

  it('compares masks where it is asked to', () => {
    const segmentation = [[0, 0, 10, 0, 10, 10, 0, 10]];
    const annotations = [{ ...truth(1, 5, [0, 0, 10, 10]), segmentation }];
    const half = { size: [100, 100] as const, counts: [0, 10, 90, 10, 90, 10, 90, 10, 90, 10, 9590] };
    const { stats } = evaluateCoco(
      { images, categories, annotations },
      [{ image_id: 1, category_id: 5, score: 1, segmentation: half }],
      'segm',
    );
    expect(rounded(stats)).to.include({ AP50: 1, AP75: 0 }); // 50 of 100 pixels
  });

  it('leaves out results of categories that are not listed, whatever they hold, and says how many', () => {
    const annotations = [truth(1, 5, [0, 0, 10, 10])];
    const results = [found(1, 5, [0, 0, 10, 10], 1), found(1, 6, [0], 1), found(2, 6, [0], 1)];
    const lines: string[] = [];
    const onWarning = (line: string) => lines.push(line);
    const { stats, categories: each } = evaluateCoco({ images, categories, annotations }, results, 'bbox', {
      onWarning,
    });
    expect(rounded(stats).AP).to.equal(1);
    expect(each.map(({ id }) => id)).to.deep.equal([5, 9]);
    expect(lines).to.deep.equal(['2 results of categories that the annotations do not list, left out: 6']);
  });

  it('sorts pictures by their ids, of which ties between scores hang', () => {
    // the first of two equal scores is right: precision 1 up to a recall of 1, else 1 / 2
    const annotations = [{ ...truth(1, 5, [0, 0, 10, 10]), image_id: 'b' }];
    const measure = (other: string | number) => {
      const two = [{ id: 'b' }, { id: other }];
      const results = [
        { ...found(1, 5, [0, 0, 10, 10], 0.5), image_id: 'b' },
        { ...found(1, 5, [0, 0, 10, 10], 0.5), image_id: other },
      ];
      return rounded(evaluateCoco({ images: two, categories, annotations }, results, 'bbox').stats).AP;
    };
    expect([measure('c'), measure('a'), measure(9)]).to.deep.equal([1, 0.5, 0.5]);
  });

  it('refuses what it cannot place', async () => {
    const annotations = [truth(1, 5, [0, 0, 10, 10])];
    const evaluate = (result: object, kind: 'bbox' | 'segm' = 'bbox') =>
      failure(() => evaluateCoco({ images, categories, annotations }, [result as never], kind));
    expect((await evaluate(found(7, 5, [0, 0, 1, 1], 1))).path).to.equal('results[0].image_id');
    expect((await evaluate(found(1, 6, [0, 0, 1, 1], 1))).suggestion).to.match(/did you mean/);
    expect((await evaluate(found(1, 5, [0, 0, 1, 1], Number.NaN))).path).to.equal('results[0].score');
    expect((await evaluate(found(1, 5, [0, 0, 1], 1))).path).to.equal('results[0].bbox');
    expect((await evaluate(found(1, 5, [0, 0, 1, 1], 1), 'segm')).code).to.equal('E_ARGUMENT');
  });

  it('takes five thousand pictures', () => {
    const many = Array.from({ length: 5000 }, (_, id) => ({ id, height: 100, width: 100 }));
    const annotations = many.flatMap(({ id }) =>
      [0, 1, 2].map((i) => truth(id, i % 2 ? 5 : 9, [10 * i, id % 50, 20, 20])),
    );
    const results = annotations.map(({ image_id, category_id, bbox }, i) =>
      found(image_id, category_id, bbox, (i % 97) / 97),
    );
    const { stats } = evaluateCoco({ images: many, categories, annotations }, results, 'bbox');
    expect(rounded(stats).AP).to.equal(1);
  });
});
