import type { LevelRule } from '../../src/boxes/levels.js';
import type { MaskPaste } from '../../src/boxes/paste.js';
import type { ConfigKeys } from '../../src/config/fields.js';
import type { ExtraLevels } from '../fpn/index.js';

/** A setting of a detector: its key in a config file, and what it is where no file says otherwise. */
interface Setting<T> {
  readonly key: string;
  readonly fallback: T;
}

const setting = <T>(key: string, fallback: T): Setting<T> => ({ key, fallback });

/** The settings of a kind of detector, by their names in code. */
export type Table = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table of settings. */
export type SettingsOf<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Setting<infer Value> ? Value : never;
};

/** The keys of a table, by its names. */
export const keysOf = (table: Table): ConfigKeys =>
  Object.fromEntries(Object.entries(table).map(([name, { key }]) => [name, key]));

/** All settings of a table: those given, and what the others fall back to. */
export function settle<T extends Table>(table: T, given: Partial<Record<keyof T, unknown>>): SettingsOf<T> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { fallback }]) => [name, given[name] ?? fallback]),
  ) as SettingsOf<T>;
}

/** ImageNet's, as torchvision has them. */
const MEAN: readonly number[] = [0.485, 0.456, 0.406];
const DEVIATION: readonly number[] = [0.229, 0.224, 0.225];

/** Of every detector. */
const COMMON = {
  /** The shorter side of a resized picture, in pixels. */
  minSize: setting('min_size', 800),
  /** The longer side's bound. */
  maxSize: setting('max_size', 1333),
  /** Batches are padded to a multiple of it. */
  sizeDivisible: setting('size_divisible', 32),
  imageMean: setting('image_mean', MEAN),
  imageStd: setting('image_std', DEVIATION),
  /** What the second of two extra levels is made from: the first after a ReLU (torchvision), or as it is (mmdetection's RetinaNet). */
  extraLevelsActivation: setting<'relu' | 'linear'>('extra_levels_activation', 'relu'),
  /** Channels of the pyramid. */
  outChannels: setting('out_channels', 256),
  /** Heights over widths of the anchors of every level. */
  aspectRatios: setting<readonly number[]>('aspect_ratios', [0.5, 1, 2]),
  /** Corners of anchors: whole pixels (torchvision), or as they come (mmdetection). */
  anchorRounding: setting<'whole' | 'none'>('anchor_rounding', 'whole'),
  /** From anchor to anchor: the padded picture's size over the map's (torchvision), or the level's stride (mmdetection). */
  anchorStrides: setting<'grid' | 'level'>('anchor_strides', 'grid'),
  /** Growth of a box: bounded above (torchvision), or on both sides (mmdetection). */
  boxClamp: setting<'above' | 'both'>('box_clamp', 'above'),
} as const;

