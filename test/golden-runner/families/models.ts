import * as tf from '@tensorflow/tfjs-core';
import * as convnext from '../../../backbones/convnext/index.js';
import type { Layout, Parameter } from '../../../src/contracts.js';
import { ConvNextV2Error } from '../../../src/errors.js';
import { AdamW } from '../../../src/train/adamw.js';
import { type Case, compareAll, readJson, readTensors, take, type Values } from '../compare.js';

type AnyBackbone = convnext.ConvNextV2Backbone | convnext.ConvNextBackbone;

/** ConvNextV2Model and ConvNextModel. */
export async function model(folder: string, spec: Case): Promise<string[]> {
  const type = spec.call.startsWith('ConvNextModel') ? convnext.ConvNextModel : convnext.ConvNextV2Model;
  const net = await type.fromPretrained(folder, { layout: spec.layout as Layout, strict: 'all' });
  const pixels = await pictures(folder, spec);
  const output = net.forward(pixels, { outputHiddenStates: true });
  const got = await named({
    last_hidden_state: output.lastHiddenState,
    pooler_output: output.poolerOutput,
    ...numbered('hidden_states', output.hiddenStates!),
  });
  pixels.dispose();
  net.dispose();
  return compareAll('output', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
}

/** ConvNextV2Backbone and ConvNextBackbone, and the selection of stages without a network. */
export async function backbone(folder: string, spec: Case): Promise<string[]> {
  if (spec.call.startsWith('ConvNextV2Config')) return configErrors(folder, spec);
  if (spec.call.startsWith('config.')) return override(folder, spec);
  const type = spec.call.startsWith('ConvNextBackbone') ? convnext.ConvNextBackbone : convnext.ConvNextV2Backbone;
  const net: AnyBackbone = await type.fromPretrained(folder, {
    layout: spec.layout as Layout,
    outputHiddenStates: true,
  });
  const pixels = await pictures(folder, spec);
  const { featureMaps, hiddenStates } = net.forwardWithHiddenStates(pixels);
  const failures = difference('attributes', attributes(net), spec.attributes);
  const [height, width] = spec.layout === 'NCHW' ? pixels.shape.slice(2) : pixels.shape.slice(1, 3);
  const sides = Object.values(featureMaps).map(({ shape }) =>
    spec.layout === 'NCHW' ? shape.slice(2) : shape.slice(1, 3),
  );
  failures.push(...difference('outputShape', Object.values(net.outputShape(height, width)), sides));
  const maps = numbered('feature_maps', Object.values(featureMaps));
  const got = await named({ ...maps, ...numbered('hidden_states', hiddenStates) });
  failures.push(...compareAll('output', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward));
  net.dispose();
  failures.push(...(await pruned(folder, spec, type, pixels, got)));
  pixels.dispose();
  return failures;
}

/** Without hidden states only the stages that are needed run, and the maps must be the same. */
async function pruned(
  folder: string,
  spec: Case,
  type: typeof convnext.ConvNextBackbone | typeof convnext.ConvNextV2Backbone,
  pixels: tf.Tensor4D,
  all: ReadonlyMap<string, Values>,
): Promise<string[]> {
  const net: AnyBackbone = await type.fromPretrained(folder, { layout: spec.layout as Layout });
  const got = await named(numbered('feature_maps', Object.values(net.forward(pixels))));
  net.dispose();
  const want = new Map([...all].filter(([name]) => name.startsWith('feature_maps')));
  return compareAll('pruned', got, want, 1e-6);
}

/** V1's models and backbones. */
export const convNextV1 = (folder: string, spec: Case): Promise<string[]> =>
  spec.attributes ? backbone(folder, spec) : model(folder, spec);

/** Logits, loss, gradients, and steps of AdamW. */
export async function classifier(folder: string, spec: Case): Promise<string[]> {
  const layout = spec.layout as Layout;
  const net = await convnext.ConvNextV2ForImageClassification.fromPretrained(folder, { layout, strict: 'all' });
  const pixels = await pictures(folder, spec);
  const labels = await labelsOf(folder, spec);
  const failures = await (spec.args?.steps === undefined ? logitsAndLoss : trainingSteps)(
    folder,
    spec,
    net,
    pixels,
    labels,
  );
  if (spec.num_labels !== undefined && net.config.numLabels !== spec.num_labels) failures.push('num_labels differs');
  tf.dispose([pixels, labels]);
  net.dispose();
  return failures;
}

type Classifier = convnext.ConvNextV2ForImageClassification;

async function logitsAndLoss(
  folder: string,
  spec: Case,
  net: Classifier,
  pixels: tf.Tensor4D,
  labels?: tf.Tensor,
): Promise<string[]> {
  const { logits, loss } = net.forward(pixels, { labels });
  const got = await named({ logits, ...(loss && { loss }) });
  const failures = compareAll('output', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
  if (!spec.files.gradients) return failures;
  const parameters = [...net.parameters.values()];
  const inputs = [pixels, ...parameters.map(({ variable }) => variable)];
  const loss_ = () => tf.tidy(() => net.forward(pixels, { labels }).loss!);
  const { value, grads } = tf.valueAndGrads(loss_)(inputs);
  value.dispose();
  const gradients = await named({
    pixel_values: grads[0],
    ...Object.fromEntries(
      parameters.map((parameter, i) => [`parameters.${parameter.name}`, stored(parameter, grads[i + 1])]),
    ),
  });
  return [
    ...failures,
    ...compareAll('gradient', gradients, await readTensors(folder, spec, 'gradients'), spec.tolerance.gradient),
  ];
}

async function trainingSteps(
  folder: string,
  spec: Case,
  net: Classifier,
  pixels: tf.Tensor4D,
  labels?: tf.Tensor,
): Promise<string[]> {
  const { lr, betas, eps, weight_decay, steps, decay, no_decay } = spec.args!;
  const parametersOf = (names: readonly string[]) => names.map((name) => net.parameters.get(name)!);
  const optimizer = new AdamW(
    [{ parameters: parametersOf(decay) }, { parameters: parametersOf(no_decay), weightDecay: 0 }],
    { learningRate: lr, betas, epsilon: eps, weightDecay: weight_decay },
  );
  const loss = () => tf.tidy(() => net.forward(pixels, { labels }).loss!);
  const losses = Array.from({ length: steps }, () => optimizer.step(loss));
  const last = loss();
  losses.push(last.dataSync()[0]);
  last.dispose();
  const after = [...net.parameters.values()].map((parameter) => [`parameters.${parameter.name}`, parameter.stored()]);
  const got = new Map(await named(Object.fromEntries(after)));
  got.set('losses', { shape: [losses.length], data: losses });
  optimizer.dispose();
  return compareAll('output', got, await readTensors(folder, spec, 'outputs'), spec.tolerance.forward);
}

/** The messages of a wrong selection: `error` is there for non-lists that the reference's config class refuses by type. */
async function configErrors(folder: string, spec: Case): Promise<string[]> {
  const rows: any[] = await readJson(folder, spec, 'outputs');
  return rows.flatMap((row) => {
    const kwargs = Object.fromEntries(Object.entries(row.kwargs).map(([key, value]) => [key, fromPython(key, value)]));
    const label = JSON.stringify(row.kwargs);
    try {
      const config = convnext.ConvNextV2Config.fromJSON({ ...spec.args, ...kwargs });
      // the reference's typed class refuses a tuple that its check accepts
      if (row.check_error !== null) return [`${label}: accepted, wanted ${row.check_error.message}`];
      return row.result === null ? [] : difference(label, selection(config), row.result);
    } catch (error) {
      const problems = error instanceof ConvNextV2Error && error.code === 'E_OUT_FEATURES' ? error.problems : [];
      if (problems.length !== 1) return [`${label}: ${error}`];
      const { type, message } = row.check_error ?? {};
      // the reference crashes behind its check; ours then says which indices are valid
      if (type === 'IndexError' && /valid indices/.test(problems[0].reference ?? '')) return [];
      return difference(label, problems[0].reference, message);
    }
  });
}

/** A Python tuple where only a list will do, named as in the message. */
class tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** JSON has no tuple. The reference takes one for indices as it takes a list, but not for names. */
function fromPython(key: string, value: any): unknown {
  if (!Array.isArray(value?.tuple)) return value;
  return key === 'out_indices' ? value.tuple : new tuple(value.tuple);
}

async function override(folder: string, spec: Case): Promise<string[]> {
  const steps: any[] = await readJson(folder, spec, 'outputs');
  const [first] = steps;
  let config = convnext.ConvNextV2Config.fromJSON({ ...spec.args, out_features: first.out_features });
  return steps.flatMap(({ set, ...want }) => {
    if (set && 'out_features' in set) config = config.with({ outFeatures: set.out_features });
    if (set && 'out_indices' in set) config = config.with({ outIndices: set.out_indices });
    return difference(JSON.stringify(set), selection(config), want);
  });
}

function selection({ outFeatures, outIndices, stageNames }: convnext.ConvNextV2Config) {
  return { out_features: outFeatures, out_indices: outIndices, stage_names: stageNames };
}

function attributes(net: AnyBackbone) {
  return {
    out_features: net.outFeatures,
    out_indices: net.outIndices,
    stage_names: net.stageNames,
    channels: net.channels,
    num_features: net.numFeatures,
  };
}

export function difference(label: string, got: unknown, want: unknown): string[] {
  return JSON.stringify(got) === JSON.stringify(want)
    ? []
    : [`${label}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(want)}`];
}

export async function pictures(folder: string, spec: Case): Promise<tf.Tensor4D> {
  const { data, shape } = (await readTensors(folder, spec, 'inputs')).get('pixel_values')!;
  return tf.tensor4d(data as Float32Array, shape as [number, number, number, number]);
}

async function labelsOf(folder: string, spec: Case): Promise<tf.Tensor | undefined> {
  const labels = (await readTensors(folder, spec, 'inputs')).get('labels');
  return (
    labels && tf.tensor(labels.data as Float32Array, [...labels.shape], labels.dtype === 'I64' ? 'int32' : 'float32')
  );
}

export function numbered(name: string, tensors: readonly tf.Tensor[]): Record<string, tf.Tensor> {
  return Object.fromEntries(tensors.map((tensor, i) => [`${name}.${i}`, tensor]));
}

export async function named(tensors: Readonly<Record<string, tf.Tensor>>): Promise<ReadonlyMap<string, Values>> {
  return new Map(
    await Promise.all(Object.entries(tensors).map(async ([name, tensor]) => [name, await take(tensor)] as const)),
  );
}

/** A gradient in the checkpoint's layout. */
function stored(parameter: Parameter, gradient: tf.Tensor): tf.Tensor {
  const turned = parameter.stored(gradient);
  gradient.dispose();
  return turned;
}
