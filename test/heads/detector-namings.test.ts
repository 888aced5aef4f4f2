import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Detector } from '../../src/contracts.js';
import {
  createModel,
  FasterRCNN,
  FasterRCNNConfig,
  FCOS,
  FCOSConfig,
  MaskRCNN,
  MaskRCNNConfig,
  RetinaNet,
  RetinaNetConfig,
  useBackend,
} from '../../src/index.js';
import { failure, inFolder, safetensorsFile } from '../helpers.js';
import { noise, SMALL, TWO_STAGE } from './helpers.js';

const V2 = { model_type: 'convnextv2', depths: [1, 2, 1, 1], hidden_sizes: [4, 5, 6, 7] };
const V1 = { ...V2, model_type: 'convnext', layer_scale_init_value: 0.5 };
/** As torchvision's detectors have it: without norms of its maps. */
const BARE = { ...V1, output_norms: 'none' };

/** What others call tensors, by what they are called here: pairs of the beginnings of names, the longer ones first. */
type Names = Readonly<Record<string, string>>;

/** The parts of the ConvNeXt above by OpenMMLab's names. */
const MM_BODY: Names = {
  'backbone.body.embeddings.patch_embeddings': 'backbone.downsample_layers.0.0',
  'backbone.body.embeddings.layernorm': 'backbone.downsample_layers.0.1',
  'backbone.body.encoder.stages.1.downsampling_layer.0': 'backbone.downsample_layers.1.0',
  'backbone.body.encoder.stages.1.downsampling_layer.1': 'backbone.downsample_layers.1.1',
  'backbone.body.encoder.stages.2.downsampling_layer.0': 'backbone.downsample_layers.2.0',
  'backbone.body.encoder.stages.2.downsampling_layer.1': 'backbone.downsample_layers.2.1',
  'backbone.body.encoder.stages.3.downsampling_layer.0': 'backbone.downsample_layers.3.0',
  'backbone.body.encoder.stages.3.downsampling_layer.1': 'backbone.downsample_layers.3.1',
  ...Object.fromEntries(
    ['0.0', '1.0', '1.1', '2.0', '3.0'].flatMap((place) => {
      const own = `backbone.body.encoder.stages.${place.replace('.', '.layers.')}`;
      const other = `backbone.stages.${place}`;
      return [
        [`${own}.dwconv`, `${other}.depthwise_conv`],
        [`${own}.layernorm`, `${other}.norm`],
        [`${own}.pwconv1`, `${other}.pointwise_conv1`],
        [`${own}.pwconv2`, `${other}.pointwise_conv2`],
        [`${own}.grn.weight`, `${other}.grn.gamma`],
        [`${own}.grn.bias`, `${other}.grn.beta`],
        [`${own}.layer_scale_parameter`, `${other}.gamma`],
      ];
    }),
  ),
  'backbone.body.hidden_states_norms.stage1': 'backbone.norm0',
  'backbone.body.hidden_states_norms.stage2': 'backbone.norm1',
  'backbone.body.hidden_states_norms.stage3': 'backbone.norm2',
  'backbone.body.hidden_states_norms.stage4': 'backbone.norm3',
};

const MM_RPN: Names = {
  'rpn.head.conv.0.0': 'rpn_head.rpn_conv',
  'rpn.head.cls_logits': 'rpn_head.rpn_cls',
  'rpn.head.bbox_pred': 'rpn_head.rpn_reg',
  'roi_heads.box_head.fc6': 'roi_head.bbox_head.shared_fcs.0',
  'roi_heads.box_head.fc7': 'roi_head.bbox_head.shared_fcs.1',
  'roi_heads.box_predictor.cls_score': 'roi_head.bbox_head.fc_cls',
  'roi_heads.box_predictor.bbox_pred': 'roi_head.bbox_head.fc_reg',
  'roi_heads.mask_head.0.0': 'roi_head.mask_head.convs.0.conv',
  'roi_heads.mask_head.1.0': 'roi_head.mask_head.convs.1.conv',
  'roi_heads.mask_predictor.conv5_mask': 'roi_head.mask_head.upsample',
  'roi_heads.mask_predictor.mask_fcn_logits': 'roi_head.mask_head.conv_logits',
};

