import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { poolBoxes } from '../../../heads/roi/pooling.js';
import { cellAnchors, gridAnchors } from '../../../src/boxes/anchors.js';
import {
  clipBoxes,
  countBoxes,
  generalizedOverlaps,
  joinBoxes,
  largeEnough,
  overlaps,
} from '../../../src/boxes/boxes.js';
import { decodeBoxes, encodeBoxes } from '../../../src/boxes/coder.js';
import { levelsOf } from '../../../src/boxes/levels.js';
import { matchBoxes } from '../../../src/boxes/matcher.js';
import { groupedNms, nms as plainNms } from '../../../src/boxes/nms.js';
import { pasteMask } from '../../../src/boxes/paste.js';
import { type Polygon, polygonToRle } from '../../../src/boxes/polygon.js';
import { area, boxOf, compress, encode, merge, readRle } from '../../../src/boxes/rle.js';
import { readCocoAnnotations } from '../../../src/data/coco.js';
import { decodeImage } from '../../../src/image/decode.js';
import { cocoOverlap, type Place } from '../../../src/metrics/coco.js';
import { evaluateCoco } from '../../../src/metrics/coco-eval.js';
import { sigmoidFocalLoss } from '../../../src/nn/detection-losses.js';
import { roiAlign as roiAlignOp } from '../../../src/ops/roi-align.js';
import { type Case, compareAll, compareJson, readJson, readTensors, take, type Values } from '../compare.js';

type Floats = Float32Array<ArrayBuffer>;

/** The tensors of a file as float32 values, by name. */
async function floats(folder: string, spec: Case, role: string): Promise<Record<string, Floats>> {
  const tensors = [...(await readTensors(folder, spec, role))];
  return Object.fromEntries(tensors.map(([name, { data }]) => [name, Float32Array.from(data)]));
}

/** Compares what was computed with the case's outputs, in their shapes. */
async function check(folder: string, spec: Case, got: Readonly<Record<string, ArrayLike<number>>>): Promise<string[]> {
  const want = await readTensors(folder, spec, 'outputs');
  const shaped = Object.entries(got).map(([name, data]): [string, Values] => {
    const wanted = want.get(name);
    return [name, { shape: wanted?.data.length === data.length ? wanted.shape : [data.length], data }];
  });
  return compareAll('outputs', new Map(shaped), want, spec.tolerance.forward);
}

export async function anchors(folder: string, spec: Case): Promise<string[]> {
  const { sizes, aspect_ratios, image_size, grids } = spec.args!;
  const cells = sizes.map((level: number[], i: number) =>
    cellAnchors({ sizes: level, ratios: aspect_ratios[i], rounding: 'whole' }),
  );
  const all = cells.map((cell: Floats, i: number) => {
    const stride = [0, 1].map((axis) => Math.floor(image_size[axis] / grids[i][axis]));
    return gridAnchors(cell, grids[i], stride as [number, number]);
  });
  const named = cells.map((cell: Floats, i: number) => [`cell.${i}`, cell]);
  return check(folder, spec, { anchors: joinBoxes(all), ...Object.fromEntries(named) });
}

export async function boxCoder(folder: string, spec: Case): Promise<string[]> {
  const { deltas, proposals, truths } = await floats(folder, spec, 'inputs');
  const coding = { weights: spec.args!.weights, clamp: 'above' } as const;
  return check(folder, spec, {
    encoded: encodeBoxes(truths, proposals, coding),
    decoded: decodeBoxes(deltas, proposals, coding),
  });
}

export async function boxes(folder: string, spec: Case): Promise<string[]> {
  const { a, b, wild } = await floats(folder, spec, 'inputs');
  return check(folder, spec, {
    iou: overlaps(a, b),
    giou: generalizedOverlaps(a, b),
    clipped: clipBoxes(wild, spec.args!.size),
    large_enough: largeEnough(wild, spec.args!.min_size),
  });
}

export async function matcher(folder: string, spec: Case): Promise<string[]> {
  const { truths, predictions } = await floats(folder, spec, 'inputs');
  const { high_threshold: high, low_threshold: low } = spec.args!;
  return check(folder, spec, {
    iou: overlaps(truths, predictions),
    low_quality_false: matchBoxes(truths, predictions, { high, low, rescue: 'none' }),
    low_quality_true: matchBoxes(truths, predictions, { high, low, rescue: 'best' }),
  });
}

export async function nms(folder: string, spec: Case): Promise<string[]> {
  if (spec.files.outputs.endsWith('.json')) {
    const rows = await readJson(folder, spec, 'outputs');
    const got = rows.map((row: any) => ({
      ...row,
      keep: plainNms(Float32Array.from(row.boxes.flat()), Float32Array.from(row.scores), row.threshold),
    }));
    return compareJson(got, rows);
  }
  const { boxes, scores, groups } = await floats(folder, spec, 'inputs');
  const { threshold, thresholds } = spec.args!;
  if (groups) return check(folder, spec, { keep: groupedNms(boxes, scores, groups, threshold) });
  const kept = thresholds.map((t: number) => [`keep_${t}`, plainNms(boxes, scores, t)]);
  return check(folder, spec, Object.fromEntries(kept));
}

