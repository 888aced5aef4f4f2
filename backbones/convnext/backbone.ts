import * as tf from '@tensorflow/tfjs-core';
import type { Backbone, FeatureMaps, FeatureSpec, Layout, Mode, Scope } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { type Layer, layerNorm } from '../../src/nn/layers.js';
import { inLayout } from '../../src/nn/layout.js';
import { checkForwardOptions } from '../../src/nn/mode.js';
import { type ModelOutput, modelOutput, tidyOutput } from '../../src/nn/outputs.js';
import { checkSides, freezeStages } from '../../src/nn/stages.js';
import { PretrainedModel } from '../../src/weights/pretrained-model.js';
import { ConvNextConfig, type ConvNextConfigBase, ConvNextV2Config } from './config.js';
import { type Body, convNextBody, runBody, sideAt, strideAt } from './network.js';

/** What `forwardWithHiddenStates` gives. */
export interface BackboneFields {
  readonly featureMaps: FeatureMaps;
  /** The maps after the stem and after each stage, raw. */
  readonly hiddenStates: readonly tf.Tensor4D[];
}

/** Pictures to multi-scale feature maps: the body, and a norm of its own for each map that is asked for. */
abstract class ConvNextBackboneBase<Config extends ConvNextConfigBase>
  extends PretrainedModel<Config>
  implements Backbone
{
  readonly stageNames: readonly string[];
  readonly outFeatures: readonly string[];
  readonly outIndices: readonly number[];
  /** The channels of every stage, the stem first. */
  readonly numFeatures: readonly number[];
  readonly featureSpecs: readonly FeatureSpec[];
  readonly #body: Body;
  /** For each feature, the index of its stage and the norm of its map. */
  readonly #outputs: readonly { readonly level: number; readonly norm: Layer }[];
  #frozen = 0;

  constructor(scope: Scope, config: Config, layout?: Layout) {
    super(scope, config, layout);
    this.stageNames = config.stageNames;
    this.outFeatures = config.outFeatures;
    this.outIndices = config.outIndices;
    this.numFeatures = [config.hiddenSizes[0], ...config.hiddenSizes];
    const levels = config.outFeatures.map((name) => config.stageNames.indexOf(name));
    this.#body = convNextBody(scope, config, config.outputHiddenStates ? config.numStages : Math.max(0, ...levels));
    this.featureSpecs = levels.map((level) => {
      return { name: this.stageNames[level], channels: this.numFeatures[level], stride: strideAt(level, config) };
    });
    this.#outputs = this.featureSpecs.map(({ name, channels }, i): { readonly level: number; readonly norm: Layer } => {
      const options = { channels, epsilon: config.normEps, part: 'head' } as const;
      if (config.outputNorms === 'none') return { level: levels[i], norm: (map) => tf.clone(map) };
      return { level: levels[i], norm: layerNorm(scope.within('hidden_states_norms').within(name), options) };
    });
  }

  /** The channels of each map that `forward` gives. */
  get channels(): readonly number[] {
    return this.featureSpecs.map(({ channels }) => channels);
  }

  /** The [height, width] of each map. Throws E_SHAPE for a picture too small for the deepest stage. */
  outputShape(height: number, width: number): Readonly<Record<string, readonly [number, number]>> {
    checkSides(height, width, strideAt(this.#body.length - 1, this.config));
    const sides = ({ level }: { level: number }) => [height, width].map((side) => sideAt(level, side, this.config));
    return this.#byName(this.#outputs.map((output) => sides(output) as [number, number]));
  }

  /** Maps by stage name, fine to coarse; stages deeper than the last one asked for do not run. Throws E_SHAPE, E_ARGUMENT. */
  forward(pixels: tf.Tensor4D, mode?: Mode): FeatureMaps {
    checkForwardOptions(mode ?? {});
    return tf.tidy(() => this.#featureMaps(runBody(this.#body, pixels, this, mode, this.#frozen)));
  }

  /** The same with hidden states, from a backbone that was opened with `outputHiddenStates` and so has all its stages. */
  forwardWithHiddenStates(pixels: tf.Tensor4D, mode?: Mode): ModelOutput<BackboneFields> {
    checkForwardOptions(mode ?? {});
    if (!this.config.outputHiddenStates) {
      throw new ConvNextV2Error('E_ARGUMENT', {
        path: 'forwardWithHiddenStates',
        wanted: 'a backbone that was opened for hidden states, with all its stages',
        got: 'one that was not',
        suggestion: 'open it with { outputHiddenStates: true }',
      });
    }
    return tidyOutput(() => {
      const maps = runBody(this.#body, pixels, this, mode, this.#frozen);
      const hiddenStates = maps.map((map) => inLayout(map, this.layout));
      return modelOutput({ featureMaps: this.#featureMaps(maps), hiddenStates });
    });
  }

  stageOf(parameterName: string): number | undefined {
    const [root, , stage] = parameterName.split('.');
    return root === 'embeddings' ? 0 : root === 'encoder' ? Number(stage) + 1 : undefined;
  }

  freeze(stages: number): void {
    freezeStages(this, stages);
    this.#frozen = stages;
  }

  #featureMaps(maps: readonly tf.Tensor4D[]): FeatureMaps {
    return this.#byName(this.#outputs.map(({ level, norm }) => inLayout(norm(maps[level]), this.layout)));
  }

  #byName<T>(values: readonly T[]): Readonly<Record<string, T>> {
    return Object.fromEntries(this.outFeatures.map((name, i) => [name, values[i]]));
  }
}

/** ConvNeXt V2 as a backbone: pictures to multi-scale feature maps. */
export class ConvNextV2Backbone extends ConvNextBackboneBase<ConvNextV2Config> {
  static readonly Config = ConvNextV2Config;
}

/** ConvNeXt V1 as a backbone, as published detectors and segmenters have it. */
export class ConvNextBackbone extends ConvNextBackboneBase<ConvNextConfig> {
  static readonly Config = ConvNextConfig;
}
