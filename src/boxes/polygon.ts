import { ConvNextV2Error, show } from '../errors.js';
import type { Rle } from './rle.js';

/** Corners of a closed line, x and y in turn, in pixels: a pixel's own corners are whole numbers. As in COCO's files. */
export type Polygon = readonly number[];

/** Whether there are x and y of three corners or more: less than that encloses nothing. */
export const isOutline = (polygon: Polygon): boolean => polygon.length >= 6 && polygon.length % 2 === 0;

/** Beyond any picture. */
const MAX_COORDINATE = 100_000;
/** Each step of a line is walked: some seconds' worth, and hundreds of times around the largest picture. */
const MAX_STEPS = 2 ** 28;
/** COCO's own: lines are drawn on a grid as many times as fine. */
const FINE = 5;

/**
 * What a polygon covers of a picture, to the pixel as pycocotools draws it. Throws E_ARGUMENT for fewer than three corners, half
 * a corner, and coordinates that are no numbers or beyond any picture; E_LIMIT for a line that is too long to draw.
 */
export function polygonToRle(polygon: Polygon, height: number, width: number, path = 'polygon'): Rle {
  const isPolygon = Array.isArray(polygon) && isOutline(polygon);
  if (!isPolygon || !polygon.every((value) => Math.abs(value) <= MAX_COORDINATE)) {
    const wanted = `x and y of at least three corners, each within ${MAX_COORDINATE} of 0`;
    throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: show(polygon) });
  }
  const fine = polygon.map((value) => Math.trunc(FINE * value + 0.5));
  const steps = fine.reduce((sum, value, i) => sum + Math.abs(value - fine[(i + 2) % fine.length]), 0);
  if (steps > MAX_STEPS) {
    throw new ConvNextV2Error('E_LIMIT', {
      path,
      wanted: `a line of at most ${MAX_STEPS / FINE} pixels`,
      got: `one of ${steps / FINE}`,
    });
  }
  // where the line crosses the middle of a column, the column changes from outside to inside or back
  const crossings: number[] = [];
  walk(fine, (x, y, previousX, previousY) => {
    const column = (Math.min(x, previousX) + 0.5) / FINE - 0.5;
    if (!Number.isInteger(column) || column < 0 || column > width - 1) return;
    const row = Math.ceil((Math.min(y, previousY) + 0.5) / FINE - 0.5);
    crossings.push(column * height + Math.min(Math.max(row, 0), height));
  });
  return { size: [height, width], counts: runsBetween(crossings, height * width) };
}

/** Visits each step of the line between these corners that changes x. */
function walk(fine: Polygon, visit: (x: number, y: number, previousX: number, previousY: number) => void): void {
  let previous: readonly [number, number] | undefined;
  for (let i = 0; i < fine.length; i += 2) {
    const [fromX, fromY, toX, toY] = [fine[i], fine[i + 1], fine[(i + 2) % fine.length], fine[(i + 3) % fine.length]];
    const [dx, dy] = [Math.abs(toX - fromX), Math.abs(toY - fromY)];
    const steps = Math.max(dx, dy);
    // from the lesser end, so that a line is the same both ways
    const flipped = dx >= dy ? fromX > toX : fromY > toY;
    const [x0, y0, x1, y1] = flipped ? [toX, toY, fromX, fromY] : [fromX, fromY, toX, toY];
    const slope = steps === 0 ? 0 : dx >= dy ? (y1 - y0) / dx : (x1 - x0) / dy;
    for (let step = 0; step <= steps; step++) {
      const t = flipped ? steps - step : step;
      const x = dx >= dy ? x0 + t : Math.trunc(x0 + slope * t + 0.5);
      const y = dx >= dy ? Math.trunc(y0 + slope * t + 0.5) : y0 + t;
      if (previous && x !== previous[0]) visit(x, y, previous[0], previous[1]);
      previous = [x, y];
    }
  }
}

/** The runs between positions at which outside and inside change; two changes at one place are none. */
function runsBetween(crossings: readonly number[], total: number): readonly number[] {
  const counts = [0];
  let position = 0;
  const advance = (to: number) => {
    counts[counts.length - 1] += to - position;
    position = to;
    if (counts[counts.length - 1] > 0 || counts.length === 1) return true;
    counts.pop(); // an empty run: the one before goes on
    return false;
  };
  for (const crossing of crossings.toSorted((a, b) => a - b)) if (advance(crossing)) counts.push(0);
  advance(total);
  return counts;
}

/**
 * The outlines of what is inside of values [height * width], row after row, along the pixels' edges: around each region, of
 * pixels that share a side, clockwise, and around each hole in one the other way. Filled by the even-odd rule they give the
 * mask back.
 */
export function traceOutlines(values: ArrayLike<number>, height: number, width: number): readonly Polygon[] {
  const isInside = (x: number, y: number) => x >= 0 && x < width && y >= 0 && y < height && values[y * width + x] !== 0;
  const done = new Uint8Array(height * width); // pixels whose left edge is on an outline already
  const outlines: Polygon[] = [];
  for (let at = 0; at < done.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    if (done[at] === 0 && isInside(x, y) && !isInside(x - 1, y)) outlines.push(follow(x, y));
  }
  return outlines;

  /** Goes along the edges with the inside on the right, from the lower end of a pixel's left edge upwards. */
  function follow(startX: number, startY: number): Polygon {
    const corners: number[] = [];
    let [x, y, dx, dy] = [startX, startY + 1, 0, -1];
    do {
      if (dy === -1) done[(y - 1) * width + x] = 1;
      x += dx;
      y += dy;
      // the pixel that lies ahead on each side of the line
      const right = isInside(x + (dx - dy - 1) / 2, y + (dy + dx - 1) / 2);
      const left = isInside(x + (dx + dy - 1) / 2, y + (dy - dx - 1) / 2);
      if (!right || left) {
        corners.push(x, y);
        [dx, dy] = right ? [dy, -dx] : [-dy, dx];
      }
    } while (x !== startX || y !== startY + 1 || dy !== -1);
    return corners;
  }
}