/** Faster R-CNN's, named and set as torchvision's. */
export const FASTER_RCNN = {
  ...COMMON,
  extraLevels: setting<ExtraLevels>('extra_levels', 'max-pool'),
  /** Sides of the anchors of each level, in pixels. */
  anchorSizes: setting<readonly (readonly number[])[]>('anchor_sizes', [[32], [64], [128], [256], [512]]),
  rpnConvDepth: setting('rpn_conv_depth', 1),
  rpnPreNmsTopNTrain: setting('rpn_pre_nms_top_n_train', 2000),
  rpnPreNmsTopNTest: setting('rpn_pre_nms_top_n_test', 1000),
  rpnPostNmsTopNTrain: setting('rpn_post_nms_top_n_train', 2000),
  rpnPostNmsTopNTest: setting('rpn_post_nms_top_n_test', 1000),
  rpnNmsThresh: setting('rpn_nms_thresh', 0.7),
  rpnMinSize: setting('rpn_min_size', 1e-3),
  rpnScoreThresh: setting('rpn_score_thresh', 0),
  rpnFgIouThresh: setting('rpn_fg_iou_thresh', 0.7),
  rpnBgIouThresh: setting('rpn_bg_iou_thresh', 0.3),
  rpnBatchSizePerImage: setting('rpn_batch_size_per_image', 256),
  rpnPositiveFraction: setting('rpn_positive_fraction', 0.5),
  /** Where smooth L1 turns from squares to absolute values; 0 for L1 alone (mmdetection). */
  rpnLossBeta: setting('rpn_loss_beta', 1 / 9),
  /** Where the centres of cells lie for RoIAlign: on whole numbers (torchvision), or halves (mmdetection). */
  roiCentres: setting<'whole' | 'half-pixel'>('roi_centres', 'whole'),
  /** Samples along each side of a cell; 0 for as many as it spans (mmdetection). */
  roiSamplingRatio: setting('roi_sampling_ratio', 2),
  roiLevelRule: setting<LevelRule>('roi_level_rule', 'torchvision'),
  /** Cells per pixel: inferred from the sizes of maps and pictures (torchvision), or of the level's stride (mmdetection). */
  roiScales: setting<'inferred' | 'level'>('roi_scales', 'inferred'),
  boxPoolSize: setting('box_pool_size', 7),
  representationSize: setting('representation_size', 1024),
  bboxRegWeights: setting<readonly [number, number, number, number]>('bbox_reg_weights', [10, 10, 5, 5]),
  boxRegression: setting<'per-class' | 'class-agnostic'>('box_regression', 'per-class'),
  /** The label that is no class: 0, counted among the labels (torchvision), or the one after the last (mmdetection). */
  background: setting<'first' | 'last'>('background', 'first'),
  boxScoreThresh: setting('box_score_thresh', 0.05),
  boxNms: setting<'hard' | 'soft'>('box_nms', 'hard'),
  boxNmsThresh: setting('box_nms_thresh', 0.5),
  boxDetectionsPerImg: setting('box_detections_per_img', 100),
  boxMinSize: setting('box_min_size', 1e-2),
  boxFgIouThresh: setting('box_fg_iou_thresh', 0.5),
  boxBgIouThresh: setting('box_bg_iou_thresh', 0.5),
  boxBatchSizePerImage: setting('box_batch_size_per_image', 512),
  boxPositiveFraction: setting('box_positive_fraction', 0.25),
  boxLossBeta: setting('box_loss_beta', 1 / 9),
} as const;

/** Mask R-CNN's. */
export const MASK_RCNN = {
  ...FASTER_RCNN,
  maskPoolSize: setting('mask_pool_size', 14),
  /** Channels of the 3x3 convolutions. */
  maskLayers: setting<readonly number[]>('mask_layers', [256, 256, 256, 256]),
  /** Channels after the upsampling. */
  maskDimReduced: setting('mask_dim_reduced', 256),
  maskPaste: setting<MaskPaste>('mask_paste', 'whole-box'),
} as const;

/** RetinaNet's, named and set as torchvision's. */
export const RETINANET = {
  ...COMMON,
  extraLevels: setting<ExtraLevels>('extra_levels', 'p6p7-from-c5'),
  anchorSizes: setting<readonly (readonly number[])[]>('anchor_sizes', [
    [32, 40, 50],
    [64, 80, 101],
    [128, 161, 203],
    [256, 322, 406],
    [512, 645, 812],
  ]),
  numConvs: setting('num_convs', 4),
  scoreThresh: setting('score_thresh', 0.05),
  nmsThresh: setting('nms_thresh', 0.5),
  detectionsPerImg: setting('detections_per_img', 300),
  topkCandidates: setting('topk_candidates', 1000),
  fgIouThresh: setting('fg_iou_thresh', 0.5),
  bgIouThresh: setting('bg_iou_thresh', 0.4),
} as const;

/** FCOS's, named and set as torchvision's. */
export const FCOS_SETTINGS = {
  ...COMMON,
  aspectRatios: setting<readonly number[]>('aspect_ratios', [1]),
  extraLevels: setting<ExtraLevels>('extra_levels', 'p6p7-from-p5'),
  anchorSizes: setting<readonly (readonly number[])[]>('anchor_sizes', [[8], [16], [32], [64], [128]]),
  numConvs: setting('num_convs', 4),
  scoreThresh: setting('score_thresh', 0.2),
  nmsThresh: setting('nms_thresh', 0.6),
  detectionsPerImg: setting('detections_per_img', 100),
  topkCandidates: setting('topk_candidates', 1000),
  /** How far from a truth's centre a cell may lie to find it, in sides of its anchor. */
  centerSamplingRadius: setting('center_sampling_radius', 1.5),
} as const;

export type CommonSettings = SettingsOf<typeof COMMON> &
  Pick<SettingsOf<typeof RETINANET>, 'extraLevels' | 'anchorSizes'>;
export type FasterRCNNSettings = SettingsOf<typeof FASTER_RCNN>;
export type MaskRCNNSettings = SettingsOf<typeof MASK_RCNN>;
export type RetinaNetSettings = SettingsOf<typeof RETINANET>;
export type FCOSSettings = SettingsOf<typeof FCOS_SETTINGS>;
