/**
 * A backbone of one's own, registered beside the built-in ones and opened by the same names.
 *
 * npx tsx examples/third-party-backbone.ts
 *
 * Prints the backbone's stages, the shapes of its maps for a photograph, and that a second plugin of its type is refused.
 */

import * as tf from '@tensorflow/tfjs-core';
import {
  AutoBackbone,
  alignSelection,
  type Backbone,
  ConvNextV2Error,
  createRegistry,
  decodeImage,
  defaultRegistry,
  definePlugin,
  freezeStages,
  layers,
  type Scope,
  type Selection,
} from 'convnextv2';

interface PlainNetConfig extends Required<Selection> {
  readonly modelType: 'plainnet';
  readonly widths: readonly number[];
  readonly outFeatures: readonly string[];
}

const stageNamesOf = (widths: readonly number[]) => widths.map((_, i) => `stage${i + 1}`);

/** A plain convolutional network: each stage halves the size by a 3x3 convolution and a ReLU. */
function createPlainNet(scope: Scope, { widths, outFeatures }: PlainNetConfig): Backbone {
  const stageNames = stageNamesOf(widths);
  const stages = widths.map((to, i) => {
    const from = i === 0 ? 3 : widths[i - 1];
    return layers.conv2d(scope.within(stageNames[i]), { from, to, kernel: 3, stride: 2, padding: 1, deviation: 0.2 });
  });
  const side = (length: number, level: number): number => (level < 0 ? length : Math.ceil(side(length, level - 1) / 2));
  const levels = outFeatures.map((name) => stageNames.indexOf(name));
  const stageOf = (name: string) => stageNames.indexOf(name.split('.')[0]);
  return {
    stageNames,
    featureSpecs: levels.map((level) => ({
      name: stageNames[level],
      channels: widths[level],
      stride: 2 ** (level + 1),
    })),
    parameters: scope.parameters,
    outputShape(height, width) {
      return Object.fromEntries(levels.map((level) => [stageNames[level], [side(height, level), side(width, level)]]));
    },
    forward(pixels) {
      if (pixels.rank !== 4 || pixels.shape[3] !== 3 || pixels.shape[0] === 0) {
        throw new ConvNextV2Error('E_SHAPE', { path: 'pixels', wanted: '[n, h, w, 3]', got: `[${pixels.shape}]` });
      }
      return tf.tidy(() => {
        const maps: tf.Tensor4D[] = [];
        for (const stage of stages.slice(0, Math.max(...levels) + 1)) maps.push(tf.relu(stage(maps.at(-1) ?? pixels)));
        return Object.fromEntries(levels.map((level) => [stageNames[level], maps[level]]));
      });
    },
    stageOf,
    freeze(stages) {
      freezeStages({ stageNames, stageOf, parameters: scope.parameters }, stages);
    },
    dispose() {
      for (const parameter of scope.parameters.values()) parameter.dispose();
    },
  };
}

/** What a package of its own would export. */
export const plainNet = definePlugin<PlainNetConfig>({
  type: 'plainnet',
  readConfig(json, { file }, selection) {
    const { widths } = Object(json);
    if (!Array.isArray(widths) || !widths.every((width) => Number.isInteger(width) && width > 0)) {
      throw new ConvNextV2Error('E_CONFIG', {
        path: `${file}: /widths`,
        wanted: 'a list of whole numbers',
        got: `${widths}`,
      });
    }
    const chosen = alignSelection(stageNamesOf(widths), selection?.outFeatures, selection?.outIndices, { file });
    return { modelType: 'plainnet', widths, outputHiddenStates: false, ...chosen };
  },
  create: createPlainNet,
});

async function main(): Promise<void> {
  const registry = createRegistry([plainNet], defaultRegistry());
  console.log(`registered: ${registry.types.join(', ')}`);
  const config = plainNet.readConfig(
    { widths: [8, 16, 32] },
    { file: 'example', unknownKeys: 'refuse' },
    { outIndices: [0, -1] },
  );
  const backbone = await AutoBackbone.fromConfig(config, { registry, seed: 1 });
  const { data, width, height } = await decodeImage(new URL('pictures/rocket.jpg', import.meta.url));
  const pixels = tf.tidy(() => tf.div<tf.Tensor4D>(tf.tensor4d(data, [1, height, width, 3]), 255));
  const maps = backbone.forward(pixels);
  for (const { name, stride } of backbone.featureSpecs) console.log(`${name}: [${maps[name].shape}], stride ${stride}`);
  tf.dispose([maps, pixels]);
  backbone.dispose();
  try {
    createRegistry([plainNet], registry);
  } catch (error) {
    console.log((error as Error).message);
  }
}

if (process.argv[1]?.endsWith('third-party-backbone.ts')) await main();
