import type * as tf from '@tensorflow/tfjs-core';
import type { Scope } from '../../src/contracts.js';
import type { CallOptions, KerasForm, KerasPart } from '../../src/keras/form.js';
import { KerasModel } from '../../src/keras/keras-model.js';
import { registerLayers } from '../../src/keras/register.js';
import type { ConvNextConfig, ConvNextConfigBase, ConvNextV2Config } from './config.js';
import { classifierLayers, pooling } from './head.js';
import {
  type ClassifierFields,
  ConvNextForImageClassification,
  ConvNextModel,
  type ConvNextModelFields,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
} from './models.js';
import { convNextBody, strideAt } from './network.js';

/** How a Keras form's classifier is called: with labels it gives the loss, too. */
export interface ClassifierCallOptions extends CallOptions {
  readonly labels?: tf.Tensor;
}

/** The stem, the stages, and the norm of each channel's mean over the last map. */
function pooledParts(scope: Scope, config: ConvNextConfigBase): readonly KerasPart[] {
  const { numChannels, numStages, hiddenSizes, stageNames } = config;
  const stages = scope.within('encoder').within('stages');
  const body = convNextBody(scope, config).map((run, level): KerasPart => {
    const before = level === 0 ? 1 : strideAt(level - 1, config);
    return {
      name: stageNames[level],
      run,
      parameters: (level === 0 ? scope.within('embeddings') : stages.within(level - 1)).parameters,
      channels: hiddenSizes[Math.max(0, level - 1)],
      stride: strideAt(level, config) / before,
      pixels: level === 0 ? { channels: numChannels, smallest: strideAt(numStages, config) } : undefined,
    };
  });
  const channels = hiddenSizes[numStages - 1];
  const run = pooling(scope, config);
  const pooler: KerasPart = {
    name: 'pooler',
    run: (x) => run(x as tf.Tensor4D),
    parameters: scope.within(config.headNormFirst ? 'norm_pre' : 'layernorm').parameters,
    channels,
  };
  return [...body, pooler];
}

type ModelForm<Config extends ConvNextConfigBase> = KerasForm<Config, ConvNextModelFields, CallOptions>;
type ClassifierForm<Config extends ConvNextConfigBase> = KerasForm<Config, ClassifierFields, ClassifierCallOptions>;

/** As a `tf.LayersModel`: the last stage's map [n, h, w, c], and the pooled one [n, c]. */
const modelForm = <Config extends ConvNextConfigBase>(Model: ModelForm<Config>['Model']): ModelForm<Config> => ({
  Model,
  inputs: ['pixelValues'],
  outputs: 2,
  parts: pooledParts,
});

/** As a `tf.LayersModel`: the logits [n, numLabels]. */
const classifierForm = <Config extends ConvNextConfigBase>(
  Model: ClassifierForm<Config>['Model'],
): ClassifierForm<Config> => ({
  Model,
  inputs: ['pixelValues', 'labels'],
  outputs: 1,
  parts(scope, config) {
    const pooled = pooledParts(scope.within(config.modelType), config);
    const layers = classifierLayers(scope, config).map(({ name, run, channels }): KerasPart => {
      return { name, run: (x) => run(x as tf.Tensor2D), parameters: scope.within(name).parameters, channels };
    });
    return [...pooled, ...layers];
  },
});

/** ConvNextV2Model in Keras' call forms. */
export class TFConvNextV2Model extends KerasModel<ConvNextV2Config, ConvNextModelFields, CallOptions> {
  static readonly form = modelForm(ConvNextV2Model);
}

/** ConvNextV2ForImageClassification in Keras' call forms. */
export class TFConvNextV2ForImageClassification extends KerasModel<
  ConvNextV2Config,
  ClassifierFields,
  ClassifierCallOptions
> {
  static readonly form = classifierForm(ConvNextV2ForImageClassification);
}

/** ConvNextModel in Keras' call forms. */
export class TFConvNextModel extends KerasModel<ConvNextConfig, ConvNextModelFields, CallOptions> {
  static readonly form = modelForm(ConvNextModel);
}

/** ConvNextForImageClassification in Keras' call forms. */
export class TFConvNextForImageClassification extends KerasModel<
  ConvNextConfig,
  ClassifierFields,
  ClassifierCallOptions
> {
  static readonly form = classifierForm(ConvNextForImageClassification);
}

/** What a program calls before `tf.loadLayersModel`: tfjs then knows the layers of these models, and `file://` in Node. */
export const registerKerasLayers = (): Promise<void> =>
  registerLayers([
    TFConvNextV2Model.form,
    TFConvNextV2ForImageClassification.form,
    TFConvNextModel.form,
    TFConvNextForImageClassification.form,
  ]);
