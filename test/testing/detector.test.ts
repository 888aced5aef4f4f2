import { createRegistry, defaultRegistry, fasterRCNN, fcos, maskRCNN, retinaNet, useBackend } from 'convnextv2';
import { detectorContract } from 'convnextv2/testing';
import { plainNet } from '../../examples/third-party-backbone.js';

before(() => useBackend('cpu'));

const backbone_config = { model_type: 'convnextv2', depths: [1, 1, 1, 1], hidden_sizes: [4, 5, 6, 7] };
const small = { backbone_config, num_labels: 3, min_size: 48, max_size: 64, out_channels: 4 };
const twoStage = {
  ...small,
  anchor_sizes: [[6], [12], [18], [30], [48]],
  box_pool_size: 2,
  representation_size: 8,
  rpn_pre_nms_top_n_test: 40,
  rpn_post_nms_top_n_test: 20,
  box_score_thresh: 0.1,
};
const masks = { ...twoStage, model_type: 'mask-rcnn', mask_pool_size: 4, mask_layers: [4], mask_dim_reduced: 4 };
const oneStage = { ...small, num_convs: 1, score_thresh: 0.005, topk_candidates: 50 };
const runner = { describe, it };

detectorContract(runner, { plugin: fasterRCNN, config: { ...twoStage, model_type: 'faster-rcnn' } });
detectorContract(runner, { plugin: maskRCNN, config: masks });
detectorContract(runner, { plugin: maskRCNN, config: { ...masks, background: 'last', box_nms: 'soft' }, label: 0 });
detectorContract(runner, { plugin: retinaNet, config: { ...oneStage, model_type: 'retinanet' } });
detectorContract(runner, { plugin: fcos, config: { ...oneStage, model_type: 'fcos', out_channels: 32 } });

// as a third party does it, with a backbone of its own
const registry = createRegistry([plainNet], defaultRegistry());
const plain = { model_type: 'plainnet', widths: [4, 6, 8, 9] };
detectorContract(runner, { plugin: maskRCNN, config: { ...masks, backbone_config: plain }, registry });
detectorContract(runner, {
  plugin: retinaNet,
  config: { ...oneStage, model_type: 'retinanet', backbone_config: plain },
  registry,
});
