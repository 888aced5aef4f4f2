/**
 * A segmenter trained from nothing: composes a small data set in the layout of ADE20K, trains a narrow UperNet on it, and measures
 * it before and after.
 *
 * npx tsx examples/ade20k-segmentation.ts [--steps 300] [--side 64]
 *
 * Prints the loss as it falls and the mean intersection over union, and writes out/ade20k (the data set), out/ade20k-upernet (the
 * model) and out/ade20k-segmentation.png (pictures that it has not seen, with what it found and what there is). The pictures are
 * pieces of photographs with regions of bricks, grass, water and sand on them; each region has an edge that counts for nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  ConvNextV2Config,
  classColours,
  createMeanIoU,
  decodeImage,
  encodeLabelPng,
  encodePng,
  findLabelledPictures,
  type LabelledPicture,
  pictureSheet,
  type RawImage,
  readLabels,
  SegformerImageProcessor,
  segmentationPicture,
  segmentImage,
  type Tile,
  UperNetConfig,
  UperNetForSemanticSegmentation,
} from 'convnextv2';

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '300' }, side: { type: 'string', default: '64' } },
});
const [STEPS, SIDE] = [Number(values.steps), Number(values.side)];
const BATCH = 8;
const FOLDER = 'out/ade20k';

/** The classes, and the colour that a texture has at a place. */
const CLASSES: Readonly<Record<string, (x: number, y: number) => readonly number[]>> = {
  photograph: () => [],
  bricks: (x, y) => (y % 6 === 0 || (x + (Math.floor(y / 6) % 2) * 5) % 10 === 0 ? [190, 180, 170] : [165, 70, 50]),
  grass: (x, y) => ((x * 7 + y * 13) % 5 < 2 ? [40, 120, 30] : [80, 160, 60]),
  water: (x, y) => [30, 90 + 30 * Math.sin((y + 2 * Math.sin(x / 4)) / 1.5), 190],
  sand: (x, y) => ((x * 5 + y * 11) % 7 === 0 ? [170, 140, 90] : [225, 200, 140]),
};
const NAMES = Object.keys(CLASSES);
const COUNTING = { numClasses: NAMES.length, reduceLabels: true };

/** Numbers from 0 to 1, always the same ones. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A piece of a photograph with three regions on it, and the label of each pixel: 0 nothing, else 1 more than the class. */
function compose(photograph: RawImage, random: () => number) {
  const data = new Uint8Array(SIDE * SIDE * 3);
  const labels = new Uint8Array(SIDE * SIDE).fill(1);
  const [left, top] = [photograph.width, photograph.height].map((side) => Math.floor(random() * (side - SIDE)));
  for (let y = 0; y < SIDE; y++) {
    const from = ((top + y) * photograph.width + left) * 3;
    data.set(photograph.data.subarray(from, from + SIDE * 3), y * SIDE * 3);
  }
  for (let region = 0; region < 3; region++) {
    const id = 1 + Math.floor(random() * (NAMES.length - 1));
    const [cx, cy] = [random() * SIDE, random() * SIDE];
    const [rx, ry] = [0, 1].map(() => SIDE * (0.19 + 0.22 * random()));
    const light = 0.8 + 0.4 * random();
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const distance = Math.hypot((x - cx) / rx, (y - cy) / ry);
        if (distance > 1) continue;
        labels[y * SIDE + x] = distance > 0.94 ? 0 : 1 + id;
        const noise = 20 * (random() - 0.5);
        const colour = CLASSES[NAMES[id]](x, y).map((value) => Math.max(0, Math.min(255, value * light + noise)));
        data.set(colour, (y * SIDE + x) * 3);
      }
    }
  }
  return { image: { data, width: SIDE, height: SIDE, channels: 3 }, labels };
}

async function writeDataSet(split: string, count: number, seed: number): Promise<readonly LabelledPicture[]> {
  const files = ['chelsea.png', 'china.jpg', 'coffee.png', 'rocket.jpg'];
  const photographs = await Promise.all(files.map((file) => decodeImage(`examples/pictures/${file}`)));
  const random = randomNumbers(seed);
  for (const kind of ['images', 'annotations']) mkdirSync(`${FOLDER}/${kind}/${split}`, { recursive: true });
  for (let i = 0; i < count; i++) {
    const { image, labels } = compose(photographs[i % photographs.length], random);
    const name = `${split}-${String(i).padStart(3, '0')}.png`;
    writeFileSync(`${FOLDER}/images/${split}/${name}`, await encodePng(image));
    const map = { data: labels, width: SIDE, height: SIDE };
    writeFileSync(`${FOLDER}/annotations/${split}/${name}`, encodeLabelPng(map, classColours(1 + NAMES.length)));
  }
  return (await findLabelledPictures(FOLDER, split)).slice(0, count);
}

