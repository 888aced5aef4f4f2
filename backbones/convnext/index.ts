import type { BackbonePlugin } from '../../src/contracts.js';
import { ConvNextBackbone, ConvNextV2Backbone } from './backbone.js';
import { CHECKPOINTS, ConvNextConfig, ConvNextV2Config } from './config.js';
import {
  ConvNextForImageClassification,
  ConvNextModel,
  ConvNextV2ForImageClassification,
  ConvNextV2Model,
} from './models.js';

export * from './backbone.js';
export { ConvNextConfig, type ConvNextConfigInit, ConvNextV2Config, type ConvNextV2ConfigInit } from './config.js';
export * from './keras.js';
export * from './models.js';

/** ConvNeXt V2 (Woo et al. 2023) as a plugin. */
export const convNextV2: BackbonePlugin<ConvNextV2Config> = {
  type: 'convnextv2',
  prefix: 'convnextv2',
  checkpoints: CHECKPOINTS,
  readConfig: (json, origin, selection) => ConvNextV2Config.fromJSON(json, origin, selection),
  create: (scope, config) => new ConvNextV2Backbone(scope, config),
  createModel: (scope, config) => new ConvNextV2Model(scope, config),
  createImageClassifier: (scope, config) => new ConvNextV2ForImageClassification(scope, config),
};

/** ConvNeXt (Liu et al. 2022) as a plugin. */
export const convNext: BackbonePlugin<ConvNextConfig> = {
  type: 'convnext',
  prefix: 'convnext',
  checkpoints: CHECKPOINTS,
  readConfig: (json, origin, selection) => ConvNextConfig.fromJSON(json, origin, selection),
  create: (scope, config) => new ConvNextBackbone(scope, config),
  createModel: (scope, config) => new ConvNextModel(scope, config),
  createImageClassifier: (scope, config) => new ConvNextForImageClassification(scope, config),
};
