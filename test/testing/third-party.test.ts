import { useBackend } from 'convnextv2';
import { backboneContract } from 'convnextv2/testing';
import { plainNet } from '../../examples/third-party-backbone.js';

// as a third party does it: everything from the package as it is published
before(() => useBackend('cpu'));

backboneContract({ describe, it }, { plugin: plainNet, config: { widths: [4, 6, 8] } });
