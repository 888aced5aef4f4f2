import { expect } from 'chai';
import { classesOf } from '../../src/tasks/class-map.js';
import { gridRows, resizeRows } from '../../src/tasks/logit-rows.js';
import { placeWindows, type Window } from '../../src/tasks/windows.js';

describe('windows', () => {
  it('end with the grid, the last of them', () => {
    const windows = placeWindows([10, 7], 4, 3);
    expect(windows.map(([{ top }]) => top)).to.deep.equal([0, 3, 6]);
    expect(windows[0].map(({ left }) => left)).to.deep.equal([0, 3]);
    expect(placeWindows([11, 4], 4, 3).map(([{ top }]) => top)).to.deep.equal([0, 3, 6, 7]);
  });

  it('are the grid where that is smaller', () => {
    expect(placeWindows([2, 500], 512, 341)).to.deep.equal([[{ top: 0, left: 0, height: 2, width: 500 }]]);
  });
});

describe('rows of logits', () => {
  const rows = (
    size: readonly [number, number],
    windows: readonly (readonly Window[])[],
    value: (w: Window) => number,
  ) => gridRows(size, 1, windows, async (window) => ({ data: Float32Array.of(value(window)), height: 1, width: 1 }));
  const copied = async (source: AsyncGenerator<Float32Array>) => {
    const list: number[][] = [];
    for await (const row of source) list.push([...row]);
    return list;
  };

  it('are the mean of windows where they overlap', async () => {
    // columns 0 1 2 of the one, 2 3 4 of the other; and so the rows
    const windows = placeWindows([5, 5], 3, 2);
    const got = await copied(rows([5, 5], windows, ({ top, left }) => 10 * top + left));
    expect(got[0]).to.deep.equal([0, 0, 1, 2, 2]);
    expect(got[2]).to.deep.equal([10, 10, 11, 12, 12]);
    expect(got[4]).to.deep.equal([20, 20, 21, 22, 22]);
  });

  it('are computed when they are due, and no window twice', async () => {
    const seen: number[] = [];
    const source = rows([9, 3], placeWindows([9, 3], 3, 3), ({ top }) => seen.push(top));
    for (let y = 0; y < 4; y++) await source.next();
    expect(seen).to.deep.equal([0, 3]);
    await source.return();
  });

  it('come bilinear to the size of the window, and of the picture', async () => {
    const line = { data: Float32Array.of(0, 4), height: 1, width: 2 };
    const whole = placeWindows([1, 4], 4, 4);
    // half-pixel centres: 0, 1, 3, 4
    expect(await copied(gridRows([1, 4], 1, whole, async () => line))).to.deep.equal([[0, 1, 3, 4]]);
    const resized = resizeRows(
      gridRows([1, 4], 1, whole, async () => line),
      [1, 4],
      [2, 2],
      1,
    );
    expect(await copied(resized)).to.deep.equal([
      [0.5, 3.5],
      [0.5, 3.5],
    ]);
    const column = { data: Float32Array.of(0, 4, 8), height: 3, width: 1 };
    const tall = gridRows([3, 1], 1, placeWindows([3, 1], 3, 3), async () => column);
    expect(await copied(resizeRows(tall, [3, 1], [6, 1], 1))).to.deep.equal([[0], [1], [3], [5], [7], [8]]);
    const skipped = gridRows([3, 1], 1, placeWindows([3, 1], 3, 3), async () => column);
    expect(await copied(resizeRows(skipped, [3, 1], [1, 1], 1))).to.deep.equal([[4]]);
  });

  it('give classes, the lower of two alike, and 16 bits above 256', async () => {
    async function* only(...row: number[]) {
      yield Float32Array.from(row);
    }
    const one = await classesOf([{ rows: only(1, 1, 0, 2), isMirrored: false }], [1, 2], 2);
    expect(one).to.deep.equal(Uint8Array.of(0, 1));
    const many = Array.from({ length: 300 }, (_, i) => Number(i === 299));
    expect(await classesOf([{ rows: only(...many), isMirrored: false }], [1, 1], 300)).to.deep.equal(
      Uint16Array.of(299),
    );
    // mirrored back, and the mean of probabilities: the sure view wins
    const views = [
      { rows: only(0, 1, 0, 1), isMirrored: false },
      { rows: only(0, 0.5, 9, 0), isMirrored: true },
    ];
    expect(await classesOf(views, [1, 2], 2)).to.deep.equal(Uint8Array.of(0, 1));
  });
});