export async function pasteMasks(folder: string, spec: Case): Promise<string[]> {
  const { masks, boxes } = await floats(folder, spec, 'inputs');
  const [height, width] = spec.args!.image_size;
  const count = countBoxes(boxes);
  const side = Math.sqrt(masks.length / count);
  const pasted = new Float32Array(count * height * width);
  for (let i = 0; i < count; i++) {
    const mask = masks.subarray(i * side * side, (i + 1) * side * side);
    const patch = pasteMask(mask, side, boxes.subarray(4 * i, 4 * i + 4), [height, width], 'whole-box');
    for (let y = 0; y < patch.height; y++) {
      const row = patch.values.subarray(y * patch.width, (y + 1) * patch.width);
      pasted.set(row, (i * height + patch.top + y) * width + patch.left);
    }
  }
  const failures = await check(folder, spec, { soft: pasted.subarray(0, 4 * height * width) });
  const binary = await decodeImage(join(folder, spec.files.binary));
  for (let i = 0; i < count; i++) {
    let off = 0;
    for (let p = i * height * width; p < (i + 1) * height * width; p++) {
      if (pasted[p] > 0.5 !== binary.data[3 * p] > 0) off++;
    }
    if (off > spec.tolerance.pixels) failures.push(`binary ${i}: ${off} pixels differ`);
  }
  return failures;
}

export async function roiAlign(folder: string, spec: Case): Promise<string[]> {
  const inputs = await readTensors(folder, spec, 'inputs');
  const { variants, spatial_scale: scale } = spec.args!;
  if (!variants) return roiAlignLevels(folder, spec);
  const map = inputs.get('x')!;
  const x = tf.tidy(() => tf.transpose(tf.tensor4d(map.data as Float32Array, map.shape as any), [0, 2, 3, 1]));
  const rois = tf.tensor2d(inputs.get('rois')!.data as Float32Array, inputs.get('rois')!.shape as any);
  const outputs = new Map<string, Values>();
  const gradients = new Map<string, Values>();
  for (const { name, output_size: outputSize, sampling_ratio: samplingRatio, aligned } of variants) {
    const options = { outputSize, scale, samplingRatio, centres: aligned ? 'half-pixel' : 'whole' } as const;
    const run = (x: tf.Tensor) => tf.transpose(roiAlignOp(x as tf.Tensor4D, rois, options), [0, 3, 1, 2]);
    outputs.set(name, await take(tf.tidy(() => run(x))));
    const gradient = tf.tidy(() => {
      const weights = (y: tf.Tensor) => tf.reshape(tf.mod(tf.range(0, y.size), 7), y.shape);
      const dx = tf.grad((x) => {
        const y = run(x);
        return tf.sum(tf.mul(y, weights(y)));
      })(x);
      return tf.transpose(dx, [0, 3, 1, 2]);
    });
    gradients.set(name, await take(gradient));
  }
  tf.dispose([x, rois]);
  return [
    ...compareAll('outputs', outputs, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward),
    ...compareAll('gradients', gradients, await readTensors(folder, spec, 'gradients'), spec.tolerance.gradient),
  ];
}

