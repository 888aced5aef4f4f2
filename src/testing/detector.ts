import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { DetectionTarget, HeadPlugin } from '../contracts.js';
import { Mask } from '../image/mask.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { namesItsParameters, refuses, type TestRunner } from './checks.js';
import { headOf } from './head.js';

/** A detector to be tested. */
export interface DetectorCase {
  readonly plugin: HeadPlugin<unknown, 'object-detection'> | HeadPlugin<unknown, 'instance-segmentation'>;
  /**
   * A config file, parsed, for pictures of three channels. A small model will do, and the suite is faster for it; of what is found
   * in noise something has to pass its thresholds.
   */
  readonly config: unknown;
  /** A label that an object can have. Default 1. */
  readonly label?: number;
  /** Where its backbone is. Default: the standing registry. */
  readonly registry?: Registry;
}

const SEED = 1;
/** By how much a box may leave its picture, in pixels: corners are scaled in float32. */
const ROUNDING = 1e-3;

/** What the tasks rely on, as tests for any detector: what it finds, its memory, losses, gradients, and errors. */
export function detectorContract({ describe, it }: TestRunner, given: DetectorCase): void {
  const { plugin, config, label = 1, registry = defaultRegistry() } = given;
  const { declare, make, using } = headOf(
    plugin as HeadPlugin<unknown, 'object-detection' | 'instance-segmentation'>,
    config,
    registry,
    SEED,
  );
  const picture = (height: number, width: number, seed = SEED) =>
    tf.randomUniform<tf.Rank.R3>([height, width, 3], 0, 1, 'float32', seed);
  const nothing: DetectionTarget = { boxes: new Float32Array(), labels: new Int32Array(), masks: [] };
  /** The same objects, of which no mask is known. */
  const unmasked = (target: DetectionTarget): DetectionTarget => ({ ...target, masks: [null] });
  /** Half of a picture as an object. */
  const half = (height: number, width: number): DetectionTarget => ({
    boxes: Float32Array.of(0, 0, width / 2, height),
    labels: Int32Array.of(label),
    masks: [
      Mask.fromValues(
        Uint8Array.from({ length: height * width }, (_, i) => Number(i % width < width / 2)),
        height,
        width,
      ),
    ],
  });

  describe(`detector contract: ${plugin.type}`, () => {
    it('is built without allocating anything', async () => {
      const before = tf.memory().numTensors;
      declare();
      assert.equal(tf.memory().numTensors, before);
    });

    it('finds objects in pictures of several sizes, surest first, inside of each', async () => {
      await using((detector) => {
        const pictures = [picture(61, 80), picture(40, 23, 2)];
        const before = tf.memory().numTensors;
        const found = detector.detect(pictures);
        assert.equal(tf.memory().numTensors, before, 'no tensor is left');
        assert.equal(found.length, pictures.length);
        assert.ok(found[0].labels.length > 0, 'something is found');
        for (const [i, { boxes, scores, labels, masks }] of found.entries()) {
          const [height, width] = pictures[i].shape;
          assert.deepEqual([boxes.length, scores.length], [4 * labels.length, labels.length]);
          assert.ok(
            scores.every((score) => score >= 0 && score <= 1),
            'scores from 0 to 1',
          );
          assert.deepEqual(
            [...scores],
            [...scores].sort((a, b) => b - a),
            'surest first',
          );
          for (const label of labels) assert.ok(label in detector.config.id2label, `label ${label} has a name`);
          for (let at = 0; at < boxes.length; at += 4) {
            const [xmin, ymin, xmax, ymax] = boxes.subarray(at, at + 4);
            assert.ok(
              xmin >= 0 && xmin <= xmax && xmax <= width + ROUNDING,
              `box ${at / 4}: ${xmin} to ${xmax} across`,
            );
            assert.ok(ymin >= 0 && ymin <= ymax && ymax <= height + ROUNDING, `box ${at / 4}: ${ymin} to ${ymax} down`);
          }
          if (plugin.task === 'object-detection') continue;
          assert.equal(masks?.length, labels.length, 'a mask for each');
          for (const mask of masks ?? []) assert.deepEqual([mask.height, mask.width], [height, width]);
        }
        tf.dispose(pictures);
      });
    });

    it('finds in a picture of a batch what it finds in it alone', async () => {
      await using((detector) => {
        const pictures = [picture(48, 48, 2), picture(48, 48, 3)];
        const both = detector.detect(pictures);
        for (const [i, { labels, scores, boxes }] of both.entries()) {
          const [alone] = detector.detect([pictures[i]]);
          assert.deepEqual([...labels], [...alone.labels]);
          for (const [at, score] of scores.entries())
            assert.ok(Math.abs(score - alone.scores[at]) < 1e-5, 'its scores');
          for (const [at, side] of boxes.entries()) assert.ok(Math.abs(side - alone.boxes[at]) < 1e-2, 'its boxes');
        }
        tf.dispose(pictures);
      });
    });

    it('takes a picture of one pixel, and one that is very long', async () => {
      await using((detector) => {
        for (const [height, width] of [
          [1, 1],
          [700, 9],
        ]) {
          const odd = picture(height, width);
          assert.equal(detector.detect([odd]).length, 1);
          odd.dispose();
        }
      });
    });

    it('has losses, finite for pictures with objects and without, the same for the same seed', async () => {
      await using((detector) => {
        const pictures = [picture(48, 64), picture(48, 48, 2)];
        for (const targets of [
          [half(48, 64), nothing],
          [half(48, 64), unmasked(half(48, 48))],
          [unmasked(half(48, 64)), nothing],
          [nothing, nothing],
        ]) {
          const before = tf.memory().numTensors;
          const [losses, again] = [1, 2].map(() => detector.losses(pictures, targets, { training: true, seed: SEED }));
          const names = Object.keys(losses);
          assert.ok(names.length > 0);
          assert.equal(tf.memory().numTensors - before, 2 * names.length, 'losses alone are left');
          for (const name of names) {
            assert.equal(losses[name].rank, 0, `${name} is a scalar`);
            const [[value], [same]] = [losses[name].dataSync(), again[name].dataSync()];
            assert.ok(Number.isFinite(value), `${name} is finite`);
            assert.equal(same, value, `${name} with the same seed`);
          }
          tf.dispose([losses, again]);
        }
        tf.dispose(pictures);
      });
    });

    it('names its parameters, and learns: some steps along its gradients make its losses less', async () => {
      await using((detector) => {
        namesItsParameters(detector.parameters);
        const one = picture(48, 64);
        const trained = [...detector.parameters.values()].filter(({ trainable }) => trainable);
        const variables = trained.map(({ variable }) => variable);
        const losses = Array.from({ length: 6 }, () => {
          const { value, grads } = tf.variableGrads(() => {
            const losses = Object.values(detector.losses([one], [half(48, 64)], { training: true, seed: SEED }));
            return tf.tidy(() => tf.addN(losses) as tf.Scalar);
          }, variables);
          const found = variables.filter(({ name }) => grads[name] != null);
          const square = found.reduce(
            (sum, { name }) => sum + tf.tidy(() => tf.sum(tf.square(grads[name])).dataSync()[0]),
            0,
          );
          assert.ok(square > 0 && Number.isFinite(square), 'gradients are finite, and not all zero');
          const [loss] = value.dataSync();
          // a hundredth of the loss, were it a plane
          const step = (variable: tf.Variable) =>
            tf.sub(variable, tf.mul(grads[variable.name], (0.01 * loss) / square));
          for (const variable of found) tf.tidy(() => variable.assign(step(variable)));
          tf.dispose([value, grads]);
          return loss;
        });
        // with other proposals a step can lead up
        assert.ok(Math.min(...losses) < losses[0], `losses step by step: ${losses.join(', ')}`);
        one.dispose();
      });
    });

    it('refuses what is no picture and what no target, and leaves nothing behind', async () => {
      await using((detector) => {
        const one = picture(32, 40);
        const wrong = [tf.zeros<tf.Rank.R3>([4, 4, 1]), tf.zeros<tf.Rank.R3>([0, 4, 3])];
        const { boxes, labels } = half(32, 40);
        const targets: readonly (readonly DetectionTarget[])[] = [
          [],
          [{ boxes, labels: Int32Array.of(label, label) }],
          [{ boxes, labels: Int32Array.of(detector.config.numLabels) }],
          [{ boxes: Float32Array.of(9, 9, 9, 12), labels }],
          [{ boxes: Float32Array.of(0, 0, Number.NaN, 12), labels }],
        ];
        const before = tf.memory().numTensors;
        refuses('E_ARGUMENT', () => detector.detect([]));
        for (const picture of wrong) refuses('E_SHAPE', () => detector.detect([picture]));
        for (const target of targets) refuses('E_ARGUMENT', () => detector.losses([one], target));
        assert.equal(tf.memory().numTensors, before, 'tensors left over after errors');
        tf.dispose([one, wrong]);
      });
    });

    it('refuses to find by weights that are no numbers', async () => {
      await using((detector) => {
        const one = picture(32, 40);
        for (const { variable } of detector.parameters.values())
          tf.tidy(() => variable.assign(tf.fill(variable.shape, Number.NaN)));
        const before = tf.memory().numTensors;
        refuses('E_NON_FINITE', () => detector.detect([one]));
        assert.equal(tf.memory().numTensors, before, 'tensors left over after an error');
        one.dispose();
      });
    });

    it('holds nothing after dispose()', async () => {
      const detector = await make();
      detector.dispose();
      const one = picture(32, 40);
      refuses('E_DISPOSED', () => detector.detect([one]));
      one.dispose();
    });
  });
}
