import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { Backbone, BackbonePlugin, Mode, Parameter, Selection } from '../contracts.js';
import { createScope } from '../nn/scope.js';
import { buildModel } from '../weights/pretrained-model.js';
import { close, namesItsParameters, refuses, type TestRunner } from './checks.js';

export type { TestRunner } from './checks.js';
export { type DetectorCase, detectorContract } from './detector.js';
export { type SegmenterCase, segmenterContract } from './segmenter.js';

/** A backbone to hold to its contract, and what is known of it. */
export interface BackboneCase {
  readonly plugin: BackbonePlugin;
  /** A config file, parsed. A small model will do, and the suite is faster for it. */
  readonly config: unknown;
  /** Of the pictures. Default 3. */
  readonly channels?: number;
  /** Odd, unequal, and large enough for the deepest stage. Default [37, 51]. */
  readonly size?: readonly [height: number, width: number];
}

const SEED = 1;

/**
 * What heads rely on, as tests for any backbone: its announcements, shapes, memory, gradients, freezing, and errors.
 * `backboneContract({ describe, it }, { plugin, config })` in a test file is all that it takes.
 */
export function backboneContract({ describe, it }: TestRunner, given: BackboneCase): void {
  const { plugin, config: json, channels = 3, size: [height, width] = [37, 51] } = given;
  const readConfig = (selection?: Selection) =>
    plugin.readConfig(json, { file: 'contract', unknownKeys: 'refuse' }, selection);
  const declare = (selection?: Selection) => plugin.create(createScope(), readConfig(selection));
  const everything = () => ({ outFeatures: declare().stageNames });
  const make = async (selection?: Selection) =>
    (await buildModel(plugin, readConfig(selection), undefined, { seed: SEED })).model;
  const pictures = (n: number, seed = SEED) =>
    tf.randomNormal<tf.Rank.R4>([n, height, width, channels], 0, 1, 'float32', seed);

  /** Runs with a backbone, and checks that nothing is left of it. */
  async function using(
    selection: Selection | undefined,
    body: (backbone: Backbone) => void | Promise<void>,
  ): Promise<void> {
    const warm = await make(selection); // the backend and its gradients come with the first model
    warm.dispose();
    const before = tf.memory().numTensors;
    const backbone = await make(selection);
    await body(backbone);
    backbone.dispose();
    backbone.dispose(); // a second time is harmless
    assert.equal(tf.memory().numTensors, before, 'tensors left over after dispose()');
  }

  describe(`backbone contract: ${plugin.type}`, () => {
    it('announces stages, and features that are some of them, fine to coarse', async () => {
      const { stageNames, featureSpecs } = declare(everything());
      assert.ok(stageNames.length > 0);
      assert.equal(new Set(stageNames).size, stageNames.length, 'stage names differ');
      assert.deepEqual(
        featureSpecs.map(({ name }) => name),
        stageNames,
      );
      for (const [i, spec] of featureSpecs.entries()) {
        assert.ok(Number.isInteger(spec.channels) && spec.channels > 0, `channels of ${spec.name}`);
        assert.ok(spec.stride > 0 && spec.stride >= (featureSpecs[i - 1]?.stride ?? 0), `stride of ${spec.name}`);
      }
    });

    it('is built without allocating anything', async () => {
      const before = tf.memory().numTensors;
      declare(everything());
      assert.equal(tf.memory().numTensors, before);
    });

    it('gives the maps it announced, of the shape it announced, for an odd, non-square batch', async () => {
      await using(everything(), (backbone) => {
        const pixels = pictures(2);
        const before = tf.memory().numTensors;
        const maps = backbone.forward(pixels);
        assert.equal(tf.memory().numTensors - before, backbone.featureSpecs.length, 'forward leaves its maps alone');
        assert.deepEqual(
          Object.keys(maps),
          backbone.featureSpecs.map(({ name }) => name),
        );
        const shapes = backbone.outputShape(height, width);
        for (const spec of backbone.featureSpecs) {
          assert.deepEqual(maps[spec.name].shape, [2, ...shapes[spec.name], spec.channels], spec.name);
          assert.ok(maps[spec.name].dataSync().every(Number.isFinite), `${spec.name} is finite`);
        }
        tf.dispose([maps, pixels]);
      });
    });

    it('treats each picture of a batch as if it were alone', async () => {
      await using(everything(), (backbone) => {
        tf.tidy(() => {
          const [one, two] = [pictures(1, 2), pictures(1, 3)];
          const both = backbone.forward(tf.concat([one, two]));
          for (const [i, picture] of [one, two].entries()) {
            const alone = backbone.forward(picture);
            for (const name of Object.keys(both)) {
              const [, ...rest] = both[name].shape;
              close(tf.slice(both[name], [i, 0, 0, 0], [1, ...rest]), alone[name], name);
            }
          }
        });
      });
    });

    it('gives one stage as it gives it among all', async () => {
      const pixels = pictures(1);
      await using(everything(), async (whole) => {
        const all = whole.forward(pixels);
        for (const name of whole.stageNames) {
          await using({ outFeatures: [name] }, (pruned) => {
            const maps = pruned.forward(pixels);
            assert.deepEqual(Object.keys(maps), [name]);
            close(maps[name], all[name], name);
            tf.dispose(maps);
          });
        }
        tf.dispose(all);
      });
      pixels.dispose();
    });

    it('takes features by index, the last by -1', async () => {
      const { stageNames } = declare();
      const specs = declare({ outIndices: [0, -1] }).featureSpecs;
      assert.deepEqual(
        specs.map(({ name }) => name),
        [stageNames[0], stageNames[stageNames.length - 1]],
      );
    });

    it('names its parameters, and gives them in both layouts', async () => {
      await using(everything(), (backbone) => {
        namesItsParameters(backbone.parameters);
        for (const [name, parameter] of backbone.parameters) {
          const size = parameter.shape.reduce((product, length) => product * length, 1);
          assert.equal(parameter.variable.size, size, `size of ${name}`);
          const stage = backbone.stageOf(name);
          assert.ok(stage === undefined || stage in backbone.stageNames, `stage of ${name}`);
        }
        backbone.stageNames.forEach((name, stage) => {
          assert.ok(
            [...backbone.parameters.keys()].some((key) => backbone.stageOf(key) === stage),
            `parameters of ${name}`,
          );
        });
      });
    });

    it('has gradients for every parameter and for the picture', async () => {
      await using(everything(), (backbone) => {
        const pixels = pictures(2);
        const parameters = [...backbone.parameters.values()];
        const { value, grads } = tf.valueAndGrads(() => objective(backbone, pixels))([
          pixels,
          ...variablesOf(parameters),
        ]);
        for (const [i, gradient] of grads.entries()) {
          const name = parameters[i - 1]?.name ?? 'the picture';
          const values = gradient.dataSync();
          assert.ok(values.every(Number.isFinite), `gradient of ${name} is finite`);
          assert.ok(
            values.some((number) => number !== 0),
            `gradient of ${name} is not zero`,
          );
        }
        tf.dispose([pixels, value, grads]);
      });
    });

    it('freezes the first stages, and thaws them', async () => {
      await using(everything(), (backbone) => {
        const stages = backbone.stageNames.length;
        for (const frozen of [0, 1, stages, 1, 0]) {
          backbone.freeze(frozen);
          for (const [name, { trainable, variable }] of backbone.parameters) {
            assert.equal(trainable, (backbone.stageOf(name) ?? stages) >= frozen, `${name} with ${frozen} frozen`);
            assert.equal(variable.trainable, trainable, `the variable of ${name}`);
          }
        }
        for (const wrong of [-1, stages + 1, 0.5]) refuses('E_ARGUMENT', () => backbone.freeze(wrong));
      });
    });

    it('leaves frozen stages out of training', async () => {
      await using(everything(), (backbone) => {
        backbone.freeze(1);
        const pixels = pictures(1);
        const { value, grads } = tf.variableGrads(() => objective(backbone, pixels, { training: true, seed: SEED }));
        for (const { trainable, variable, name } of backbone.parameters.values()) {
          assert.equal(variable.name in grads, trainable, name);
        }
        tf.dispose([pixels, value, grads]);
      });
    });

    it('draws the same in training for the same seed', async () => {
      await using(everything(), (backbone) => {
        tf.tidy(() => {
          const pixels = pictures(2);
          const [one, two] = [1, 2].map(() => backbone.forward(pixels, { training: true, seed: SEED }));
          for (const name of Object.keys(one)) close(one[name], two[name], name);
        });
      });
    });

    it('refuses what it cannot compute, and leaves nothing behind', async () => {
      await using(everything(), (backbone) => {
        const wrong = [
          [1, height, width, channels + 1],
          [height, width, channels],
          [0, height, width, channels],
        ];
        for (const shape of wrong) {
          const pixels = tf.zeros<tf.Rank.R4>(shape as [number, number, number, number]);
          const before = tf.memory().numTensors;
          refuses('E_SHAPE', () => backbone.forward(pixels));
          assert.equal(tf.memory().numTensors, before, `tensors left over after pictures [${shape}]`);
          pixels.dispose();
        }
      });
    });

    it('refuses stages that it does not have', async () => {
      refuses('E_OUT_FEATURES', () => readConfig({ outFeatures: ['no such stage'] }));
      refuses('E_OUT_FEATURES', () => readConfig({ outIndices: [declare().stageNames.length] }));
    });

    it('holds nothing after dispose()', async () => {
      const backbone = await make();
      backbone.dispose();
      const pixels = pictures(1);
      refuses('E_DISPOSED', () => backbone.forward(pixels));
      pixels.dispose();
    });
  });
}

const variablesOf = (parameters: readonly Parameter[]): tf.Tensor[] => parameters.map(({ variable }) => variable);

/** A number that every map has its part in, each cell with another weight: norms make plain sums constant. */
function objective(backbone: Backbone, pixels: tf.Tensor4D, mode?: Mode): tf.Scalar {
  return tf.tidy(() => {
    const sums = Object.values(backbone.forward(pixels, mode)).map((map) =>
      tf.sum(tf.mul(map, tf.randomNormal(map.shape, 0, 1, 'float32', SEED))),
    );
    return tf.sum(tf.stack(sums));
  });
}
