import { expect } from 'chai';
import { detectionPicture } from '../../src/image/detection-picture.js';
import { Mask } from '../../src/image/mask.js';
import { textPath } from '../../src/image/text.js';
import { failure } from '../helpers.js';

const gray = (height: number, width: number) => {
  return { data: new Uint8Array(height * width * 3).fill(128), height, width, channels: 3 };
};
const object = (box: readonly [number, number, number, number], label = 'cat', score = 0.9) => {
  const [xmin, ymin, xmax, ymax] = box;
  return { label, score, box: { xmin, ymin, xmax, ymax } };
};
const CLASSES = ['cat', 'dog'];

describe('detectionPicture', () => {
  const at = ({ data, width }: { data: Uint8Array; width: number }, x: number, y: number) => [
    ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
  ];

  it('draws boxes and labels, and leaves the rest alone', async () => {
    const drawn = await detectionPicture(gray(100, 200), [object([50, 40, 150, 90])], CLASSES);
    expect([drawn.height, drawn.width, drawn.channels]).to.deep.equal([100, 200, 3]);
    expect(at(drawn, 100, 90)).to.not.deep.equal([128, 128, 128]);
    expect(at(drawn, 60, 34), 'the label').to.not.deep.equal([128, 128, 128]);
    expect(at(drawn, 100, 65)).to.deep.equal([128, 128, 128]);
    expect(at(drawn, 20, 20)).to.deep.equal([128, 128, 128]);
  });

  it('gives a class one colour, whatever else there is', async () => {
    const one = await detectionPicture(gray(60, 90), [object([10, 30, 40, 50], 'dog')], CLASSES);
    const two = await detectionPicture(
      gray(60, 90),
      [object([60, 30, 80, 50]), object([10, 30, 40, 50], 'dog')],
      CLASSES,
    );
    expect(at(one, 25, 50)).to.deep.equal(at(two, 25, 50));
    expect(at(two, 70, 50)).to.not.deep.equal(at(two, 25, 50));
  });

  it('puts a label where it hides no surer one', async () => {
    const box = [50, 40, 150, 90] as const;
    const [cat, dog] = [object(box), object(box, 'dog', 0.8)];
    const [alone, other, both] = await Promise.all(
      [[cat], [dog], [dog, cat]].map((objects) => detectionPicture(gray(100, 200), objects, CLASSES)),
    );
    // above the box a plate of 13 rows, that of the surer; the other begins at the upper edge of the box
    expect(at(both, 51, 27)).to.deep.equal(at(alone, 51, 27));
    expect(at(both, 51, 40)).to.deep.equal(at(other, 51, 27));
  });

  it('tints masks', async () => {
    const mask = Mask.fromPolygons([[20, 40, 40, 40, 40, 55, 20, 55]], 60, 90);
    const drawn = await detectionPicture(gray(60, 90), [{ ...object([10, 30, 50, 58]), mask }], CLASSES);
    expect(at(drawn, 30, 45)).to.not.deep.equal([128, 128, 128]);
    expect(at(drawn, 15, 45)).to.deep.equal([128, 128, 128]);
    const other = { ...object([1, 1, 9, 9]), mask: Mask.fromPolygons([], 5, 5) };
    expect((await failure(() => detectionPicture(gray(60, 90), [other], CLASSES))).code).to.equal('E_SHAPE');
    const turned = { ...object([1, 1, 9, 9]), mask: Mask.fromPolygons([], 90, 60) }; // as many pixels
    expect((await failure(() => detectionPicture(gray(60, 90), [turned], CLASSES))).code).to.equal('E_SHAPE');
  });

  it('keeps labels in the picture: in the box where none fits above, and as far left as they need', async () => {
    const top = await detectionPicture(gray(100, 200), [object([50, 10, 150, 90])], CLASSES);
    expect(at(top, 60, 3), 'above the box').to.deep.equal([128, 128, 128]);
    expect(at(top, 52, 14), 'in it').to.not.deep.equal([128, 128, 128]);
    const right = await detectionPicture(gray(100, 200), [object([190, 40, 198, 90])], CLASSES);
    expect(at(right, 160, 34)).to.not.deep.equal([128, 128, 128]);
    // no room for a letter
    const narrow = await detectionPicture(gray(60, 4), [object([0, 30, 4, 50])], CLASSES);
    for (let y = 0; y < 28; y++) expect(at(narrow, 1, y)).to.deep.equal([128, 128, 128]);
  });

  it('draws the surest on top, in whatever order they come', async () => {
    const [sure, unsure] = [object([10, 30, 80, 50], 'cat', 0.9), object([10, 30, 80, 50], 'dog', 0.4)];
    const alone = await detectionPicture(gray(60, 90), [sure], CLASSES);
    for (const both of [
      [sure, unsure],
      [unsure, sure],
    ]) {
      const drawn = await detectionPicture(gray(60, 90), both, CLASSES);
      expect(at(drawn, 10, 18)).to.deep.equal(at(alone, 10, 18)); // the plate of the label
    }
  });

  it('takes boxes outside of the picture, labels of any length and any character, and pictures of a pixel', async () => {
    const odd = [
      object([-50, -50, 20, 20]),
      object([80, 50, 400, 400], '<&"\u{1F408}>'.repeat(20)),
      object([5, 5, 5, 5]),
    ];
    for (const [height, width] of [
      [60, 90],
      [1, 1],
      [3, 400],
    ] as const) {
      const drawn = await detectionPicture(gray(height, width), odd, CLASSES);
      expect([drawn.height, drawn.width]).to.deep.equal([height, width]);
    }
    expect((await detectionPicture(gray(4, 5), [], [])).data).to.deep.equal(gray(4, 5).data);
  });
});

describe('textPath', () => {
  it('is a square for each pixel of the font', () => {
    // a hyphen is its fourth row of five
    expect(textPath('-', 10, 20, 2)).to.equal([0, 2, 4, 6, 8].map((x) => `M${10 + x} 26h2v2h-2z`).join(''));
    expect(textPath('', 0, 0, 1)).to.equal('');
  });
});
