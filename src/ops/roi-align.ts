import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

export interface RoiAlignOptions {
  /** Cells of a result, [height, width]. */
  readonly outputSize: readonly [number, number];
  /** Cells of the map per pixel of the boxes, as 1 / 16. */
  readonly scale: number;
  /** Samples along each side of a cell; 0 for as many as it spans cells of the map, rounded up. */
  readonly samplingRatio: number;
  /** `half-pixel`: cells' centres lie at halves (mmdetection, "aligned"). `whole`: at whole numbers, boxes at least a cell wide. */
  readonly centres: 'half-pixel' | 'whole';
}

/**
 * RoIAlign (He et al. 2017), as torchvision.ops.roi_align: what a map holds in each box, averaged over samples that are
 * interpolated between cells. x: [n, h, w, c]; rois: [r, 5], the picture's index and a box in pixels each; gives
 * [r, *outputSize, c], with a gradient to x alone. Kernels: `ConvNextV2RoiAlign` { x, rois } and
 * `ConvNextV2RoiAlignGrad` { rois, dy }, with { height, width, scale, samplingRatio, centres } and, for the gradient, the
 * map's { batch, mapHeight, mapWidth }.
 */
export function roiAlign(x: tf.Tensor4D, rois: tf.Tensor2D, options: RoiAlignOptions): tf.Tensor4D {
  const [height, width] = options.outputSize;
  const { scale, samplingRatio, centres } = options;
  const attributes = { height, width, scale, samplingRatio, centres };
  const [batch, mapHeight, mapWidth, channels] = x.shape;
  const align = tf.customGrad((...args) => {
    const [x, save] = args as unknown as [tf.Tensor4D, tf.GradSaveFunc];
    save([rois]);
    return {
      value: runOp('ConvNextV2RoiAlign', { x, rois }, attributes, () => {
        const pooled = forward(x.dataSync() as Float32Array, rois.dataSync() as Float32Array, x.shape, options);
        return tf.tensor4d(pooled, [rois.shape[0], height, width, channels]);
      }),
      gradFunc: (dy: tf.Tensor, [rois]: tf.Tensor[]) =>
        runOp('ConvNextV2RoiAlignGrad', { rois, dy }, { ...attributes, batch, mapHeight, mapWidth }, () => {
          const dx = backward(dy.dataSync() as Float32Array, rois.dataSync() as Float32Array, x.shape, options);
          return tf.tensor4d(dx, x.shape);
        }),
    };
  });
  return align(x) as tf.Tensor4D;
}

type Shape = readonly [batch: number, height: number, width: number, channels: number];

function forward(x: Float32Array, rois: Float32Array, shape: Shape, options: RoiAlignOptions): Float32Array {
  const channels = shape[3];
  const [height, width] = options.outputSize;
  const pooled = new Float32Array((rois.length / 5) * height * width * channels);
  visitSamples(rois, shape, options, (cell, position, weight) => {
    for (let c = 0; c < channels; c++) pooled[cell + c] += weight * x[position + c];
  });
  return pooled;
}

function backward(dy: Float32Array, rois: Float32Array, shape: Shape, options: RoiAlignOptions): Float32Array {
  const channels = shape[3];
  const dx = new Float32Array(shape.reduce((product, length) => product * length, 1));
  visitSamples(rois, shape, options, (cell, position, weight) => {
    for (let c = 0; c < channels; c++) dx[position + c] += weight * dy[cell + c];
  });
  return dx;
}

const round = Math.fround;

/** Visits each cell of the result with each position of the map that it is made from, where their channels begin, and its weight. */
function visitSamples(
  rois: Float32Array,
  [, mapHeight, mapWidth, channels]: Shape,
  { outputSize: [height, width], scale, samplingRatio, centres }: RoiAlignOptions,
  visit: (cell: number, position: number, weight: number) => void,
): void {
  for (let r = 0; r * 5 < rois.length; r++) {
    const [picture, xmin, ymin, xmax, ymax] = rois.subarray(5 * r, 5 * r + 5);
    const across = sampleAxis(xmin, xmax, width, mapWidth);
    const down = sampleAxis(ymin, ymax, height, mapHeight);
    const share = 1 / (across.count * down.count);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const cell = ((r * height + y) * width + x) * channels;
        for (const [row, rowWeight] of down.taps[y]) {
          for (const [column, columnWeight] of across.taps[x]) {
            const position = ((picture * mapHeight + row) * mapWidth + column) * channels;
            visit(cell, position, rowWeight * columnWeight * share);
          }
        }
      }
    }
  }

  /** For each cell of the result along one axis, the cells of the map that its samples lie between, with their weights. */
  function sampleAxis(low: number, high: number, cells: number, length: number) {
    const offset = centres === 'half-pixel' ? 0.5 : 0;
    const begin = round(round(low * round(scale)) - offset);
    const span = round(round(round(high * round(scale)) - offset) - begin);
    const side = round((centres === 'half-pixel' ? span : Math.max(span, 1)) / cells);
    const count =
      samplingRatio > 0 ? samplingRatio : Math.max(Math.ceil(round(span / cells)), centres === 'whole' ? 1 : 0);
    const taps = Array.from({ length: cells }, (_, cell) =>
      mergeTaps(
        Array.from({ length: count }, (_, sample) => {
          const within = round(round(round(sample + 0.5) * side) / count);
          return interpolate(round(round(begin + round(cell * side)) + within), length);
        }).flat(),
      ),
    );
    return { taps, count };
  }
}

type Tap = readonly [cell: number, weight: number];

/** The two cells that a place lies between; none for one more than a cell outside of the map. */
function interpolate(place: number, length: number): readonly Tap[] {
  if (place < -1 || place > length) return [];
  const inside = Math.max(place, 0);
  const cell = Math.floor(inside);
  if (cell >= length - 1) return [[length - 1, 1]];
  const share = round(inside - cell);
  return [
    [cell, 1 - share],
    [cell + 1, share],
  ];
}

/** One tap for each cell, and none of weight 0: a box is then read cell by cell, however many samples it has. */
function mergeTaps(taps: readonly Tap[]): readonly Tap[] {
  const merged = new Map<number, number>();
  for (const [cell, weight] of taps) merged.set(cell, (merged.get(cell) ?? 0) + weight);
  return [...merged].filter(([, weight]) => weight !== 0);
}
