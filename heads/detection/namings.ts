import type { CheckpointForms, Naming, RenamedTensor, StoredTensor } from '../../src/contracts.js';

/** From another's names to ours, which are torchvision's: the first row that fits wins. */
type Rows = readonly (readonly [other: RegExp, own: string | ((...found: string[]) => string)])[];

/** What a checkpoint's names become by these rows; what no row fits is left out. */
function rename(tensors: ReadonlyMap<string, StoredTensor>, rows: Rows): ReadonlyMap<string, RenamedTensor> {
  const renamed = new Map<string, RenamedTensor>();
  for (const name of tensors.keys()) {
    const row = rows.find(([other]) => other.test(name));
    if (row) renamed.set(name, { name: name.replace(row[0], row[1] as string) });
  }
  return renamed;
}

/** torchvision's own names, and those of its older and all its published files, which it translates as well. */
function torchvision(older: Rows): Naming {
  return {
    name: 'torchvision',
    read: (tensors) =>
      [...tensors.keys()].some((name) => name.startsWith('backbone.fpn.'))
        ? rename(tensors, [
            [/^backbone\.fpn\.(inner|layer)_blocks\.(\d+)\.(?=[wb])/, 'backbone.fpn.$1_blocks.$2.0.'],
            ...older,
          ])
        : undefined,
  };
}

/** mmdetection's; its pyramid counts the levels that come after the laterals' on. */
function mm(sign: string, rows: Rows): Naming {
  return {
    name: 'mm',
    backbonePrefix: 'backbone.',
    read(tensors) {
      if (!tensors.has(sign)) return undefined;
      const laterals = [...tensors.keys()].filter((name) =>
        /^neck\.lateral_convs\.\d+\.conv\.weight$/.test(name),
      ).length;
      const output = (_: string, level: string) =>
        Number(level) < laterals
          ? `backbone.fpn.layer_blocks.${level}.0.`
          : `backbone.fpn.extra_blocks.p${Number(level) - laterals + 6}.`;
      return rename(tensors, [
        [/^neck\.lateral_convs\.(\d+)\.conv\./, 'backbone.fpn.inner_blocks.$1.0.'],
        [/^neck\.fpn_convs\.(\d+)\.conv\./, output],
        ...rows,
      ]);
    },
  };
}

const TWO_STAGE: Rows = [
  [/^rpn_head\.rpn_conv\.(?=[wb])/, 'rpn.head.conv.0.0.'],
  [/^rpn_head\.rpn_conv\.(\d+)\.conv\./, 'rpn.head.conv.$1.0.'],
  [/^rpn_head\.rpn_cls\./, 'rpn.head.cls_logits.'],
  [/^rpn_head\.rpn_reg\./, 'rpn.head.bbox_pred.'],
  [/^roi_head\.bbox_head\.shared_fcs\.0\./, 'roi_heads.box_head.fc6.'],
  [/^roi_head\.bbox_head\.shared_fcs\.1\./, 'roi_heads.box_head.fc7.'],
  [/^roi_head\.bbox_head\.fc_cls\./, 'roi_heads.box_predictor.cls_score.'],
  [/^roi_head\.bbox_head\.fc_reg\./, 'roi_heads.box_predictor.bbox_pred.'],
  [/^roi_head\.mask_head\.convs\.(\d+)\.conv\./, 'roi_heads.mask_head.$1.0.'],
  [/^roi_head\.mask_head\.upsample\./, 'roi_heads.mask_predictor.conv5_mask.'],
  [/^roi_head\.mask_head\.conv_logits\./, 'roi_heads.mask_predictor.mask_fcn_logits.'],
];

/** Of Faster and Mask R-CNN. */
export const RCNN_CHECKPOINTS: CheckpointForms = {
  backbonePrefix: 'backbone.body.',
  namings: [
    mm('rpn_head.rpn_cls.weight', TWO_STAGE),
    torchvision([
      [/^rpn\.head\.conv\.(?=[wb])/, 'rpn.head.conv.0.0.'],
      [/^roi_heads\.mask_head\.mask_fcn(\d+)\./, (_, place) => `roi_heads.mask_head.${Number(place) - 1}.0.`],
    ]),
  ],
};

export const RETINANET_CHECKPOINTS: CheckpointForms = {
  backbonePrefix: 'backbone.body.',
  namings: [
    mm('bbox_head.retina_cls.weight', [
      [/^bbox_head\.cls_convs\.(\d+)\.conv\./, 'head.classification_head.conv.$1.0.'],
      [/^bbox_head\.reg_convs\.(\d+)\.conv\./, 'head.regression_head.conv.$1.0.'],
      [/^bbox_head\.retina_cls\./, 'head.classification_head.cls_logits.'],
      [/^bbox_head\.retina_reg\./, 'head.regression_head.bbox_reg.'],
    ]),
    // the ReLU between two convolutions had a number, too
    torchvision([
      [
        /^head\.(classification|regression)_head\.conv\.(\d+)\.(?=[wb])/,
        (_, head, place) => `head.${head}_head.conv.${Number(place) / 2}.0.`,
      ],
    ]),
  ],
};

export const FCOS_CHECKPOINTS: CheckpointForms = { backbonePrefix: 'backbone.body.', namings: [torchvision([])] };
