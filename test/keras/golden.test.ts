import { readdirSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  TFConvNextModel,
  TFConvNextV2ForImageClassification,
  TFConvNextV2Model,
} from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import type { Layout } from '../../src/contracts.js';
import { AdamWOptimizer } from '../../src/keras/adamw-optimizer.js';
import { type Case, compareAll, readTensors, take, type Values } from '../golden-runner/compare.js';
import { golden } from '../helpers.js';
import { crossEntropy } from './helpers.js';

const NAMES = readdirSync(golden()).filter((name) => /^(model|convnext-v1|classifier)-/.test(name));
const CASES = NAMES.map((name) => ({
  folder: golden(name),
  spec: JSON.parse(readFileSync(golden(name, 'case.json'), 'utf8')) as Case,
}));
const casesOf = (...calls: readonly string[]) =>
  CASES.filter(({ spec }) => calls.some((call) => spec.call.startsWith(call)));

/** The inputs of a case, as `call` takes them. */
async function inputsOf(folder: string, spec: Case): Promise<{ pixel_values: tf.Tensor; labels?: tf.Tensor }> {
  const inputs = await readTensors(folder, spec, 'inputs');
  const tensors = Array.from(inputs, ([name, { data, shape, dtype }]) => {
    return [name, tf.tensor(data as Float32Array, [...shape], dtype === 'I64' ? 'int32' : 'float32')];
  });
  return Object.fromEntries(tensors);
}

async function named(tensors: Readonly<Record<string, tf.Tensor | undefined>>): Promise<ReadonlyMap<string, Values>> {
  const given = Object.entries(tensors).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
  return new Map(await Promise.all(given.map(async ([name, tensor]) => [name, await take(tensor)] as const)));
}

describe('the goldens, through the Keras forms', () => {
  before(() => useBackend('cpu'));

  for (const { folder, spec } of casesOf('ConvNextV2Model', 'ConvNextModel')) {
    it(spec.name, async () => {
      const type = spec.call.startsWith('ConvNextV2Model') ? TFConvNextV2Model : TFConvNextModel;
      const layout = spec.layout as Layout;
      const keras = await type.fromPretrained(folder, { layout, strict: 'all' });
      const { pixel_values } = await inputsOf(folder, spec);
      const { lastHiddenState, poolerOutput, hiddenStates } = keras.call({ pixel_values, outputHiddenStates: true });
      const states = hiddenStates!.map((state, i) => [`hidden_states.${i}`, state]);
      const called = await named({
        last_hidden_state: lastHiddenState,
        pooler_output: poolerOutput,
        ...Object.fromEntries(states),
      });
      const layers = await keras.asLayersModel();
      const [last, pooled] = layers.predict(pixel_values) as tf.Tensor[];
      const predicted = await named({ last_hidden_state: last, pooler_output: pooled });
      const wanted = await readTensors(folder, spec, 'outputs');
      const outputs = new Map([...wanted].filter(([name]) => predicted.has(name)));
      expect(compareAll('call', called, wanted, spec.tolerance.forward)).to.deep.equal([]);
      expect(compareAll('predict', predicted, outputs, spec.tolerance.forward)).to.deep.equal([]);
      pixel_values.dispose();
      keras.dispose();
    });
  }

  const open = (folder: string, { layout }: Case) =>
    TFConvNextV2ForImageClassification.fromPretrained(folder, { layout: layout as Layout, strict: 'all' });

  for (const { folder, spec } of casesOf('ConvNextV2ForImageClassification')) {
    it(spec.name, async () => {
      const keras = await open(folder, spec);
      const inputs = await inputsOf(folder, spec);
      const { logits, loss } = keras.call(inputs);
      const called = await named({ logits, loss });
      const layers = await keras.asLayersModel();
      const predicted = await named({ logits: layers.predict(inputs.pixel_values) as tf.Tensor });
      const wanted = await readTensors(folder, spec, 'outputs');
      expect(compareAll('call', called, wanted, spec.tolerance.forward)).to.deep.equal([]);
      const outputs = new Map([...wanted].filter(([name]) => name === 'logits'));
      expect(compareAll('predict', predicted, outputs, spec.tolerance.forward)).to.deep.equal([]);
      if (spec.files.gradients) {
        const wanted = new Map(await readTensors(folder, spec, 'gradients'));
        wanted.delete('pixel_values');
        const ys = tf.oneHot(inputs.labels as tf.Tensor1D, keras.config.numLabels);
        const lossOf = () => crossEntropy(ys, layers.apply(inputs.pixel_values) as tf.Tensor) as tf.Scalar;
        const { value, grads } = tf.variableGrads(lossOf);
        const stored = Array.from(keras.parameters, ([name, parameter]) => {
          return [`parameters.${name}`, parameter.stored(grads[parameter.variable.name])];
        });
        const gradients = await named(Object.fromEntries(stored));
        expect(compareAll('gradient', gradients, wanted, spec.tolerance.gradient)).to.deep.equal([]);
        tf.dispose([ys, value, grads]);
      }
      tf.dispose(inputs);
      keras.dispose();
    });
  }

  for (const { folder, spec } of casesOf('three steps of AdamW')) {
    it(`${spec.name}, in fit`, async () => {
      const { lr, betas, eps, weight_decay, steps, decay, no_decay } = spec.args!;
      const keras = await open(folder, spec);
      const { pixel_values, labels } = await inputsOf(folder, spec);
      const parametersOf = (names: readonly string[]) => names.map((name) => keras.parameters.get(name)!);
      const optimizer = new AdamWOptimizer(
        [{ parameters: parametersOf(decay) }, { parameters: parametersOf(no_decay), weightDecay: 0 }],
        { learningRate: lr, betas, epsilon: eps, weightDecay: weight_decay },
      );
      const layers = await keras.asLayersModel();
      layers.compile({ optimizer, loss: crossEntropy });
      const ys = tf.oneHot(labels as tf.Tensor1D, keras.config.numLabels, 1, 0, 'float32');
      const { history } = await layers.fit(pixel_values, ys, { epochs: steps, shuffle: false, verbose: 0 });
      const last = layers.evaluate(pixel_values, ys) as tf.Scalar;
      const after = Array.from(keras.parameters, ([name, parameter]) => [`parameters.${name}`, parameter.stored()]);
      const got = new Map(await named(Object.fromEntries(after)));
      const losses = [...(history.loss as number[]), last.dataSync()[0]];
      got.set('losses', { shape: [losses.length], data: losses });
      const wanted = await readTensors(folder, spec, 'outputs');
      expect(compareAll('output', got, wanted, spec.tolerance.forward)).to.deep.equal([]);
      tf.dispose([pixel_values, labels, ys, last]);
      optimizer.dispose();
      keras.dispose();
    });
  }
});
