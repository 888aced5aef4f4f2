import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import * as convnext from '../../../backbones/convnext/index.js';
import type { Layout } from '../../../src/contracts.js';
import { ConvNextImageProcessor } from '../../../src/image/processor.js';
import { AutoConfig, AutoImageProcessor } from '../../../src/index.js';
import { timmPreprocessor } from '../../../src/weights/timm-config.js';
import { inFolder } from '../../helpers.js';
import { type Case, compareAll, readTensors, take, type Values } from '../compare.js';
import { bytesOf } from './image.js';
import { difference, named, pictures } from './models.js';

/** A model as timm saves it, with its config.json: logits, what comes before the classifier, and the maps of the stages. */
export async function timm(folder: string, spec: Case): Promise<string[]> {
  const pixels = await pictures(folder, spec);
  const wanted = await readTensors(folder, spec, 'outputs');
  const failures = await runTimm(folder, spec, pixels, wanted);
  // saved as ours, it has to give the same
  const again = await inFolder(async (copy) => {
    const model = await classifierOf(folder, spec);
    await model.savePretrained(copy);
    model.dispose();
    return runTimm(copy, spec, pixels, wanted);
  });
  pixels.dispose();
  return [...failures, ...again.map((failure) => `saved: ${failure}`)];
}

async function classifierOf(folder: string, spec: Case, numLabels?: number) {
  const { modelType } = (await AutoConfig.fromPretrained(folder)) as { readonly modelType: string };
  const Model =
    modelType === 'convnextv2' ? convnext.ConvNextV2ForImageClassification : convnext.ConvNextForImageClassification;
  return Model.fromPretrained(folder, {
    layout: spec.layout as Layout,
    strict: numLabels === 0 ? 'model' : 'all',
    numLabels,
  });
}

async function runTimm(
  folder: string,
  spec: Case,
  pixels: tf.Tensor4D,
  wanted: ReadonlyMap<string, Values>,
): Promise<string[]> {
  const model = await classifierOf(folder, spec);
  const { logits, hiddenStates } = model.forward(pixels, { outputHiddenStates: true });
  const [stem, ...maps] = hiddenStates!;
  stem.dispose();
  const bare = await classifierOf(folder, spec, 0);
  const features = bare.forward(pixels).logits;
  const states = Object.fromEntries(maps.map((map, i) => [`hidden_states.${i + 1}`, map]));
  const got = await named({ logits, features, ...states });
  model.dispose();
  bare.dispose();
  return [
    ...compareAll('output', got, wanted, spec.tolerance.forward),
    ...(await runBackbone(folder, spec, pixels, wanted)),
  ];
}

/** The backbone announces the shapes that its maps have. */
async function runBackbone(
  folder: string,
  spec: Case,
  pixels: tf.Tensor4D,
  wanted: ReadonlyMap<string, Values>,
): Promise<string[]> {
  const { modelType } = (await AutoConfig.fromPretrained(folder)) as { readonly modelType: string };
  const Backbone = modelType === 'convnextv2' ? convnext.ConvNextV2Backbone : convnext.ConvNextBackbone;
  const net = await Backbone.fromPretrained(folder, {
    layout: spec.layout as Layout,
    outFeatures: ['stage1', 'stage2', 'stage3', 'stage4'],
  });
  const [, , height, width] = pixels.shape;
  const sides = Object.values(net.outputShape(height, width));
  const strides = net.featureSpecs.map(({ stride }) => stride);
  net.dispose();
  const shapes = [1, 2, 3, 4].map((stage) => wanted.get(`hidden_states.${stage}`)!.shape.slice(2));
  return [...difference('outputShape', sides, shapes), ...difference('strides', strides, [4, 8, 16, 32])];
}

/** One picture through timm's transform for inference. */
interface Row {
  readonly image: string;
  readonly pretrained_cfg: object;
  readonly use_test_size: boolean;
  readonly file: string;
  readonly values?: string;
}

/** timm's preprocessing: the bytes after resizing and cropping, of some rows the normalized values, and all that once more saved. */
export async function timmTransform(folder: string, spec: Case): Promise<string[]> {
  const failures: string[] = [];
  const wantedValues = await readTensors(folder, spec, 'outputs');
  for (const { image, pretrained_cfg, use_test_size: useTestSize, file, values } of spec.args!.rows as readonly Row[]) {
    const json = timmPreprocessor({ architecture: 'convnext_tiny', pretrained_cfg }, { useTestSize });
    const first = ConvNextImageProcessor.fromJSON(json, 'config.json');
    const saved = AutoImageProcessor.fromJSON(JSON.parse(JSON.stringify(first)), 'preprocessor_config.json');
    for (const processor of [first, saved as ConvNextImageProcessor]) {
      const path = join(folder, image);
      const run = async (more: object) => (await processor.preprocess(path, { layout: 'NCHW', ...more })).pixelValues;
      const bytes = await take(await run({ doRescale: false, doNormalize: false }));
      const want = await bytesOf(join(folder, file));
      failures.push(...compareAll(file, new Map([['pixel_values', bytes]]), want, spec.tolerance.levels));
      if (values === undefined) continue;
      const got = new Map([[values, { ...(await take(await run({}))) }]]);
      const { shape, data } = wantedValues.get(values)!;
      failures.push(
        ...compareAll(file, got, new Map([[values, { shape: [1, ...shape], data }]]), spec.tolerance.forward),
      );
    }
  }
  return failures;
}