const MM_TWO_STAGE: Names = {
  ...MM_BODY,
  ...MM_RPN,
  'backbone.fpn.inner_blocks.0.0': 'neck.lateral_convs.0.conv',
  'backbone.fpn.inner_blocks.1.0': 'neck.lateral_convs.1.conv',
  'backbone.fpn.inner_blocks.2.0': 'neck.lateral_convs.2.conv',
  'backbone.fpn.inner_blocks.3.0': 'neck.lateral_convs.3.conv',
  'backbone.fpn.layer_blocks.0.0': 'neck.fpn_convs.0.conv',
  'backbone.fpn.layer_blocks.1.0': 'neck.fpn_convs.1.conv',
  'backbone.fpn.layer_blocks.2.0': 'neck.fpn_convs.2.conv',
  'backbone.fpn.layer_blocks.3.0': 'neck.fpn_convs.3.conv',
};

/** Its pyramid begins at the second stage, and counts P6 and P7 on. */
const MM_RETINANET: Names = {
  ...MM_BODY,
  'backbone.fpn.inner_blocks.0.0': 'neck.lateral_convs.0.conv',
  'backbone.fpn.inner_blocks.1.0': 'neck.lateral_convs.1.conv',
  'backbone.fpn.inner_blocks.2.0': 'neck.lateral_convs.2.conv',
  'backbone.fpn.layer_blocks.0.0': 'neck.fpn_convs.0.conv',
  'backbone.fpn.layer_blocks.1.0': 'neck.fpn_convs.1.conv',
  'backbone.fpn.layer_blocks.2.0': 'neck.fpn_convs.2.conv',
  'backbone.fpn.extra_blocks.p6': 'neck.fpn_convs.3.conv',
  'backbone.fpn.extra_blocks.p7': 'neck.fpn_convs.4.conv',
  'head.classification_head.conv.0.0': 'bbox_head.cls_convs.0.conv',
  'head.classification_head.conv.1.0': 'bbox_head.cls_convs.1.conv',
  'head.regression_head.conv.0.0': 'bbox_head.reg_convs.0.conv',
  'head.regression_head.conv.1.0': 'bbox_head.reg_convs.1.conv',
  'head.classification_head.cls_logits': 'bbox_head.retina_cls',
  'head.regression_head.bbox_reg': 'bbox_head.retina_reg',
};

/** As torchvision's published files have it. */
const OLDER: Names = {
  'backbone.fpn.inner_blocks.0.0': 'backbone.fpn.inner_blocks.0',
  'backbone.fpn.inner_blocks.1.0': 'backbone.fpn.inner_blocks.1',
  'backbone.fpn.inner_blocks.2.0': 'backbone.fpn.inner_blocks.2',
  'backbone.fpn.inner_blocks.3.0': 'backbone.fpn.inner_blocks.3',
  'backbone.fpn.layer_blocks.0.0': 'backbone.fpn.layer_blocks.0',
  'backbone.fpn.layer_blocks.1.0': 'backbone.fpn.layer_blocks.1',
  'backbone.fpn.layer_blocks.2.0': 'backbone.fpn.layer_blocks.2',
  'backbone.fpn.layer_blocks.3.0': 'backbone.fpn.layer_blocks.3',
  'rpn.head.conv.0.0': 'rpn.head.conv',
  'roi_heads.mask_head.0.0': 'roi_heads.mask_head.mask_fcn1',
  'roi_heads.mask_head.1.0': 'roi_heads.mask_head.mask_fcn2',
};

const OLDER_RETINANET: Names = {
  ...OLDER,
  'head.classification_head.conv.0.0': 'head.classification_head.conv.0',
  'head.classification_head.conv.1.0': 'head.classification_head.conv.2',
  'head.regression_head.conv.0.0': 'head.regression_head.conv.0',
  'head.regression_head.conv.1.0': 'head.regression_head.conv.2',
};

