import * as tf from '@tensorflow/tfjs-core';
import { batchPictures, batchTargets } from '../../../heads/detection/transform.js';
import { type ExtraLevels, featurePyramid } from '../../../heads/fpn/index.js';
import { rpnHead } from '../../../heads/rpn/head.js';
import { Mask } from '../../../src/image/mask.js';
import { createScope, type DeclaringScope } from '../../../src/nn/scope.js';
import type { LoadedTensor } from '../../../src/weights/checkpoint.js';
import { type Case, compareAll, compareJson, readTensors, take, type Values } from '../compare.js';

/** A map [n, c, h, w] as [n, h, w, c]. */
function toMap({ data, shape }: LoadedTensor): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor<tf.Rank.R4>(data as Float32Array, shape as any), [0, 2, 3, 1]));
}

/** A map [n, h, w, c] as the reference has it, [n, c, h, w]. */
const fromMap = (map: tf.Tensor4D): tf.Tensor4D => tf.transpose(map, [0, 3, 1, 2]);

/** Gives the parameters of a scope the tensors of their names. */
function load(scope: DeclaringScope, weights: ReadonlyMap<string, LoadedTensor>): void {
  for (const [name, parameter] of scope.parameters) parameter.fill(Float32Array.from(weights.get(name)!.data));
}

async function compareOutputs(folder: string, spec: Case, got: Readonly<Record<string, tf.Tensor>>): Promise<string[]> {
  const values = new Map<string, Values>();
  for (const [name, tensor] of Object.entries(got)) values.set(name, await take(tensor));
  return compareAll('outputs', values, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
}

export async function fpn(folder: string, spec: Case): Promise<string[]> {
  const { in_channels_list, out_channels: channels, extra_blocks, use_P5, names } = spec.args!;
  const extra: Readonly<Record<string, ExtraLevels>> = {
    LastLevelMaxPool: 'max-pool',
    LastLevelP6P7: use_P5 ? 'p6p7-from-p5' : 'p6p7-from-c5',
  };
  const specs = in_channels_list.map((channels: number, i: number) => ({ name: `${i}`, channels, stride: 2 ** i }));
  const scope = createScope();
  const pyramid = featurePyramid(scope, specs, { channels, extra: extra[extra_blocks] ?? 'none' });
  load(scope, await readTensors(folder, spec, 'weights'));
  const inputs = await readTensors(folder, spec, 'inputs');
  const levels = tf.tidy(() => pyramid.forward([...inputs.values()].map(toMap)).map(fromMap));
  for (const parameter of scope.parameters.values()) parameter.dispose();
  const named = Object.fromEntries(pyramid.levels.map(({ name }, i) => [name, levels[i]]));
  return [
    ...compareJson(pyramid.levels.map(({ name }) => name), names, 'names'),
    ...(await compareOutputs(folder, spec, named)),
  ];
}

export async function rpn(folder: string, spec: Case): Promise<string[]> {
  const { in_channels: channels, num_anchors: anchors, conv_depth: depth } = spec.args!;
  const scope = createScope();
  const head = rpnHead(scope, { channels, anchors, depth });
  load(scope, await readTensors(folder, spec, 'weights'));
  const inputs = await readTensors(folder, spec, 'inputs');
  const maps = [...inputs.keys()].sort().map((name) => inputs.get(name)!);
  const predicted = tf.tidy(() => {
    const { objectness, deltas } = head(maps.map(toMap));
    return { objectness: objectness.map(fromMap), deltas: deltas.map(fromMap) };
  });
  for (const parameter of scope.parameters.values()) parameter.dispose();
  const named = Object.entries(predicted).flatMap(([name, levels]) => levels.map((map, i) => [`${name}.${i}`, map]));
  return compareOutputs(folder, spec, Object.fromEntries(named));
}

export async function transform(folder: string, spec: Case): Promise<string[]> {
  const { min_size: minSize, max_size: maxSize, size_divisible: sizeDivisible, image_sizes } = spec.args!;
  const inputs = await readTensors(folder, spec, 'inputs');
  const counted = image_sizes.map((_: unknown, i: number) => i);
  const pictures = counted.map((i: number) => {
    const { data, shape } = inputs.get(`image.${i}`)!;
    return tf.tidy(() => tf.transpose(tf.tensor(data as Float32Array, [...shape]), [1, 2, 0]));
  });
  const batch = batchPictures(pictures, {
    minSize,
    maxSize,
    sizeDivisible,
    imageMean: [0.485, 0.456, 0.406],
    imageStd: [0.229, 0.224, 0.225],
  });
  // the reference moves boxes and masks apart; ours go together
  const parts = counted.map((i: number) => {
    const boxes = Float32Array.from(inputs.get(`boxes.${i}`)!.data);
    const { data, shape } = inputs.get(`masks.${i}`)!;
    const [count, height, width] = shape;
    const masks = Array.from({ length: count }, (_, m) =>
      Mask.fromValues(Array.from(data).slice(m * height * width, (m + 1) * height * width), height, width),
    );
    return { boxes, masks };
  });
  const some = (count: number) =>
    parts.map(({ boxes, masks }: { boxes: Float32Array; masks: Mask[] }) => {
      return { boxes: boxes.subarray(0, 4 * count), masks, labels: new Int32Array(count) };
    });
  const outputs: Record<string, tf.Tensor> = { batch: fromMap(batch.pixels) };
  for (const [i, { boxes }] of batchTargets(some(3), batch).entries()) outputs[`boxes.${i}`] = tf.tensor2d(boxes, [3, 4]);
  for (const [i, { masks }] of batchTargets(some(2), batch).entries()) {
    const moved = masks();
    outputs[`masks.${i}`] = tf.squeeze(moved, [3]);
    moved.dispose();
  }
  tf.dispose([pictures, batch.pixels]);
  return [...compareJson(batch.sizes, image_sizes, 'sizes'), ...(await compareOutputs(folder, spec, outputs))];
}