const training = await writeDataSet('training', 64, 1);
const validation = await writeDataSet('validation', 12, 2);

const config = new UperNetConfig({
  backboneConfig: new ConvNextV2Config({
    depths: [1, 1, 2, 1],
    hiddenSizes: [16, 24, 32, 48],
    outIndices: [1, 2, 3, 4],
    initializerRange: 0.1,
  }),
  hiddenSize: 24,
  auxiliaryChannels: 16,
  initializerRange: 0.1,
  id2label: { ...NAMES },
});
const model = await UperNetForSemanticSegmentation.fromConfig(config, { seed: 1 });
const processor = new SegformerImageProcessor({ size: SIDE, doReduceLabels: true });

async function measure() {
  const metric = createMeanIoU(COUNTING);
  for (const { picture, labels } of validation) {
    const { classes } = await segmentImage(model, processor, picture);
    metric.add(classes, (await readLabels(labels, COUNTING)).data);
  }
  return metric.scores();
}

console.log(`untrained: mIoU ${(await measure()).mIoU.toFixed(3)}`);

const { pixelValues } = await processor.preprocess(training.map(({ picture }) => picture));
const maps = await Promise.all(training.map(({ labels }) => readLabels(labels, COUNTING)));
const labels = tf.tensor3d(Int32Array.from(maps.flatMap(({ data }) => [...data])), [maps.length, SIDE, SIDE]);
const optimizer = new AdamW([{ parameters: model.parameters.values() }], { learningRate: 4e-3, weightDecay: 0.01 });
const random = randomNumbers(3);
let sum = 0;
for (let step = 1; step <= STEPS; step++) {
  optimizer.learningRate = 4e-3 * (1 - (step - 1) / STEPS) ** 0.9; // as the field lets it fall, to the power of 0.9
  const chosen = Array.from({ length: BATCH }, () => Math.floor(random() * training.length));
  const batch = tf.tidy(() => ({ pixels: tf.gather(pixelValues, chosen), labels: tf.gather(labels, chosen) }));
  sum += optimizer.step(
    () => model.forward(batch.pixels, { labels: batch.labels, reduceLabels: true, training: true, seed: step }).loss!,
  );
  tf.dispose(batch);
  if (step % 10 > 0) continue;
  console.log(`step ${step}: loss ${(sum / 10).toFixed(3)}`);
  sum = 0;
}

const { mIoU, aAcc, classes } = await measure();
for (const [i, { iou }] of classes.entries()) console.log(`${NAMES[i].padEnd(10)} IoU ${iou.toFixed(3)}`);
console.log(`trained for ${STEPS} steps: mIoU ${mIoU.toFixed(3)}, aAcc ${aAcc.toFixed(3)}`);

const rows: Tile[][] = [];
for (const { name, picture, labels } of validation.slice(0, 4)) {
  const photograph = await decodeImage(picture);
  const { classes, segments } = await segmentImage(model, processor, picture);
  const truth = await readLabels(labels, COUNTING);
  const colours = classColours(NAMES.length);
  const truthClasses = truth.data.map((label) => Math.max(0, label - 1));
  const found = segmentationPicture(photograph, { ...truth, data: classes }, [], colours);
  const there = segmentationPicture(photograph, { ...truth, data: truthClasses }, [], colours);
  rows.push([
    { image: photograph, lines: [name] },
    { image: found, lines: ['found', ...segments.map(({ label }) => label)] },
    { image: there, lines: ['there', ...NAMES.filter((_, id) => truthClasses.includes(id))] },
  ]);
}
writeFileSync('out/ade20k-segmentation.png', await encodePng(pictureSheet(rows, 256)));
await model.savePretrained('out/ade20k-upernet');
console.log('wrote out/ade20k-segmentation.png and out/ade20k-upernet');

tf.dispose([pixelValues, labels]);
optimizer.dispose();
model.dispose();
