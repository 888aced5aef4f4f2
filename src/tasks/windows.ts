/** A part of a grid: its corner, and its size. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** [height, width] */
export type Size = readonly [height: number, width: number];

/**
 * Windows of `crop` x `crop` over a grid, every `stride` rows and columns, as mmsegmentation places them: the last of a row and of
 * a column end with the grid, and a grid smaller than a window is one itself. Rows of windows, from the top.
 */
export function placeWindows([height, width]: Size, crop: number, stride: number): readonly (readonly Window[])[] {
  return starts(height, crop, stride).map((top) =>
    starts(width, crop, stride).map((left) => {
      return { top, left, height: Math.min(crop, height), width: Math.min(crop, width) };
    }),
  );
}

function starts(length: number, crop: number, stride: number): readonly number[] {
  const count = Math.ceil(Math.max(length - crop, 0) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(i * stride, length - crop)));
}