async function roiAlignLevels(folder: string, spec: Case): Promise<string[]> {
  const inputs = await readTensors(folder, spec, 'inputs');
  const { scales, output_size: side, image_size: size } = spec.args!;
  const boxes = inputs.get('boxes')!.data as Float32Array;
  const levels = levelsOf(boxes, -Math.log2(scales[0]), scales.length, 'torchvision');
  const pooled = tf.tidy(() => {
    const maps = scales.map((_: number, i: number) => {
      const { data, shape } = inputs.get(`maps.${i}`)!;
      return tf.transpose(tf.tensor4d(data as Float32Array, shape as any), [0, 2, 3, 1]);
    });
    const specs = scales.map((scale: number, i: number) => ({ name: `${i}`, channels: 1, stride: 1 / scale }));
    const options = { samplingRatio: 2, centres: 'whole', levelRule: 'torchvision', scales: 'inferred' } as const;
    return tf.transpose(poolBoxes({ specs, maps, sizes: [size] }, [boxes], side, options), [0, 3, 1, 2]);
  });
  const got = new Map([
    ['levels', { shape: [levels.length], data: levels }],
    ['pooled', await take(pooled)],
  ]);
  return compareAll('outputs', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
}

export async function losses(folder: string, spec: Case): Promise<string[]> {
  const inputs = await readTensors(folder, spec, 'inputs');
  const [logits, targets] = ['logits', 'targets'].map((name) => {
    const { data, shape } = inputs.get(name)!;
    return tf.tensor(data as Float32Array, [...shape]);
  });
  const { value, grad } = tf.tidy(() =>
    tf.valueAndGrad((x: tf.Tensor) => tf.sum(sigmoidFocalLoss(x, targets, spec.args!)))(logits),
  );
  const [loss, gradient] = [await take(value), await take(grad)];
  tf.dispose([logits, targets]);
  const want = await readTensors(folder, spec, 'gradients');
  return [
    ...(await check(folder, spec, { loss: loss.data })),
    ...compareAll('gradients', new Map([['logits', gradient]]), want, spec.tolerance.gradient),
  ];
}

/** COCO's twelve numbers and those of each category, for boxes and masks. */
export async function cocoEval(folder: string, spec: Case): Promise<string[]> {
  const truths = await readCocoAnnotations(join(folder, spec.files.truths));
  const outputs = await readJson(folder, spec, 'outputs');
  const failures: string[] = [];
  for (const kind of ['bbox', 'segm'] as const) {
    const got = evaluateCoco(truths, await readJson(folder, spec, `detections_${kind}`), kind);
    const { stats, per_category } = outputs[kind];
    const near = (path: string, a: number, b: number) => {
      if (!(Math.abs(a - b) <= spec.tolerance.stats)) failures.push(`${kind} ${path}: got ${a}, wanted ${b}`);
    };
    for (const [i, [name, value]] of Object.entries(got.stats).entries()) near(name, value, stats[i]);
    failures.push(
      ...compareJson(
        got.categories.map(({ id }) => String(id)),
        Object.keys(per_category),
        'categories',
      ),
    );
    for (const { id, AP, AP50, AR100 } of got.categories) {
      for (const [name, value] of Object.entries({ AP, AP50, AR100 }))
        near(`${id}.${name}`, value, per_category[id][name]);
    }
  }
  return failures;
}

/** pycocotools.mask: masks by their runs, and polygons drawn. */
export async function cocoRle(folder: string, spec: Case): Promise<string[]> {
  const { masks, polygons, boxes, merge: merged } = await readJson(folder, spec, 'outputs');
  const text = (counts: readonly number[]) => compress(counts);
  const draw = (polygon: Polygon, [height, width]: [number, number]) => polygonToRle(polygon, height, width);
  const got = {
    masks: masks.map((mask: any) => {
      const rle = encode([...mask.mask].map(Number), ...(mask.size as [number, number]));
      const read = readRle({ size: mask.size, counts: mask.compressed });
      return { ...mask, counts: rle.counts, compressed: text(read.counts), area: area(read), bbox: boxOf(read) };
    }),
    polygons: polygons.map((row: any) => {
      const parts = row.polygons.map((polygon: Polygon) => draw(polygon, row.size));
      const all = merge(parts, 'union');
      const counts = parts.map(({ counts }: { counts: number[] }) => text(counts));
      return { ...row, parts: counts, merged: text(all.counts), area: area(all), bbox: boxOf(all) };
    }),
    boxes: boxes.map((row: any) => {
      const [x, y, w, h] = row.bbox;
      return { ...row, compressed: text(draw([x, y, x, y + h, x + w, y + h, x + w, y], row.size).counts) };
    }),
    merge: {
      ...merged,
      union: text(
        merge(
          merged.masks.map((counts: string) => readRle({ size: merged.size, counts })),
          'union',
        ).counts,
      ),
      intersection: text(
        merge(
          merged.masks.slice(0, merged.intersection_of).map((counts: string) => readRle({ size: merged.size, counts })),
          'intersection',
        ).counts,
      ),
    },
  };
  return [
    ...compareJson(got, { masks, polygons, boxes, merge: merged }),
    ...overlapsOff(await readJson(folder, spec, 'outputs')),
  ];
}

/** The overlaps that differ, of boxes and of masks. */
function overlapsOff({ iou, bbox_iou }: any): string[] {
  const masks = (texts: readonly string[]) =>
    texts.map((counts) => {
      const mask = readRle({ size: iou.size, counts });
      return { area: area(mask), box: boxOf(mask), mask };
    });
  const places = (rows: readonly number[][]) => rows.map((box) => ({ area: box[2] * box[3], box }));
  const off = (found: readonly Place[], truths: readonly Place[], { iscrowd, iou }: any) =>
    found.flatMap((one, d) =>
      truths.flatMap((other, g) => {
        const got = cocoOverlap(one, other, iscrowd[g] === 1);
        return Math.abs(got - iou[d][g]) <= 1e-9 ? [] : [`iou ${d} ${g}: got ${got}, wanted ${iou[d][g]}`];
      }),
    );
  return [
    ...off(masks(iou.detections), masks(iou.truths), iou),
    ...off(places(bbox_iou.detections), places(bbox_iou.truths), bbox_iou),
  ];
}
