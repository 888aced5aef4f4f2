/**
 * A detector trained from nothing: composes a small data set in COCO's form, trains a narrow Mask R-CNN on it, and measures it on
 * pictures that it has not seen.
 *
 * npx tsx examples/coco-detection.ts [--steps 300] [--side 96] [--seed 1]
 *
 * Prints the average precision of boxes and masks, and writes out/coco (the data set), out/coco-mask-rcnn (the model, for
 * `convnextv2 detect` and `eval-detection`) and out/coco-detection.png (what it found in four of the pictures). The pictures are
 * pieces of photographs with discs, squares and stars on them, in any colour: a class is a shape alone.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  type CocoResult,
  ConvNextV2Config,
  decodeImage,
  detectionPicture,
  encodePng,
  evaluateCoco,
  Mask,
  MaskRCNN,
  MaskRCNNConfig,
  pictureSheet,
  pipeline,
  readCocoAnnotations,
  type RawImage,
} from 'convnextv2';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300' },
    side: { type: 'string', default: '96' },
    seed: { type: 'string', default: '1' },
  },
});
const [STEPS, SIDE, SEED] = [values.steps, values.side, values.seed].map(Number);
const BATCH = 4;
const FOLDER = 'out/coco';

/** The classes: how far the outline is from the middle at each of its corners. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  disc: Array(24).fill(1),
  square: [1, 1, 1, 1],
  star: [1, 0.4, 1, 0.4, 1, 0.4, 1, 0.4, 1, 0.4],
};
const NAMES = Object.keys(SHAPES);

/** Numbers from 0 to 1, always the same ones. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A piece of a photograph with up to four shapes on it that do not touch, and their outlines. */
function compose(photograph: RawImage, random: () => number) {
  const data = new Uint8Array(SIDE * SIDE * 3);
  const [left, top] = [photograph.width, photograph.height].map((side) => Math.floor(random() * (side - SIDE)));
  for (let y = 0; y < SIDE; y++) {
    const from = ((top + y) * photograph.width + left) * 3;
    data.set(photograph.data.subarray(from, from + SIDE * 3), y * SIDE * 3);
  }
  const placed: { x: number; y: number; radius: number; shape: string; polygon: number[] }[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    const radius = SIDE * (0.1 + 0.12 * random());
    const [x, y] = [0, 1].map(() => radius + random() * (SIDE - 2 * radius));
    if (placed.some((other) => Math.hypot(x - other.x, y - other.y) < radius + other.radius)) continue;
    const shape = NAMES[Math.floor(random() * NAMES.length)];
    const turn = random() * 2 * Math.PI;
    const polygon = SHAPES[shape].flatMap((distance, i, { length }) => {
      const angle = turn + (2 * Math.PI * i) / length;
      return [x + radius * distance * Math.cos(angle), y + radius * distance * Math.sin(angle)];
    });
    const inside = Mask.fromPolygons([polygon], SIDE, SIDE).toValues();
    const colour = [0, 1, 2].map(() => 255 * random());
    for (let i = 0; i < inside.length; i++) {
      if (inside[i]) data.set(colour.map((value) => Math.max(0, Math.min(255, value + 30 * (random() - 0.5)))), 3 * i);
    }
    placed.push({ x, y, radius, shape, polygon });
  }
  return { image: { data, width: SIDE, height: SIDE, channels: 3 }, placed };
}

/** Composes pictures and COCO's annotations of them, and reads these again. */
async function writeDataSet(split: string, count: number, seed: number) {
  const files = ['chelsea.png', 'china.jpg', 'coffee.png', 'rocket.jpg'];
  const photographs = await Promise.all(files.map((file) => decodeImage(`examples/pictures/${file}`)));
  const random = randomNumbers(seed);
  mkdirSync(`${FOLDER}/${split}`, { recursive: true });
  const [images, annotations]: [object[], object[]] = [[], []];
  for (let image_id = 1; image_id <= count; image_id++) {
    const { image, placed } = compose(photographs[image_id % photographs.length], random);
    const file_name = `${String(image_id).padStart(12, '0')}.png`;
    writeFileSync(`${FOLDER}/${split}/${file_name}`, await encodePng(image));
    images.push({ id: image_id, file_name, width: SIDE, height: SIDE });
    for (const { shape, polygon } of placed) {
      const { box: bbox, area } = Mask.fromPolygons([polygon], SIDE, SIDE);
      const category_id = 1 + NAMES.indexOf(shape);
      const id = 1 + annotations.length;
      annotations.push({ id, image_id, category_id, bbox, area, segmentation: [polygon], iscrowd: 0 });
    }
  }
  const categories = NAMES.map((name, i) => ({ id: 1 + i, name }));
  const file = `${FOLDER}/instances_${split}.json`;
  writeFileSync(file, JSON.stringify({ images, annotations, categories }));
  return readCocoAnnotations(file);
}