/** torchvision's ConvNeXt, of which a detector keeps the `features`: under their name (create_feature_extractor), or without. */
const torchvisionBody = (features: string): Names => ({
  'backbone.body.embeddings.patch_embeddings': `backbone.body.${features}0.0`,
  'backbone.body.embeddings.layernorm': `backbone.body.${features}0.1`,
  'backbone.body.encoder.stages.1.downsampling_layer': `backbone.body.${features}2`,
  'backbone.body.encoder.stages.2.downsampling_layer': `backbone.body.${features}4`,
  'backbone.body.encoder.stages.3.downsampling_layer': `backbone.body.${features}6`,
  ...Object.fromEntries(
    [
      ['0.layers.0', '1.0'],
      ['1.layers.0', '3.0'],
      ['1.layers.1', '3.1'],
      ['2.layers.0', '5.0'],
      ['3.layers.0', '7.0'],
    ].flatMap(([own, other]) => [
      [`backbone.body.encoder.stages.${own}.dwconv`, `backbone.body.${features}${other}.block.0`],
      [`backbone.body.encoder.stages.${own}.layernorm`, `backbone.body.${features}${other}.block.2`],
      [`backbone.body.encoder.stages.${own}.pwconv1`, `backbone.body.${features}${other}.block.3`],
      [`backbone.body.encoder.stages.${own}.pwconv2`, `backbone.body.${features}${other}.block.5`],
      [`backbone.body.encoder.stages.${own}.layer_scale_parameter`, `backbone.body.${features}${other}.layer_scale`],
    ]),
  ),
});

/** The same safetensors file under other names; torchvision's layer scale has the shape of a map. */
function renamed(file: Uint8Array, names: Names): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header: Record<string, { readonly shape: readonly number[] }> = JSON.parse(
    Buffer.from(file.subarray(8, 8 + length)).toString(),
  );
  const own = Object.keys(names);
  const entries = Object.entries(header).map(([name, entry]) => {
    const part = own.find((part) => name === part || name.startsWith(`${part}.`));
    const other = part === undefined ? name : names[part] + name.slice(part.length);
    return [other, other.endsWith('.layer_scale') ? { ...entry, shape: [...entry.shape, 1, 1] } : entry];
  });
  return safetensorsFile(Object.fromEntries(entries), file.subarray(8 + length));
}

const MASKS = { ...TWO_STAGE, maskPoolSize: 4, maskLayers: [4, 3], maskDimReduced: 4 } as const;
const MMDETECTION = {
  ...MASKS,
  anchorRounding: 'none',
  anchorStrides: 'level',
  boxClamp: 'both',
  roiCentres: 'half-pixel',
  roiSamplingRatio: 0,
  roiLevelRule: 'mmdetection',
  roiScales: 'level',
  background: 'last',
  maskPaste: 'pixel-centres',
} as const;
const ONE_STAGE = { ...SMALL, numConvs: 2, scoreThresh: 0.005, topkCandidates: 50 } as const;

const maskRCNN = (backboneConfig: object, settings: object = MASKS) =>
  MaskRCNN.fromConfig(new MaskRCNNConfig({ ...settings, backboneConfig } as never), { seed: 1 });
const fasterRCNN = (backboneConfig: object) =>
  FasterRCNN.fromConfig(new FasterRCNNConfig({ ...TWO_STAGE, backboneConfig } as never), { seed: 1 });
const retinaNet = (backboneConfig: object, settings: object = {}) =>
  RetinaNet.fromConfig(new RetinaNetConfig({ ...ONE_STAGE, outChannels: 4, ...settings, backboneConfig } as never), {
    seed: 1,
  });
const fcos = (backboneConfig: object) =>
  FCOS.fromConfig(new FCOSConfig({ ...ONE_STAGE, outChannels: 32, backboneConfig } as never), { seed: 1 });

type Made = Awaited<ReturnType<typeof maskRCNN | typeof fasterRCNN | typeof retinaNet | typeof fcos>>;

/** The model, whose names they are, and what else each is called. */
const CASES: Readonly<Record<string, readonly [make: () => Promise<Made>, naming: string, names: Names]>> = {
  'Mask R-CNN of mmdetection': [() => maskRCNN(V2, MMDETECTION), 'mm', MM_TWO_STAGE],
  'Mask R-CNN of mmdetection, on V1': [() => maskRCNN(V1, MMDETECTION), 'mm', MM_TWO_STAGE],
  'Mask R-CNN of mmdetection, with two convolutions before proposals': [
    () => maskRCNN(V2, { ...MMDETECTION, rpnConvDepth: 2 }),
    'mm',
    {
      ...MM_TWO_STAGE,
      'rpn.head.conv.0.0': 'rpn_head.rpn_conv.0.conv',
      'rpn.head.conv.1.0': 'rpn_head.rpn_conv.1.conv',
    },
  ],
  'Faster R-CNN of mmdetection': [() => fasterRCNN(V2), 'mm', MM_TWO_STAGE],
  'RetinaNet of mmdetection': [
    () => retinaNet(V2, { extraLevelsActivation: 'linear', anchorRounding: 'none' }),
    'mm',
    MM_RETINANET,
  ],
  "Mask R-CNN of torchvision's files": [() => maskRCNN(V2), 'torchvision', OLDER],
  "Faster R-CNN of torchvision's files": [() => fasterRCNN(V1), 'torchvision', OLDER],
  "RetinaNet of torchvision's files": [() => retinaNet(V2), 'torchvision', OLDER_RETINANET],
  "FCOS of torchvision's files": [() => fcos(V2), 'torchvision', OLDER],
  'all of torchvision, features alone': [() => maskRCNN(BARE), 'torchvision', torchvisionBody('')],
  'all of torchvision, a feature extractor': [
    () => retinaNet(BARE),
    'torchvision',
    { ...torchvisionBody('features.'), ...OLDER_RETINANET },
  ],
  'all of torchvision, FCOS': [() => fcos(BARE), 'torchvision', torchvisionBody('features.')],
};

