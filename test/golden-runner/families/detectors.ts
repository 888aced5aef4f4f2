import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { FasterRCNNConfig, FCOSConfig, MaskRCNNConfig, RetinaNetConfig } from '../../../heads/detection/config.js';
import type { DetectorBase } from '../../../heads/detection/detector.js';
import type { Observe } from '../../../heads/detection/observe.js';
import { batchPictures, batchTargets } from '../../../heads/detection/transform.js';
import { FCOS } from '../../../heads/fcos/model.js';
import { type ExtraLevels, featurePyramid } from '../../../heads/fpn/index.js';
import { FasterRCNN, MaskRCNN } from '../../../heads/rcnn/models.js';
import { RetinaNet } from '../../../heads/retinanet/model.js';
import { rpnHead } from '../../../heads/rpn/head.js';
import type { DetectionTarget } from '../../../src/contracts.js';
import { decodeImage } from '../../../src/image/decode.js';
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
    ...compareJson(
      pyramid.levels.map(({ name }) => name),
      names,
      'names',
    ),
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
  for (const [i, { boxes }] of batchTargets(some(3), batch, 1).entries())
    outputs[`boxes.${i}`] = tf.tensor2d(boxes, [3, 4]);
  for (const [i, { masks }] of batchTargets(some(2), batch, 1).entries()) {
    const moved = masks();
    outputs[`masks.${i}`] = tf.squeeze(moved, [3]);
    moved.dispose();
  }
  tf.dispose([pictures, batch.pixels]);
  return [...compareJson(batch.sizes, image_sizes, 'sizes'), ...(await compareOutputs(folder, spec, outputs))];
}

type AnyDetector = DetectorBase<any>;

/** torchvision's detectors by the goldens' arguments, with fresh weights. */
const DETECTORS: Readonly<Record<string, (args: any) => Promise<AnyDetector>>> = {
  'faster-rcnn': (args) => FasterRCNN.fromConfig(new FasterRCNNConfig(twoStage(args))),
  'mask-rcnn': (args) => {
    const { mask_pool: maskPoolSize, mask_hidden: hidden } = args;
    const own = { maskPoolSize, maskLayers: [hidden, hidden], maskDimReduced: hidden };
    return MaskRCNN.fromConfig(new MaskRCNNConfig({ ...twoStage(args), ...own }));
  },
  retinanet: (args) => RetinaNet.fromConfig(new RetinaNetConfig(oneStage(args))),
  fcos: (args) => FCOS.fromConfig(new FCOSConfig({ ...oneStage(args), numConvs: args.num_convs })),
};

function oneStage(args: any) {
  return {
    ...common(args),
    extraLevels: args.use_p5 ? ('p6p7-from-p5' as const) : ('p6p7-from-c5' as const),
    scoreThresh: args.score_thresh,
    nmsThresh: args.nms_thresh,
    detectionsPerImg: args.detections_per_img,
    topkCandidates: args.topk_candidates,
  };
}

/** More than there is: every sample is taken, so that nothing is drawn at random. */
const ALL = 100_000;

function common(args: any) {
  const { backbone, out_channels: outChannels, min_size: minSize, max_size: maxSize } = args;
  return {
    backboneConfig: { model_type: 'convnextv2', ...backbone },
    numLabels: args.num_classes,
    outChannels,
    minSize,
    maxSize,
    imageMean: args.image_mean,
    imageStd: args.image_std,
    anchorSizes: args.anchor_sizes,
    aspectRatios: args.aspect_ratios[0],
  };
}

function twoStage(args: any) {
  return {
    ...common(args),
    rpnPreNmsTopNTrain: args.rpn_pre_nms_top_n,
    rpnPreNmsTopNTest: args.rpn_pre_nms_top_n,
    rpnPostNmsTopNTrain: args.rpn_post_nms_top_n,
    rpnPostNmsTopNTest: args.rpn_post_nms_top_n,
    rpnNmsThresh: args.rpn_nms_thresh,
    rpnBatchSizePerImage: ALL,
    boxBatchSizePerImage: ALL,
    boxPositiveFraction: 0.5,
    boxScoreThresh: args.score_thresh,
    boxNmsThresh: args.nms_thresh,
    boxDetectionsPerImg: args.detections_per_img,
    boxPoolSize: args.box_pool,
    representationSize: args.representation_size,
  };
}

