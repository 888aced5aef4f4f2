import type { Boxes, Size } from './boxes.js';

/** What tells torchvision's anchors from mmdetection's. */
export interface AnchorOptions {
  /** The sides of squares of the same area as the anchors of this level, in pixels. */
  readonly sizes: readonly number[];
  /** Their heights over their widths. */
  readonly ratios: readonly number[];
  /** `whole`: corners are rounded to whole pixels (torchvision). `none`: they are not (mmdetection). */
  readonly rounding: 'whole' | 'none';
}

const round = Math.fround;

/** The anchors of a cell at the origin, by ratio and within a ratio by size. */
export function cellAnchors({ sizes, ratios, rounding }: AnchorOptions): Boxes {
  const finish = rounding === 'whole' ? roundHalfToEven : (value: number) => value;
  const corners = ratios.flatMap((ratio) => {
    const heightRatio = round(Math.sqrt(round(ratio)));
    const widthRatio = round(1 / heightRatio);
    return sizes.flatMap((size) => {
      const [x, y] = [round(widthRatio * round(size)) / 2, round(heightRatio * round(size)) / 2];
      return [-x, -y, x, y].map(finish);
    });
  });
  return Float32Array.from(corners);
}

function roundHalfToEven(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** The anchors of all cells of a grid, row after row, all of a cell together; `stride` in pixels from cell to cell. */
export function gridAnchors(cell: Boxes, [rows, columns]: Size, [strideY, strideX]: Size): Boxes {
  const anchors = new Float32Array(rows * columns * cell.length);
  let at = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let i = 0; i < cell.length; i++) anchors[at++] = cell[i] + (i % 2 === 0 ? x * strideX : y * strideY);
    }
  }
  return anchors;
}
