import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { HeadPlugin } from '../contracts.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { close, namesItsParameters, refuses, type TestRunner } from './checks.js';
import { headOf } from './head.js';

/** A segmenter to be tested. */
export interface SegmenterCase {
  readonly plugin: HeadPlugin<unknown, 'semantic-segmentation'>;
  /** A config file, parsed, with a backbone of three channels. A small model will do, and the suite is faster for it. */
  readonly config: unknown;
  /** Odd, unequal, and large enough for the backbone. Default [37, 51]. */
  readonly size?: readonly [height: number, width: number];
  /** Where its backbone is. Default: the standing registry. */
  readonly registry?: Registry;
}

const SEED = 1;

/** What the tasks rely on, as tests for any segmenter: its shapes, memory, parameters, gradients, and errors. */
export function segmenterContract({ describe, it }: TestRunner, given: SegmenterCase): void {
  const { plugin, config, size: [height, width] = [37, 51], registry = defaultRegistry() } = given;
  const { declare, make, using } = headOf(plugin, config, registry, SEED);
  const pictures = (n: number, seed = SEED) =>
    tf.randomNormal<tf.Rank.R4>([n, height, width, 3], 0, 1, 'float32', seed);

  describe(`segmenter contract: ${plugin.type}`, () => {
    it('is built without allocating anything', async () => {
      const before = tf.memory().numTensors;
      declare();
      assert.equal(tf.memory().numTensors, before);
    });

    it('gives logits at the size of an odd, non-square batch, and the same coarser', async () => {
      await using((segmenter) => {
        const { numLabels } = segmenter.config;
        const pixels = pictures(2);
        const before = tf.memory().numTensors;
        const { logits } = segmenter.forward(pixels);
        const coarse = segmenter.coarseLogits(pixels);
        assert.equal(tf.memory().numTensors - before, 2, 'its logits alone are left');
        assert.deepEqual(logits.shape, [2, height, width, numLabels]);
        const [n, h, w, k] = coarse.shape;
        assert.deepEqual([n, k], [2, numLabels]);
        assert.ok(h <= height && w <= width, 'coarse logits are no larger');
        assert.ok(logits.dataSync().every(Number.isFinite), 'logits are finite');
        tf.dispose([pixels, logits, coarse]);
      });
    });

    it('takes a picture of its smallest size, and none that is smaller', async () => {
      await using((segmenter) => {
        const { smallest } = segmenter;
        assert.ok(Number.isInteger(smallest) && smallest > 0);
        const least = tf.zeros<tf.Rank.R4>([1, smallest, smallest, 3]);
        const coarse = segmenter.coarseLogits(least);
        assert.ok(coarse.size > 0);
        const wrong = tf.zeros<tf.Rank.R4>([1, smallest - 1, smallest, 3]);
        const before = tf.memory().numTensors;
        refuses('E_SHAPE', () => segmenter.forward(wrong));
        refuses('E_SHAPE', () => segmenter.coarseLogits(wrong));
        assert.equal(tf.memory().numTensors, before, 'tensors left over after a picture that is too small');
        tf.dispose([least, coarse, wrong]);
      });
    });

    it('treats each picture of a batch as if it were alone', async () => {
      await using((segmenter) => {
        tf.tidy(() => {
          const [one, two] = [pictures(1, 2), pictures(1, 3)];
          const both = segmenter.forward(tf.concat([one, two])).logits;
          for (const [i, picture] of [one, two].entries()) {
            const [, ...rest] = both.shape;
            close(tf.slice(both, [i, 0, 0, 0], [1, ...rest]), segmenter.forward(picture).logits, `picture ${i}`);
          }
        });
      });
    });

    it('names its parameters, and has gradients for those that its logits depend on', async () => {
      await using((segmenter) => {
        const pixels = pictures(1);
        const trained = [...segmenter.parameters.values()].filter(({ trainable }) => trainable);
        namesItsParameters(segmenter.parameters);
        const objective = () =>
          tf.tidy(() => {
            const { logits } = segmenter.forward(pixels);
            return tf.sum(tf.mul(logits, tf.randomNormal(logits.shape, 0, 1, 'float32', SEED))) as tf.Scalar;
          });
        const { value, grads } = tf.variableGrads(
          objective,
          trained.map(({ variable }) => variable),
        );
        const found = Object.values(grads).filter((gradient) => gradient != null);
        assert.ok(found.length > 0, 'some parameters have gradients');
        for (const gradient of found) assert.ok(gradient.dataSync().every(Number.isFinite), 'gradients are finite');
        tf.dispose([pixels, value, grads]);
      });
    });

    it('holds nothing after dispose()', async () => {
      const segmenter = await make();
      segmenter.dispose();
      const pixels = pictures(1);
      refuses('E_DISPOSED', () => segmenter.forward(pixels));
      pixels.dispose();
    });
  });
}
