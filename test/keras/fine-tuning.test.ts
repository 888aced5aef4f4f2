import * as tf from '@tensorflow/tfjs-core';
import { layers as tfLayers, model as tfModel } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { ConvNextV2Config } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { createRandom } from '../../src/nn/random.js';
import { withClassifier } from './helpers.js';

const SIDE = 32;
const CLASSES = ['rows', 'columns', 'squares'];

/** n pictures [n, 32, 32, 3] in noise, of stripes along the rows or the columns, or of squares, 4 pixels wide; their classes [n, 1]. */
function drawings(n: number, seed: number) {
  const random = createRandom(seed);
  const classes = Array.from({ length: n }, (_, i) => i % CLASSES.length);
  const pixels = classes.flatMap((kind) => {
    const shift = random() < 0.5 ? 0 : 4;
    const isLight = (at: number) => (at + shift) % 8 < 4;
    return Array.from({ length: SIDE * SIDE }, (_, i) => {
      const [row, column] = [isLight(Math.floor(i / SIDE)), isLight(i % SIDE)];
      const light = [row, column, row !== column][kind];
      return [0, 1, 2].map(() => (light ? 1 : -1) + random() - 0.5);
    }).flat();
  });
  return { xs: tf.tensor4d(pixels, [n, SIDE, SIDE, 3]), ys: tf.tensor2d(classes, [n, 1]) };
}

const config = new ConvNextV2Config({
  patchSize: 8,
  depths: [1, 1],
  hiddenSizes: [6, 8],
  initializerRange: 0.2,
  id2label: Object.fromEntries(CLASSES.entries()),
});

describe('fine-tuning a classifier', () => {
  before(() => useBackend('cpu'));

  it('brings its loss, for pictures that it has not seen, to where chance cannot', () =>
    withClassifier(async (_, logits) => {
      const [seen, unseen] = [drawings(24, 1), drawings(24, 2)];
      const probabilities = tfLayers.softmax().apply(logits.outputs[0]) as never;
      const model = tfModel({ inputs: logits.inputs, outputs: probabilities });
      model.compile({ optimizer: tf.train.adam(0.02), loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
      const evaluate = () => {
        const scalars = model.evaluate(unseen.xs, unseen.ys) as tf.Scalar[];
        const [loss, accuracy] = scalars.map((scalar) => scalar.dataSync()[0]);
        tf.dispose(scalars);
        return { loss, accuracy };
      };
      // who says the same of every picture cannot be below ln 3 = 1.0986
      expect(evaluate().loss).to.be.above(1);
      let epochs = 0;
      let reached = evaluate();
      for (; epochs < 20 && reached.loss > 0.2; epochs++) {
        await model.fit(seen.xs, seen.ys, { batchSize: 8, verbose: 0, shuffle: false });
        reached = evaluate();
      }
      expect(reached.loss).to.be.below(0.2);
      expect(reached.accuracy).to.be.above(0.8);
      model.optimizer.dispose();
      tf.dispose([seen, unseen]);
    }, config));
});
