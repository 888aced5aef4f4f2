/**
 * A model of one's own on frozen feature maps: a small dense head learns to find rectangles in noise.
 *
 * npx tsx examples/downstream-model.ts
 *
 * Prints the loss as it falls and, on pictures that the head has not seen, how well the cells that it marks overlap with
 * the rectangles (intersection over union). The backbone has fresh weights and is never changed, so its maps are computed
 * once for each picture.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  AdamW,
  ConvNextV2Backbone,
  createScope,
  type FeatureMaps,
  type FeatureSpec,
  initializeParameters,
  layers,
  ops,
} from 'convnextv2';

const SIDE = 64;

/** A picture of noise with a brighter rectangle, and which cells of a map of this stride lie in the rectangle. */
function makePicture(seed: number, stride: number): { readonly pixels: tf.Tensor4D; readonly inside: tf.Tensor4D } {
  const [left, top, width, height] = tf.tidy(() => tf.randomUniform([4], 8, 32, 'int32', seed).dataSync());
  const side = SIDE / stride;
  return tf.tidy(() => {
    const rectangle = tf.pad(tf.ones<tf.Rank.R2>([height, width]), [
      [top, SIDE - top - height],
      [left, SIDE - left - width],
    ]);
    const light = tf.reshape<tf.Rank.R4>(rectangle, [1, SIDE, SIDE, 1]);
    const pixels = tf.add<tf.Tensor4D>(light, tf.randomNormal([1, SIDE, SIDE, 3], 0, 0.5, 'float32', seed));
    const inside = tf.cast<tf.Tensor4D>(tf.greater(ops.resample(light, [side, side], 'average'), 0.5), 'float32');
    return { pixels, inside };
  });
}

/** A head on any backbone's maps: all at the size of the finest, one 1x1 convolution, a logit for each cell. */
function denseHead(specs: readonly FeatureSpec[]) {
  const scope = createScope();
  const from = specs.reduce((sum, { channels }) => sum + channels, 0);
  const conv = layers.conv2d(scope.within('classifier'), { from, to: 1, kernel: 1, deviation: 0.02 });
  initializeParameters(scope.parameters, 1);
  const forward = (maps: FeatureMaps): tf.Tensor4D => {
    const [, height, width] = maps[specs[0].name].shape;
    const alike = specs.map(({ name }) => ops.resample(maps[name], [height, width], 'bilinear'));
    return conv(tf.concat(alike, 3));
  };
  return { forward, parameters: scope.parameters };
}

const backbone = await ConvNextV2Backbone.fromConfig('convnextv2-atto', {
  outFeatures: ['stage1', 'stage2'],
  seed: 1,
});
backbone.freeze(backbone.stageNames.length);
const head = denseHead(backbone.featureSpecs);
const [{ stride }] = backbone.featureSpecs;

const samples = Array.from({ length: 32 }, (_, i) => {
  const { pixels, inside } = makePicture(i + 1, stride);
  const maps = backbone.forward(pixels);
  pixels.dispose();
  return { maps, inside };
});
const [training, unseen] = [samples.slice(0, 24), samples.slice(24)];

const optimizer = new AdamW([{ parameters: head.parameters.values() }], { learningRate: 0.02 });
for (let epoch = 1; epoch <= 10; epoch++) {
  let sum = 0;
  for (const { maps, inside } of training) {
    sum += optimizer.step(() => {
      const logits = head.forward(maps);
      return tf.mean(tf.sub(tf.softplus(logits), tf.mul(logits, inside)));
    });
  }
  console.log(`epoch ${epoch}: loss ${(sum / training.length).toFixed(4)}`);
}

const [both, either] = tf.tidy(() => {
  const pairs = unseen.map(({ maps, inside }) => [tf.greater(head.forward(maps), 0), tf.cast(inside, 'bool')] as const);
  const count = (cells: tf.Tensor[]) => tf.sum(tf.cast(tf.concat(cells), 'int32')).dataSync()[0];
  return [count(pairs.map(([a, b]) => tf.logicalAnd(a, b))), count(pairs.map(([a, b]) => tf.logicalOr(a, b)))];
});
console.log(`intersection over union on ${unseen.length} unseen pictures: ${(both / either).toFixed(3)}`);

tf.dispose(samples);
optimizer.dispose();
for (const parameter of head.parameters.values()) parameter.dispose();
backbone.dispose();
