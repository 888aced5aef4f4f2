import { createRegistry, defaultRegistry, upernet, useBackend } from 'convnextv2';
import { segmenterContract } from 'convnextv2/testing';
import { plainNet } from '../../examples/third-party-backbone.js';

before(() => useBackend('cpu'));

const body = { depths: [1, 1, 1, 1], hidden_sizes: [4, 5, 6, 7], out_indices: [1, 2, 3, 4] };
const head = { model_type: 'upernet', hidden_size: 6, auxiliary_channels: 5, num_labels: 3 };

for (const model_type of ['convnextv2', 'convnext']) {
  segmenterContract(
    { describe, it },
    { plugin: upernet, config: { ...head, backbone_config: { ...body, model_type } } },
  );
}
// as a third party does it, with a backbone of its own
const registry = createRegistry([plainNet], defaultRegistry());
const backbone_config = { model_type: 'plainnet', widths: [4, 6, 8, 9] };
segmenterContract({ describe, it }, { plugin: upernet, config: { ...head, backbone_config }, registry });