describe('detectors under the names of others', () => {
  before(() => useBackend('cpu'));

  for (const [title, [make, naming, names]] of Object.entries(CASES)) {
    it(`find what they find under their own: ${title}`, () =>
      inFolder(async (folder) => {
        const own = await make();
        await own.savePretrained(folder);
        const file = join(folder, 'model.safetensors');
        const bytes = new Uint8Array(readFileSync(file));
        const other = renamed(bytes, names);
        expect(Buffer.from(other).equals(bytes)).to.equal(false);
        writeFileSync(file, other);
        const again = (await createModel(folder, { strict: 'all' })) as Detector & Made;
        expect(again.report.recognised).to.include(`names of ${naming}`);
        const pictures = [noise(61, 80), noise(40, 23)];
        const found = own.detect(pictures);
        expect(found[0].labels.length).to.be.above(0);
        expect(again.detect(pictures)).to.deep.equal(found);
        tf.dispose(pictures);
        own.dispose();
        again.dispose();
      }));
  }

  it('are opened as weights alone, with a config by its name or file', () =>
    inFolder(async (folder) => {
      const own = await maskRCNN(V2, MMDETECTION);
      await own.savePretrained(folder);
      const weights = join(folder, 'mask-rcnn.safetensors');
      writeFileSync(weights, renamed(new Uint8Array(readFileSync(join(folder, 'model.safetensors'))), MM_TWO_STAGE));
      const config = join(folder, 'mine.json');
      writeFileSync(config, JSON.stringify(own.config));
      const again = await MaskRCNN.fromPretrained(weights, { config, strict: 'all' });
      const picture = noise(40, 50);
      expect(again.detect([picture])).to.deep.equal(own.detect([picture]));
      tf.dispose(picture);
      own.dispose();
      again.dispose();
      const wrong = { config: 'mask-rcnn_convnextv2-base_fpn_mmdetection', strict: 'body' } as const;
      const { code, problems } = await failure(() => MaskRCNN.fromPretrained(weights, wrong));
      expect(code).to.equal('E_WEIGHTS'); // of another size
      expect(problems).to.deep.include({
        path: `${weights}: "neck.lateral_convs.1.conv.weight"`,
        wanted: 'F32 [256, 256, 1, 1]',
        got: 'F32 [4, 5, 1, 1]',
      });
      const unknown = { config: 'mask-rcnn_convnextv2-base_fpn_mmdetecton' };
      expect((await failure(() => MaskRCNN.fromPretrained(weights, unknown))).message).to.match(
        /did you mean "mask-rcnn_convnextv2-base_fpn_mmdetection"/,
      );
    }));

  it('say what is missing, and what was probably meant', () =>
    inFolder(async (folder) => {
      const own = await fasterRCNN(V2);
      await own.savePretrained(folder);
      own.dispose();
      const file = join(folder, 'model.safetensors');
      const names = { ...MM_TWO_STAGE, 'rpn.head.bbox_pred': 'rpn.head.bbox_prde' };
      writeFileSync(file, renamed(new Uint8Array(readFileSync(file)), names));
      const { code, message } = await failure(() => FasterRCNN.fromPretrained(folder));
      expect(code).to.equal('E_WEIGHTS');
      expect(message).to.match(/"rpn\.head\.bbox_pred\.weight".*did you mean "rpn\.head\.bbox_prde\.weight"/);
      const asked = await failure(() => FasterRCNN.fromPretrained(folder, { format: 'torchvison' }));
      expect(asked.message).to.match(/wanted one of mm, torchvision, .*did you mean "torchvision"/);
    }));
});
