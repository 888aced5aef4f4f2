import { convNext, convNextV2 } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { backboneContract } from '../../src/testing/index.js';

before(() => useBackend('cpu'));

const small = { depths: [1, 2, 1, 1], hidden_sizes: [6, 8, 10, 12], drop_path_rate: 0.5, initializer_range: 0.2 };

backboneContract({ describe, it }, { plugin: convNextV2, config: { ...small, model_type: 'convnextv2' } });
backboneContract(
  { describe, it },
  { plugin: convNext, config: { ...small, model_type: 'convnext', layer_scale_init_value: 0.5 } },
);
backboneContract(
  { describe, it },
  {
    plugin: convNextV2,
    config: { depths: [1, 1], hidden_sizes: [4, 6], patch_size: 3, num_channels: 2, hidden_act: 'gelu_new' },
    channels: 2,
    size: [17, 8],
  },
);