/** torchvision's detectors: what lies between, what is found, and the losses and gradients of a training step. */
export async function detector(folder: string, spec: Case): Promise<string[]> {
  const model = await DETECTORS[spec.family](spec.args);
  const weights = await readTensors(folder, spec, 'weights');
  const names = [...model.parameters.keys()];
  const failures = compareJson(names.toSorted(), [...weights.keys()].toSorted(), 'parameters');
  if (failures.length > 0) return failures;
  load(model as unknown as DeclaringScope, weights);
  const images = Object.keys(spec.files)
    .filter((role) => role.startsWith('image.'))
    .sort();
  const pictures = await Promise.all(images.map((role) => toPicture(join(folder, spec.files[role]))));
  failures.push(
    ...(await inference(folder, spec, model, pictures)),
    ...(await training(folder, spec, model, pictures)),
  );
  tf.dispose(pictures);
  model.dispose();
  return failures;
}

async function toPicture(path: string): Promise<tf.Tensor3D> {
  const { data, height, width } = await decodeImage(path);
  return tf.tensor3d(
    Float32Array.from(data, (value) => value / 255),
    [height, width, 3],
  );
}

async function inference(
  folder: string,
  spec: Case,
  model: AnyDetector,
  pictures: readonly tf.Tensor3D[],
): Promise<string[]> {
  const want = await readTensors(folder, spec, 'outputs');
  const got = new Map<string, Values>();
  const keep = (name: string, data: ArrayLike<number>, shape: readonly number[]) => {
    if (want.has(name)) got.set(name, { data, shape });
  };
  const observe: Observe = (name, value) => {
    if (!(value instanceof tf.Tensor)) return keep(name, value, want.get(name)?.shape ?? []);
    const isMap = value.rank === 4;
    const given = isMap ? fromMap(value as tf.Tensor4D) : value;
    keep(name, given.dataSync().slice(), given.shape);
  };
  const found = model.detect(pictures, { observe });
  const failures: string[] = [];
  for (const [i, { boxes, scores, labels, masks }] of found.entries()) {
    keep(`boxes.${i}`, boxes, [labels.length, 4]);
    keep(`scores.${i}`, scores, [labels.length]);
    keep(`labels.${i}`, labels, [labels.length]);
    if (!masks) continue;
    const stacked = await decodeImage(join(folder, spec.files[`masks.${i}`]));
    for (const [m, { bits, height, width }] of masks.entries()) {
      const offset = m * height * width;
      const off = new Mask(bits, height, width)
        .toValues()
        .filter((value, p) => value !== stacked.data[3 * (offset + p)] / 255);
      if (off.length > spec.tolerance.pixels) failures.push(`masks.${i} ${m}: ${off.length} pixels differ`);
    }
  }
  return [...failures, ...compareAll('outputs', got, want, spec.tolerance.forward)];
}

async function training(
  folder: string,
  spec: Case,
  model: AnyDetector,
  pictures: readonly tf.Tensor3D[],
): Promise<string[]> {
  const targets = await readTensors(folder, spec, 'targets');
  const wanted = pictures.map(({ shape: [height, width] }, i): DetectionTarget => {
    const labels = Int32Array.from(targets.get(`labels.${i}`)!.data);
    const masks = targets.get(`masks.${i}`);
    const values = Array.from(masks?.data ?? []);
    return {
      boxes: Float32Array.from(targets.get(`boxes.${i}`)!.data),
      labels,
      ...(masks && {
        masks: Array.from(labels, (_, m) =>
          Mask.fromValues(values.slice(m * height * width, (m + 1) * height * width), height, width),
        ),
      }),
    };
  });
  const losses = new Map<string, Values>();
  const { value, grads } = tf.variableGrads(() => {
    const own = model.losses(pictures, wanted);
    for (const [name, loss] of Object.entries(own)) losses.set(name, { shape: [], data: loss.dataSync().slice() });
    return tf.addN(Object.values(own)) as tf.Scalar;
  });
  const want = await readTensors(folder, spec, 'gradients');
  const gradients = new Map<string, Values>();
  for (const name of want.keys()) {
    const parameter = model.parameters.get(name)!;
    gradients.set(name, await take(parameter.stored(grads[parameter.variable.name])));
  }
  tf.dispose([value, grads]);
  return [
    ...compareAll('losses', losses, await readTensors(folder, spec, 'losses'), spec.tolerance.forward),
    ...compareAll('gradients', gradients, want, spec.tolerance.gradient),
  ];
}
