import type { HeadPlugin } from '../../src/contracts.js';
import { UperNetConfig } from './config.js';
import { UperNetForSemanticSegmentation } from './model.js';
import { CHECKPOINTS } from './namings.js';

export { UperNetConfig, type UperNetConfigInit } from './config.js';
export * from './model.js';

/** UperNet (Xiao et al. 2018) as a plugin, on a backbone of any kind. */
export const upernet: HeadPlugin<UperNetConfig, 'semantic-segmentation'> = {
  type: 'upernet',
  task: 'semantic-segmentation',
  checkpoints: CHECKPOINTS,
  readConfig: (json, origin) => UperNetConfig.fromJSON(json, origin),
  create: (scope, config, backbones) => new UperNetForSemanticSegmentation(scope, config, 'NHWC', backbones),
};
