import type { HeadPlugin } from '../../src/contracts.js';
import { RetinaNetConfig } from '../detection/config.js';
import { RetinaNet } from './model.js';

export { RetinaNetConfig } from '../detection/config.js';
export { RetinaNet } from './model.js';

/** RetinaNet as a plugin, on a backbone of any kind. */
export const retinaNet: HeadPlugin<RetinaNetConfig, 'object-detection'> = {
  type: 'retinanet',
  task: 'object-detection',
  checkpoints: RetinaNetConfig.definition.checkpoints,
  readConfig: (json, origin) => RetinaNetConfig.fromJSON(json, origin),
  create: (scope, config, backbones) => new RetinaNet(scope, config, 'NHWC', backbones),
};
