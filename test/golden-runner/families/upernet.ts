import * as tf from '@tensorflow/tfjs-core';
import { UperNetForSemanticSegmentation } from '../../../heads/upernet/index.js';
import { fcnHead } from '../../../heads/upernet/network.js';
import type { Layout } from '../../../src/contracts.js';
import { borrowParameters } from '../../../src/keras/borrow.js';
import { inLayout } from '../../../src/nn/layout.js';
import '../../../src/index.js';
import { type Case, compareAll, readTensors, take, type Values } from '../compare.js';

interface Inputs {
  readonly pixels: tf.Tensor4D;
  readonly labels: tf.Tensor3D;
}

/** UperNetForSemanticSegmentation: logits of both heads, loss, gradients; or a step in training mode. */
export async function upernet(folder: string, spec: Case): Promise<string[]> {
  const layout = spec.layout as Layout;
  const net = await UperNetForSemanticSegmentation.fromPretrained(folder, { layout, strict: 'all' });
  const given = await readTensors(folder, spec, 'inputs');
  const pixels = tensor(given.get('pixel_values')!, 'float32') as tf.Tensor4D;
  const labels = tensor(given.get('labels')!, 'int32') as tf.Tensor3D;
  const run = spec.mode === 'train' ? trained : inferred;
  const failures = await run(folder, spec, net, { pixels, labels });
  tf.dispose([pixels, labels]);
  net.dispose();
  return failures;
}

async function inferred(
  folder: string,
  spec: Case,
  net: UperNetForSemanticSegmentation,
  { pixels, labels }: Inputs,
): Promise<string[]> {
  const outputs = tf.tidy(() => {
    const { logits, loss } = net.forward(pixels, { labels });
    const auxiliary = auxiliaryLogits(net, pixels);
    return {
      logits: tf.slice(logits, [0, 0, 0, 0], [1, 1, -1, -1]),
      loss: loss!,
      logits_low: net.coarseLogits(pixels),
      ...(auxiliary && { auxiliary_logits_low: auxiliary }),
    };
  });
  const want = await readTensors(folder, spec, 'outputs');
  const failures = compareAll('output', await values(outputs), want, spec.tolerance.forward);
  if (!spec.files.gradients) return failures;
  const wanted = await readTensors(folder, spec, 'gradients');
  const parameters = [...net.parameters.values()].filter(({ name }) => wanted.has(`parameters.${name}`));
  const loss = () => tf.tidy(() => net.forward(pixels, { labels }).loss!);
  const { value, grads } = tf.valueAndGrads(loss)(parameters.map(({ variable }) => variable));
  const got = await values(
    Object.fromEntries(parameters.map((parameter, i) => [`parameters.${parameter.name}`, parameter.stored(grads[i])])),
  );
  tf.dispose([value, grads]);
  return [...failures, ...compareAll('gradient', got, wanted, spec.tolerance.gradient)];
}

/** What one forward pass in training does to the running statistics. */
async function trained(
  folder: string,
  spec: Case,
  net: UperNetForSemanticSegmentation,
  { pixels, labels }: Inputs,
): Promise<string[]> {
  const loss = tf.tidy(() => net.forward(pixels, { labels, training: true }).loss!);
  const running = [...net.parameters.values()].filter(({ name }) => name.includes('running'));
  const buffers = running.map((parameter) => [`buffers.${parameter.name}`, parameter.stored()] as const);
  const got = await values({ loss, ...Object.fromEntries(buffers) });
  return compareAll('output', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
}

/** The auxiliary head's own logits, which the model gives nobody. */
function auxiliaryLogits(net: UperNetForSemanticSegmentation, pixels: tf.Tensor4D): tf.Tensor4D | undefined {
  if (!net.config.useAuxiliaryHead) return undefined;
  const scope = borrowParameters(net.parameters).within('auxiliary_head');
  const head = fcnHead(scope, net.backbone.featureSpecs[2], net.config);
  return inLayout(head(net.backbone.forward(tf.transpose(pixels, [0, 2, 3, 1]))), 'NCHW');
}

function tensor({ data, shape }: Values, dtype: 'float32' | 'int32'): tf.Tensor {
  return tf.tensor(Array.from(data), [...shape], dtype);
}

async function values(tensors: Readonly<Record<string, tf.Tensor>>): Promise<ReadonlyMap<string, Values>> {
  const entries = Object.entries(tensors).map(async ([name, tensor]) => [name, await take(tensor)] as const);
  return new Map(await Promise.all(entries));
}
