/**
 * A detector trained from nothing: composes a small data set in COCO's form, trains a narrow Mask R-CNN on it, and measures it on
 * pictures that it has not seen.
 *
 * npx tsx examples/coco-detection.ts [--steps 300] [--seed 1]
 *
 * Prints the average precision of boxes and masks, and writes out/coco (the data set), out/coco-mask-rcnn (the model, for
 * `convnextv2 detect` and `eval-detection`) and out/coco-detection.png (what it found in six of the pictures). The pictures are
 * pieces of photographs with discs, squares and stars on them. A minute on two cores with the native kernels, and an hour without.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  type CocoResult,
  ConvNextV2Config,
  cocoTargets,
  decodeImage,
  detectionPicture,
  encodePng,
  evaluateCoco,
  findCocoPictures,
  Mask,
  MaskRCNN,
  MaskRCNNConfig,
  pictureSheet,
  pipeline,
  type RawImage,
  readCocoAnnotations,
  type Tile,
} from 'convnextv2';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
});
const [STEPS, SEED] = [Number(values.steps), Number(values.seed)];
const BATCH = 4;
/** Sides of the pictures, and of what the model makes of them, in pixels. */
const [SIDE, SEEN] = [192, 64];
const FOLDER = 'out/coco';

/** The classes: how far the outline is from the middle at each of its corners, and the colour inside. */
const SHAPES: Readonly<Record<string, { readonly corners: readonly number[]; readonly colour: readonly number[] }>> = {
  disc: { corners: Array(24).fill(1), colour: [200, 40, 40] },
  square: { corners: [1, 1, 1, 1], colour: [40, 90, 200] },
  star: { corners: [1, 0.4, 1, 0.4, 1, 0.4, 1, 0.4, 1, 0.4], colour: [240, 200, 40] },
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
    const { corners, colour } = SHAPES[shape];
    const polygon = corners.flatMap((distance, i, { length }) => {
      const angle = turn + (2 * Math.PI * i) / length;
      return [x + radius * distance * Math.cos(angle), y + radius * distance * Math.sin(angle)];
    });
    const inside = Mask.fromPolygons([polygon], SIDE, SIDE).toValues();
    const light = 0.7 + 0.6 * random();
    for (let i = 0; i < inside.length; i++) {
      const noise = 40 * (random() - 0.5);
      if (inside[i])
        data.set(
          colour.map((value) => Math.max(0, Math.min(255, value * light + noise))),
          3 * i,
        );
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
  const dataset = await readCocoAnnotations(file);
  return { ...dataset, pictures: await findCocoPictures(dataset, `${FOLDER}/${split}`) };
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
  minSize: SEEN,
  maxSize: SEEN,
  extraLevels: 'none',
  anchorSizes: [[16], [24], [40]],
  aspectRatios: [1],
  outChannels: 32,
  representationSize: 64,
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

const targetOf = cocoTargets(training, config.id2label);
const samples = await Promise.all(
  training.images.map(async (image, i) => {
    const { data, height, width } = await decodeImage(training.pictures[i]);
    const shares = Float32Array.from(data, (value) => value / 255);
    return { pixels: tf.tensor3d(shares, [height, width, 3]), target: targetOf(image) };
  }),
);
const optimizer = new AdamW([{ parameters: model.parameters.values() }]);
const random = randomNumbers(SEED);
for (let step = 1; step <= STEPS; step++) {
  optimizer.learningRate = 4e-3 * Math.min(1, step / 20) * (1 - (step - 1) / STEPS) ** 0.9;
  const batch = Array.from({ length: BATCH }, () => samples[Math.floor(random() * samples.length)]);
  const [pixels, targets] = [batch.map(({ pixels }) => pixels), batch.map(({ target }) => target)];
  const loss = optimizer.step(() => {
    return tf.addN(Object.values(model.losses(pixels, targets, { training: true, seed: step }))) as tf.Scalar;
  });
  if (step % 10 === 0) console.error(`step ${step}: loss ${loss.toFixed(3)}`);
}
await model.savePretrained('out/coco-mask-rcnn');
tf.dispose(samples.map(({ pixels }) => pixels));
optimizer.dispose();
model.dispose();

const detect = await pipeline('instance-segmentation', 'out/coco-mask-rcnn');
const results: CocoResult[] = [];
const tiles: Tile[] = [];
for (const [i, { id: image_id, file_name }] of validation.images.entries()) {
  const objects = await detect(validation.pictures[i], { threshold: 0.05 });
  for (const { score, id, box, mask } of objects) {
    const bbox = [box.xmin, box.ymin, box.xmax - box.xmin, box.ymax - box.ymin];
    results.push({ image_id, category_id: id, score, bbox, segmentation: mask!.toRLE() });
  }
  if (i >= 6) continue;
  const sure = objects.filter(({ score }) => score > 0.5);
  const photograph = await decodeImage(validation.pictures[i]);
  tiles.push({ image: await detectionPicture(photograph, sure, NAMES), lines: [file_name!] });
}
await detect.dispose();

for (const kind of ['bbox', 'segm'] as const) {
  const { stats, categories } = evaluateCoco(validation, results, kind);
  console.log(`${kind}: AP ${stats.AP.toFixed(3)}, AP50 ${stats.AP50.toFixed(3)}`);
  for (const { name, AP50 } of categories) console.log(`  ${name}: AP50 ${AP50.toFixed(3)}`);
}
writeFileSync('out/coco-detection.png', await encodePng(pictureSheet([tiles.slice(0, 3), tiles.slice(3)], 256)));
console.log('wrote out/coco-detection.png and out/coco-mask-rcnn');