const training = await writeDataSet('train', 128, SEED);
const validation = await writeDataSet('val', 24, SEED + 1000);

const config = new MaskRCNNConfig({
  backboneConfig: new ConvNextV2Config({
    numStages: 3,
    depths: [1, 1, 2],
    hiddenSizes: [16, 32, 48],
    outIndices: [1, 2, 3],
    initializerRange: 0.1,
  }),
  id2label: { ...['background', ...NAMES] },
  minSize: SIDE,
  maxSize: SIDE,
  extraLevels: 'none',
  anchorSizes: [[16], [24], [40]],
  aspectRatios: [1],
  outChannels: 32,
  representationSize: 64,
  boxPoolSize: 7,
  maskPoolSize: 7,
  maskLayers: [32, 32],
  maskDimReduced: 32,
  rpnPreNmsTopNTrain: 100,
  rpnPostNmsTopNTrain: 50,
  rpnPreNmsTopNTest: 100,
  rpnPostNmsTopNTest: 50,
  rpnBatchSizePerImage: 64,
  boxBatchSizePerImage: 32,
});
const model = await MaskRCNN.fromConfig(config, { seed: SEED });

const samples = await Promise.all(
  training.images.map(async ({ id, file_name, width, height }) => {
    const { data } = await decodeImage(`${FOLDER}/train/${file_name}`);
    const own = training.annotations.filter(({ image_id }) => image_id === id);
    return {
      pixels: tf.tensor3d(
        Float32Array.from(data, (value) => value / 255),
        [height, width, 3],
      ),
      target: {
        boxes: Float32Array.from(own.flatMap(({ bbox: [x, y, w, h] }) => [x, y, x + w, y + h])),
        labels: Int32Array.from(own, ({ category_id }) => category_id),
        masks: own.map(({ segmentation }) => Mask.fromPolygons(segmentation as number[][], height, width)),
      },
    };
  }),
);
const optimizer = new AdamW([{ parameters: model.parameters.values() }], { learningRate: 2e-3, weightDecay: 0.01 });
const random = randomNumbers(SEED + 3);
let sums: Record<string, number> = {};
const began = Date.now();
for (let step = 1; step <= STEPS; step++) {
  optimizer.learningRate = 4e-3 * Math.min(1, step / 20) * (1 - (step - 1) / STEPS) ** 0.9;
  const batch = Array.from({ length: BATCH }, () => samples[Math.floor(random() * samples.length)]);
  optimizer.step(() => {
    const losses = model.losses(
      batch.map(({ pixels }) => pixels),
      batch.map(({ target }) => target),
      { training: true, seed: step },
    );
    for (const [name, loss] of Object.entries(losses)) sums[name] = (sums[name] ?? 0) + loss.dataSync()[0] / 5;
    return tf.addN(Object.values(losses)) as tf.Scalar;
  });
  if (step % 5 > 0) continue;
  console.error(`step ${step} ${Date.now() - began}: ${Object.entries(sums).map(([name, sum]) => `${name} ${sum.toFixed(3)}`).join(', ')}`);
  sums = {};
}
await model.savePretrained('out/coco-mask-rcnn');
tf.dispose(samples.map(({ pixels }) => pixels));
optimizer.dispose();
model.dispose();

const detect = await pipeline('instance-segmentation', 'out/coco-mask-rcnn');
const results: CocoResult[] = [];
for (const { id: image_id, file_name } of validation.images) {
  for (const { score, id, box, mask } of await detect(`${FOLDER}/val/${file_name}`, { threshold: 0.05 })) {
    const { xmin, ymin, xmax, ymax } = box;
    const bbox = [xmin, ymin, xmax - xmin, ymax - ymin];
    results.push({ image_id, category_id: id, score, bbox, segmentation: mask!.toRLE() });
  }
}
for (const kind of ['bbox', 'segm'] as const) {
  const { AP, AP50 } = evaluateCoco(validation, results, kind).stats;
  console.log(`${kind}: AP ${AP.toFixed(3)}, AP50 ${AP50.toFixed(3)}`);
}
await detect.dispose();
