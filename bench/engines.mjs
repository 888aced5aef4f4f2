// What is measured: this package on a backend of tfjs, and onnxruntime-node. An engine is { name, classifier }, and a
// classifier { run, before, close }: a job for `interleave` that reads its logits.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { AutoConfig, ConvNextV2ForImageClassification, useBackend } from '../dist/src/index.js';

/** The engines of these names that are there; says why the others are not, and throws where none is. */
export async function openEngines(names, options) {
  const engines = [];
  for (const name of names) {
    try {
      engines.push(await (name === 'onnxruntime' ? onnxruntime(options) : tfjs(name, options)));
    } catch (error) {
      console.error(`${name} is left out: ${error.message.split('\n')[0]}`);
    }
  }
  if (engines.length === 0) throw new Error(`none of these engines is there: ${names.join(', ')}`);
  return engines;
}

/** One of `simd`, `cpu`, `tensorflow` (tfjs-node), `wasm`. */
async function tfjs(backend, { threads }) {
  if (backend === 'tensorflow') process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  if (backend === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  const { detail } = await useBackend(backend);
  const before = () => tf.setBackend(backend);
  return {
    name: backend === 'tensorflow' ? `tfjs-node, ${detail}` : backend === 'simd' ? 'simd' : `tfjs ${backend}`,
    before,
    async classifier(size, batch, side) {
      await before();
      const model = await openClassifier(size);
      const pixels = tf.randomNormal([batch, side, side, 3], 0, 1, 'float32', 0);
      const run = () => {
        const { logits } = model.forward(pixels);
        logits.dataSync();
        logits.dispose();
      };
      return { run, before, close: () => [model, pixels].forEach((held) => void held.dispose()) };
    },
  };
}

/** A classifier of a shipped size with fresh weights on the active backend; GRN's are not zero, so that nothing folds away. */
export async function openClassifier(size) {
  const model = await ConvNextV2ForImageClassification.fromConfig(await configOf(size), { seed: 0 });
  for (const { name, variable } of model.parameters.values()) {
    if (name.includes('.grn.')) tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.5, 'float32', 0)));
  }
  return model;
}

export const configOf = async (size) =>
  (await AutoConfig.fromPretrained(`convnextv2-${size}`)).with({ numLabels: 1000 });

async function onnxruntime({ threads, onnx }) {
  if (!onnx) throw new Error('--onnx names no folder of models');
  const { InferenceSession, Tensor } = (await import('onnxruntime-node')).default;
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');
  return {
    name: `onnxruntime-node ${version}`,
    async classifier(size, batch, side) {
      const file = join(onnx, `convnextv2-${size}.onnx`);
      const session = await InferenceSession.create(readFileSync(file), { intraOpNumThreads: threads });
      const values = Float32Array.from({ length: batch * 3 * side * side }, () => 2 * Math.random() - 1);
      const pixels = new Tensor('float32', values, [batch, 3, side, side]);
      const run = async () => (await session.run({ pixel_values: pixels })).logits.data;
      return { run, close: () => session.release() };
    },
  };
}

/** Floating point operations of a classifier's forward, a multiply-add being two; norms and activations are not counted. */
export function operationsOf({ depths, hiddenSizes, patchSize, numLabels }, batch, side) {
  let height = Math.floor(side / patchSize);
  let count = height ** 2 * patchSize ** 2 * 3 * hiddenSizes[0];
  for (const [i, c] of hiddenSizes.entries()) {
    if (i > 0) {
      height = Math.floor(height / 2);
      count += height ** 2 * 4 * hiddenSizes[i - 1] * c;
    }
    count += depths[i] * height ** 2 * (49 * c + 8 * c * c);
  }
  return 2 * batch * (count + hiddenSizes.at(-1) * numLabels);
}
