import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { HeadModels, HeadPlugin, HeadTask, Scope } from '../contracts.js';
import { createScope } from '../nn/scope.js';
import type { Registry } from '../registry.js';
import { buildModel } from '../weights/pretrained-model.js';

/** Makes the model of a plugin's config, for a suite. */
export function headOf<Task extends HeadTask>(
  plugin: HeadPlugin<unknown, Task>,
  json: unknown,
  registry: Registry,
  seed: number,
) {
  const kind = {
    readConfig: (json: unknown) => plugin.readConfig(json, { file: 'contract', unknownKeys: 'refuse' }),
    create: (scope: Scope, config: unknown) => plugin.create(scope, config, registry),
  };
  const make = async (): Promise<HeadModels[Task]> =>
    (await buildModel(kind, kind.readConfig(json), undefined, { seed })).model;
  return {
    /** The model, whose parameters hold no values. */
    declare: () => kind.create(createScope(), kind.readConfig(json)),
    make,
    /** Runs with the model, and checks that nothing is left of it. */
    async using(body: (model: HeadModels[Task]) => void): Promise<void> {
      const warm = await make(); // the backend and its gradients come with the first model
      warm.dispose();
      const before = tf.memory().numTensors;
      const model = await make();
      body(model);
      model.dispose();
      model.dispose(); // a second time is harmless
      assert.equal(tf.memory().numTensors, before, 'tensors left over after dispose()');
    },
  };
}
