import type { HeadPlugin } from '../../src/contracts.js';
import { FCOSConfig } from '../detection/config.js';
import { FCOS } from './model.js';

export { FCOSConfig } from '../detection/config.js';
export { FCOS } from './model.js';

/** FCOS as a plugin, on a backbone of any kind. */
export const fcos: HeadPlugin<FCOSConfig, 'object-detection'> = {
  type: 'fcos',
  task: 'object-detection',
  checkpoints: FCOSConfig.definition.checkpoints,
  readConfig: (json, origin) => FCOSConfig.fromJSON(json, origin),
  create: (scope, config, backbones) => new FCOS(scope, config, 'NHWC', backbones),
};
