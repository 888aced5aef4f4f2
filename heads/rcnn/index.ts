import type { HeadPlugin } from '../../src/contracts.js';
import { FasterRCNNConfig, MaskRCNNConfig } from '../detection/config.js';
import { FasterRCNN, MaskRCNN } from './models.js';

export { FasterRCNNConfig, MaskRCNNConfig } from '../detection/config.js';
export * from './models.js';

/** Faster R-CNN as a plugin, on a backbone of any kind. */
export const fasterRCNN: HeadPlugin<FasterRCNNConfig, 'object-detection'> = {
  type: 'faster-rcnn',
  task: 'object-detection',
  checkpoints: FasterRCNNConfig.definition.checkpoints,
  readConfig: (json, origin) => FasterRCNNConfig.fromJSON(json, origin),
  create: (scope, config, backbones) => new FasterRCNN(scope, config, 'NHWC', backbones),
};

/** Mask R-CNN as a plugin, on a backbone of any kind. */
export const maskRCNN: HeadPlugin<MaskRCNNConfig, 'instance-segmentation'> = {
  type: 'mask-rcnn',
  task: 'instance-segmentation',
  checkpoints: MaskRCNNConfig.definition.checkpoints,
  readConfig: (json, origin) => MaskRCNNConfig.fromJSON(json, origin),
  create: (scope, config, backbones) => new MaskRCNN(scope, config, 'NHWC', backbones),
};
