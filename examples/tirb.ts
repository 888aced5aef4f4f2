/**
 * A program in the words of tfjs-image-recognition-base, the base of face-api.js: objects found in a photograph and drawn on it,
 * and photographs compared by their features.
 *
 * npx tsx examples/tirb.ts [detector]
 *
 * `detector` is any detector that `DetectorNet` loads. Without it the weights are fresh, and the boxes drawn to out/tirb.png are
 * where chance puts them. Prints the surest boxes, and how alike the photographs are (the cosine of their features).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { FasterRCNNConfig } from 'convnextv2';
import {
  type Canvas,
  ConvNextV2Net,
  createCanvasFromMedia,
  DetectorNet,
  draw,
  loadImage,
  nonMaxSuppression,
  toNetInput,
} from 'convnextv2/tirb';

const PICTURES = 'examples/pictures';
const [source] = process.argv.slice(2);

const detector = new DetectorNet(source ? {} : { weights: 'random', seed: 1 });
mkdirSync('out', { recursive: true });
if (source) {
  await detector.load(source);
} else {
  const id2label = { 0: 'background', 1: 'cat', 2: 'cup', 3: 'rocket' };
  const small = { minSize: 128, outChannels: 16, representationSize: 32 };
  const config = new FasterRCNNConfig({ backboneConfig: 'convnextv2-atto', id2label, ...small });
  writeFileSync('out/tirb-detector.json', JSON.stringify(config));
  await detector.loadFromDisk('out/tirb-detector.json');
}

const picture = await loadImage(`${PICTURES}/chelsea.png`);
const found = await detector.detect(picture, { scoreThreshold: source ? 0.5 : 0 });
const boxes = found.map(({ box }) => box);
const classes = found.map(({ className }) => className);
const apart = nonMaxSuppression(
  boxes,
  found.map(({ score }) => score),
  0.3,
  true,
  classes,
).slice(0, 5);

const canvas = createCanvasFromMedia(picture) as Canvas;
for (const i of apart) {
  const { box, className, score } = found[i];
  console.log(
    `${className} ${score.toFixed(3)} at ${[box.x, box.y, box.width, box.height].map(Math.round).join(', ')}`,
  );
  new draw.DrawBox(box, { label: `${className} (${score.toFixed(2)})` }).draw(canvas);
}
writeFileSync('out/tirb.png', await canvas.encode('png'));
console.log('wrote out/tirb.png');
detector.dispose();

const net = new ConvNextV2Net({ outFeatures: ['stage3'], weights: 'random', seed: 1 });
await net.load('convnextv2-atto');
const names = ['chelsea.png', 'coffee.png', 'rocket.jpg'];
const input = await toNetInput(names.map((name) => `${PICTURES}/${name}`));
const { stage3 } = net.forwardInput(input, 224);
const alike = tf.tidy(() => {
  const means = tf.mean(stage3, [1, 2]);
  const units = tf.div(means, tf.norm(means, 'euclidean', 1, true));
  return tf.matMul(units, units, false, true).arraySync() as number[][];
});
for (const [i, name] of names.entries()) {
  console.log(`${name.padEnd(12)} ${alike[i].map((value) => value.toFixed(3)).join(' ')}`);
}
stage3.dispose();
net.dispose();
