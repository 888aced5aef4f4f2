// Made from configs/schemas/ by `npm run types`.

/**
 * The config.json of a ConvNeXt V2 model, with Hugging Face's keys. Every key may be absent: its default then applies.
 */
export interface ConvNextV2ConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'convnextv2';
  /**
   * Channels of the input pictures: 3 for RGB, 1 for gray.
   */
  num_channels?: number;
  /**
   * Kernel and stride of the stem's convolution, in pixels.
   */
  patch_size?: number;
  /**
   * How many stages follow the stem: as many as depths and hidden_sizes have entries.
   */
  num_stages?: number;
  /**
   * Channels of each stage, shallow to deep; null means the default. The stem has as many as the first.
   *
   * @minItems 1
   * @maxItems 64
   */
  hidden_sizes?: number[] | null;
  /**
   * Blocks in each stage, shallow to deep; null means the default.
   *
   * @minItems 1
   * @maxItems 64
   */
  depths?: number[] | null;
  /**
   * The activation inside the blocks. gelu is the exact form, gelu_new the one with a hyperbolic tangent.
   */
  hidden_act?: 'gelu' | 'relu' | 'selu' | 'gelu_new';
  /**
   * Standard deviation of the truncated normal distribution that new weights are drawn from.
   */
  initializer_range?: number;
  /**
   * Epsilon of the layer norm after global pooling. All other layer norms have norm_eps.
   */
  layer_norm_eps?: number;
  /**
   * Epsilon of all layer norms but the one after global pooling.
   */
  norm_eps?: number;
  /**
   * Whether the last map is normalized before global pooling, as in timm with head_norm_first, and not the pooled features.
   */
  head_norm_first?: boolean;
  /**
   * Width of a hidden layer, linear with GELU, before the classifier, as in timm; 0 means none.
   */
  head_hidden_size?: number;
  /**
   * Whether the first stage halves the map, too, as in timm with patches of 2 pixels.
   */
  downsample_first?: boolean;
  /**
   * Probability of skipping the last block in training (stochastic depth); it rises linearly from 0 at the first.
   */
  drop_path_rate?: number;
  /**
   * Side of the pictures that the model was trained on, or their [height, width], in pixels. Other sizes work as well.
   *
   * @minItems 2
   * @maxItems 2
   */
  image_size?: number | number[];
  /**
   * Whether each map of a backbone has a norm, as in transformers and OpenMMLab, or is as it is, as in torchvision and timm.
   */
  output_norms?: 'layer' | 'none';
  /**
   * Names of the stages whose feature maps a backbone gives, in order: stem, stage1, stage2, ... Absent or null: those of out_indices, else the last stage.
   */
  out_features?: unknown;
  /**
   * The same by index: 0 is the stem, 1 the first stage, -1 the last. Absent or null: those of out_features.
   */
  out_indices?: unknown;
  /**
   * The names that out_features may hold. They follow from depths, whatever stands here.
   */
  stage_names?: string[] | null;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
  /**
   * Which loss the classifier is trained with. Absent or null: it follows from the labels.
   */
  problem_type?: 'regression' | 'single_label_classification' | 'multi_label_classification' | null;
  /**
   * Names of the model classes that the weights belong to.
   */
  architectures?: string[] | null;
  /**
   * Type of the stored weights, as older versions of transformers name the key. They are computed with in float32.
   */
  torch_dtype?: string | null;
  /**
   * Type of the stored weights. They are computed with in float32.
   */
  dtype?: string | null;
  /**
   * The version of transformers that wrote the file.
   */
  transformers_version?: string | null;
  /**
   * Where the model came from.
   */
  _name_or_path?: string | null;
  /**
   * What the model was fine-tuned for.
   */
  finetuning_task?: string | null;
  /**
   * Whether hidden states are given where a call does not say.
   */
  output_hidden_states?: boolean | null;
  /**
   * Whether the reference returns named outputs. Here they always have names.
   */
  return_dict?: boolean | null;
}

/**
 * The config.json of a ConvNeXt model, version 1, with Hugging Face's keys: those of ConvNeXt V2, and the layer scale.
 */
export interface ConvNextConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'convnext';
  /**
   * Channels of the input pictures: 3 for RGB, 1 for gray.
   */
  num_channels?: number;
  /**
   * Kernel and stride of the stem's convolution, in pixels.
   */
  patch_size?: number;
  /**
   * How many stages follow the stem: as many as depths and hidden_sizes have entries.
   */
  num_stages?: number;
  /**
   * Channels of each stage, shallow to deep; null means the default. The stem has as many as the first.
   *
   * @minItems 1
   * @maxItems 64
   */
  hidden_sizes?: number[] | null;
  /**
   * Blocks in each stage, shallow to deep; null means the default.
   *
   * @minItems 1
   * @maxItems 64
   */
  depths?: number[] | null;
  /**
   * The activation inside the blocks. gelu is the exact form, gelu_new the one with a hyperbolic tangent.
   */
  hidden_act?: 'gelu' | 'relu' | 'selu' | 'gelu_new';
  /**
   * Standard deviation of the truncated normal distribution that new weights are drawn from.
   */
  initializer_range?: number;
  /**
   * Epsilon of the layer norm after global pooling. All other layer norms have norm_eps.
   */
  layer_norm_eps?: number;
  /**
   * What the layer scale of a new model starts at; 0 leaves the layer scale out.
   */
  layer_scale_init_value?: number;
  /**
   * Epsilon of all layer norms but the one after global pooling.
   */
  norm_eps?: number;
  /**
   * Whether the last map is normalized before global pooling, as in timm with head_norm_first, and not the pooled features.
   */
  head_norm_first?: boolean;
  /**
   * Width of a hidden layer, linear with GELU, before the classifier, as in timm; 0 means none.
   */
  head_hidden_size?: number;
  /**
   * Whether the first stage halves the map, too, as in timm with patches of 2 pixels.
   */
  downsample_first?: boolean;
  /**
   * Probability of skipping the last block in training (stochastic depth); it rises linearly from 0 at the first.
   */
  drop_path_rate?: number;
  /**
   * Side of the pictures that the model was trained on, or their [height, width], in pixels. Other sizes work as well.
   *
   * @minItems 2
   * @maxItems 2
   */
  image_size?: number | number[];
  /**
   * Whether each map of a backbone has a norm, as in transformers and OpenMMLab, or is as it is, as in torchvision and timm.
   */
  output_norms?: 'layer' | 'none';
  /**
   * Names of the stages whose feature maps a backbone gives, in order: stem, stage1, stage2, ... Absent or null: those of out_indices, else the last stage.
   */
  out_features?: unknown;
  /**
   * The same by index: 0 is the stem, 1 the first stage, -1 the last. Absent or null: those of out_features.
   */
  out_indices?: unknown;
  /**
   * The names that out_features may hold. They follow from depths, whatever stands here.
   */
  stage_names?: string[] | null;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
  /**
   * Which loss the classifier is trained with. Absent or null: it follows from the labels.
   */
  problem_type?: 'regression' | 'single_label_classification' | 'multi_label_classification' | null;
  /**
   * Names of the model classes that the weights belong to.
   */
  architectures?: string[] | null;
  /**
   * Type of the stored weights, as older versions of transformers name the key. They are computed with in float32.
   */
  torch_dtype?: string | null;
  /**
   * Type of the stored weights. They are computed with in float32.
   */
  dtype?: string | null;
  /**
   * The version of transformers that wrote the file.
   */
  transformers_version?: string | null;
  /**
   * Where the model came from.
   */
  _name_or_path?: string | null;
  /**
   * What the model was fine-tuned for.
   */
  finetuning_task?: string | null;
  /**
   * Whether hidden states are given where a call does not say.
   */
  output_hidden_states?: boolean | null;
  /**
   * Whether the reference returns named outputs. Here they always have names.
   */
  return_dict?: boolean | null;
}

/**
 * The config.json of an UperNet segmenter, with Hugging Face's keys: its backbone, and the heads on it.
 */
export interface UperNetConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'upernet';
  /**
   * The config of the backbone, as its own config.json would hold it, or the name of one that ships with the package. Without out_features and out_indices it gives its last four stages.
   */
  backbone_config?:
    | {
        [k: string]: unknown;
      }
    | string;
  /**
   * Channels inside the head.
   */
  hidden_size?: number;
  /**
   * The last map is averaged over so many rows and columns of cells, once for each of these.
   *
   * @minItems 1
   * @maxItems 64
   */
  pool_scales?: number[];
  /**
   * Whether there is a second head, on the third map, that takes part in training alone.
   */
  use_auxiliary_head?: boolean;
  /**
   * What the loss of the second head is multiplied by.
   */
  auxiliary_loss_weight?: number;
  /**
   * Channels of the map that the second head takes. They follow from the backbone; another number is an error.
   */
  auxiliary_in_channels?: number | null;
  /**
   * Channels inside the second head.
   */
  auxiliary_channels?: number;
  /**
   * Convolutions of the second head.
   */
  auxiliary_num_convs?: number;
  /**
   * Whether the second head takes its own input again beside what its convolutions made of it.
   */
  auxiliary_concat_input?: boolean;
  /**
   * Pixels of this label count for nothing in the loss.
   */
  loss_ignore_index?: number;
  /**
   * Standard deviation of the truncated normal distribution that new weights are drawn from.
   */
  initializer_range?: number;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
  /**
   * Names of the model classes that the weights belong to.
   */
  architectures?: string[] | null;
  /**
   * Type of the stored weights, as older versions of transformers name the key. They are computed with in float32.
   */
  torch_dtype?: string | null;
  /**
   * Type of the stored weights. They are computed with in float32.
   */
  dtype?: string | null;
  /**
   * The version of transformers that wrote the file.
   */
  transformers_version?: string | null;
  /**
   * Where the model came from.
   */
  _name_or_path?: string | null;
  /**
   * Whether hidden states are given where a call does not say.
   */
  output_hidden_states?: boolean | null;
  /**
   * Whether the reference returns named outputs. Here they always have names.
   */
  return_dict?: boolean | null;
}

/**
 * The config.json of a Faster R-CNN: its backbone, its classes, and torchvision's settings under torchvision's names, with what mmdetection does otherwise as settings of their own.
 */
export interface FasterRCNNConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'faster-rcnn';
  /**
   * The config of the backbone, as its own config.json would hold it, or the name of one that ships with the package. Without out_features and out_indices it gives its last stages, as many as anchor_sizes has lists for.
   */
  backbone_config?:
    | {
        [k: string]: unknown;
      }
    | string;
  /**
   * The shorter side of a resized picture, in pixels, unless the longer one would exceed max_size.
   */
  min_size?: number;
  /**
   * The longer side of a resized picture is at most this, in pixels.
   */
  max_size?: number;
  /**
   * Batches are padded with zeros to a multiple of it.
   */
  size_divisible?: number;
  /**
   * Subtracted from each channel of pictures of values from 0 to 1.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_mean?: number[];
  /**
   * What each channel is then divided by.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_std?: number[];
  /**
   * Channels of the pyramid.
   */
  out_channels?: number;
  /**
   * Levels of the pyramid after that of the backbone's last map: every second cell of it, or two by convolutions, the first of them from the backbone's last map (C5) or from its level (P5).
   */
  extra_levels?: 'none' | 'max-pool' | 'p6p7-from-c5' | 'p6p7-from-p5';
  /**
   * What P7 is made from: P6 after a ReLU (torchvision, and FCOS of mmdetection), or as it is (RetinaNet of mmdetection).
   */
  extra_levels_activation?: 'relu' | 'linear';
  /**
   * Sides of the anchors of each level, in pixels: a list for each level, all of one length.
   *
   * @minItems 1
   * @maxItems 64
   */
  anchor_sizes?: number[][];
  /**
   * Heights over widths of the anchors of every cell.
   *
   * @minItems 1
   * @maxItems 64
   */
  aspect_ratios?: number[];
  /**
   * Corners of anchors: whole pixels, as torchvision has them, or as they come, as mmdetection.
   */
  anchor_rounding?: 'whole' | 'none';
  /**
   * The pixels from anchor to anchor: the padded picture's size over the map's, as torchvision has it, or the level's stride, as mmdetection.
   */
  anchor_strides?: 'grid' | 'level';
  /**
   * How much a box may grow is bounded, as torchvision has it, or shrink as well, as mmdetection.
   */
  box_clamp?: 'above' | 'both';
  /**
   * The 3x3 convolutions of the proposals' head.
   */
  rpn_conv_depth?: number;
  /**
   * How many anchors of each level suppression looks at, in training.
   */
  rpn_pre_nms_top_n_train?: number;
  /**
   * The same in inference.
   */
  rpn_pre_nms_top_n_test?: number;
  /**
   * How many proposals of a picture are left, in training.
   */
  rpn_post_nms_top_n_train?: number;
  /**
   * The same in inference.
   */
  rpn_post_nms_top_n_test?: number;
  /**
   * Proposals that overlap a better one of their level by more are dropped.
   */
  rpn_nms_thresh?: number;
  /**
   * The least side of a proposal, in pixels; 0 for any with an area, as mmdetection.
   */
  rpn_min_size?: number;
  /**
   * The least score of a proposal.
   */
  rpn_score_thresh?: number;
  /**
   * Anchors that overlap an object by this or more are to find it.
   */
  rpn_fg_iou_thresh?: number;
  /**
   * Anchors that overlap every object by less are to find nothing.
   */
  rpn_bg_iou_thresh?: number;
  /**
   * How many anchors of a picture the loss is taken over.
   */
  rpn_batch_size_per_image?: number;
  /**
   * The most of them that find an object.
   */
  rpn_positive_fraction?: number;
  /**
   * Where the loss of boxes turns from squares to absolute values; 0 for absolute values alone, as mmdetection has it.
   */
  rpn_loss_beta?: number;
  /**
   * Where the centres of a map's cells lie for RoIAlign: on whole numbers, as torchvision has them, or on halves, as mmdetection.
   */
  roi_centres?: 'whole' | 'half-pixel';
  /**
   * RoIAlign's samples along each side of a cell; 0 for as many as it spans cells of the map, as mmdetection has it.
   */
  roi_sampling_ratio?: number;
  /**
   * Whose rounding chooses the level that a box is read from.
   */
  roi_level_rule?: 'torchvision' | 'mmdetection';
  /**
   * Cells of a map per pixel: inferred from the sizes of maps and pictures, as torchvision does, or of the level's stride, as mmdetection.
   */
  roi_scales?: 'inferred' | 'level';
  /**
   * Cells along each side of what is pooled for a box.
   */
  box_pool_size?: number;
  /**
   * Channels inside the box head.
   */
  representation_size?: number;
  /**
   * What the changes of a box are multiplied by: of its centre's x and y, of its width and height.
   *
   * @minItems 4
   * @maxItems 4
   */
  bbox_reg_weights?: number[];
  /**
   * Whether each class has a box of its own.
   */
  box_regression?: 'per-class' | 'class-agnostic';
  /**
   * The label that is no class: 0, counted among the labels, as torchvision has it, or the one after the last, as mmdetection.
   */
  background?: 'first' | 'last';
  /**
   * Only what scores above it is found.
   */
  box_score_thresh?: number;
  /**
   * Whether boxes that overlap a better one are dropped or lose of their score (soft-NMS, linear).
   */
  box_nms?: 'hard' | 'soft';
  /**
   * By how much they have to overlap.
   */
  box_nms_thresh?: number;
  /**
   * How many objects of a picture are found at most.
   */
  box_detections_per_img?: number;
  /**
   * The least side of what is found, in pixels.
   */
  box_min_size?: number;
  /**
   * Proposals that overlap an object by this or more are to be it.
   */
  box_fg_iou_thresh?: number;
  /**
   * Proposals that overlap every object by less are to be background.
   */
  box_bg_iou_thresh?: number;
  /**
   * How many proposals of a picture the loss is taken over.
   */
  box_batch_size_per_image?: number;
  /**
   * The most of them that are objects.
   */
  box_positive_fraction?: number;
  /**
   * Where the loss of boxes turns from squares to absolute values; 0 for absolute values alone, as mmdetection has it.
   */
  box_loss_beta?: number;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
}

/**
 * The config.json of a Mask R-CNN: its backbone, its classes, and torchvision's settings under torchvision's names, with what mmdetection does otherwise as settings of their own.
 */
export interface MaskRCNNConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'mask-rcnn';
  /**
   * The config of the backbone, as its own config.json would hold it, or the name of one that ships with the package. Without out_features and out_indices it gives its last stages, as many as anchor_sizes has lists for.
   */
  backbone_config?:
    | {
        [k: string]: unknown;
      }
    | string;
  /**
   * The shorter side of a resized picture, in pixels, unless the longer one would exceed max_size.
   */
  min_size?: number;
  /**
   * The longer side of a resized picture is at most this, in pixels.
   */
  max_size?: number;
  /**
   * Batches are padded with zeros to a multiple of it.
   */
  size_divisible?: number;
  /**
   * Subtracted from each channel of pictures of values from 0 to 1.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_mean?: number[];
  /**
   * What each channel is then divided by.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_std?: number[];
  /**
   * Channels of the pyramid.
   */
  out_channels?: number;
  /**
   * Levels of the pyramid after that of the backbone's last map: every second cell of it, or two by convolutions, the first of them from the backbone's last map (C5) or from its level (P5).
   */
  extra_levels?: 'none' | 'max-pool' | 'p6p7-from-c5' | 'p6p7-from-p5';
  /**
   * What P7 is made from: P6 after a ReLU (torchvision, and FCOS of mmdetection), or as it is (RetinaNet of mmdetection).
   */
  extra_levels_activation?: 'relu' | 'linear';
  /**
   * Sides of the anchors of each level, in pixels: a list for each level, all of one length.
   *
   * @minItems 1
   * @maxItems 64
   */
  anchor_sizes?: number[][];
  /**
   * Heights over widths of the anchors of every cell.
   *
   * @minItems 1
   * @maxItems 64
   */
  aspect_ratios?: number[];
  /**
   * Corners of anchors: whole pixels, as torchvision has them, or as they come, as mmdetection.
   */
  anchor_rounding?: 'whole' | 'none';
  /**
   * The pixels from anchor to anchor: the padded picture's size over the map's, as torchvision has it, or the level's stride, as mmdetection.
   */
  anchor_strides?: 'grid' | 'level';
  /**
   * How much a box may grow is bounded, as torchvision has it, or shrink as well, as mmdetection.
   */
  box_clamp?: 'above' | 'both';
  /**
   * The 3x3 convolutions of the proposals' head.
   */
  rpn_conv_depth?: number;
  /**
   * How many anchors of each level suppression looks at, in training.
   */
  rpn_pre_nms_top_n_train?: number;
  /**
   * The same in inference.
   */
  rpn_pre_nms_top_n_test?: number;
  /**
   * How many proposals of a picture are left, in training.
   */
  rpn_post_nms_top_n_train?: number;
  /**
   * The same in inference.
   */
  rpn_post_nms_top_n_test?: number;
  /**
   * Proposals that overlap a better one of their level by more are dropped.
   */
  rpn_nms_thresh?: number;
  /**
   * The least side of a proposal, in pixels; 0 for any with an area, as mmdetection.
   */
  rpn_min_size?: number;
  /**
   * The least score of a proposal.
   */
  rpn_score_thresh?: number;
  /**
   * Anchors that overlap an object by this or more are to find it.
   */
  rpn_fg_iou_thresh?: number;
  /**
   * Anchors that overlap every object by less are to find nothing.
   */
  rpn_bg_iou_thresh?: number;
  /**
   * How many anchors of a picture the loss is taken over.
   */
  rpn_batch_size_per_image?: number;
  /**
   * The most of them that find an object.
   */
  rpn_positive_fraction?: number;
  /**
   * Where the loss of boxes turns from squares to absolute values; 0 for absolute values alone, as mmdetection has it.
   */
  rpn_loss_beta?: number;
  /**
   * Where the centres of a map's cells lie for RoIAlign: on whole numbers, as torchvision has them, or on halves, as mmdetection.
   */
  roi_centres?: 'whole' | 'half-pixel';
  /**
   * RoIAlign's samples along each side of a cell; 0 for as many as it spans cells of the map, as mmdetection has it.
   */
  roi_sampling_ratio?: number;
  /**
   * Whose rounding chooses the level that a box is read from.
   */
  roi_level_rule?: 'torchvision' | 'mmdetection';
  /**
   * Cells of a map per pixel: inferred from the sizes of maps and pictures, as torchvision does, or of the level's stride, as mmdetection.
   */
  roi_scales?: 'inferred' | 'level';
  /**
   * Cells along each side of what is pooled for a box.
   */
  box_pool_size?: number;
  /**
   * Channels inside the box head.
   */
  representation_size?: number;
  /**
   * What the changes of a box are multiplied by: of its centre's x and y, of its width and height.
   *
   * @minItems 4
   * @maxItems 4
   */
  bbox_reg_weights?: number[];
  /**
   * Whether each class has a box of its own.
   */
  box_regression?: 'per-class' | 'class-agnostic';
  /**
   * The label that is no class: 0, counted among the labels, as torchvision has it, or the one after the last, as mmdetection.
   */
  background?: 'first' | 'last';
  /**
   * Only what scores above it is found.
   */
  box_score_thresh?: number;
  /**
   * Whether boxes that overlap a better one are dropped or lose of their score (soft-NMS, linear).
   */
  box_nms?: 'hard' | 'soft';
  /**
   * By how much they have to overlap.
   */
  box_nms_thresh?: number;
  /**
   * How many objects of a picture are found at most.
   */
  box_detections_per_img?: number;
  /**
   * The least side of what is found, in pixels.
   */
  box_min_size?: number;
  /**
   * Proposals that overlap an object by this or more are to be it.
   */
  box_fg_iou_thresh?: number;
  /**
   * Proposals that overlap every object by less are to be background.
   */
  box_bg_iou_thresh?: number;
  /**
   * How many proposals of a picture the loss is taken over.
   */
  box_batch_size_per_image?: number;
  /**
   * The most of them that are objects.
   */
  box_positive_fraction?: number;
  /**
   * Where the loss of boxes turns from squares to absolute values; 0 for absolute values alone, as mmdetection has it.
   */
  box_loss_beta?: number;
  /**
   * Cells along each side of what is pooled for a mask; the mask has twice as many.
   */
  mask_pool_size?: number;
  /**
   * Channels of the mask head's 3x3 convolutions.
   *
   * @minItems 0
   * @maxItems 64
   */
  mask_layers?: number[];
  /**
   * Channels after the upsampling.
   */
  mask_dim_reduced?: number;
  /**
   * How a mask is laid into its box: cut to whole pixels, as torchvision does, or at the centre of each pixel, as mmdetection.
   */
  mask_paste?: 'whole-box' | 'pixel-centres';
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
}

/**
 * The config.json of a RetinaNet: its backbone, its classes, and torchvision's settings under torchvision's names, with what mmdetection does otherwise as settings of their own.
 */
export interface RetinaNetConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'retinanet';
  /**
   * The config of the backbone, as its own config.json would hold it, or the name of one that ships with the package. Without out_features and out_indices it gives its last stages, as many as anchor_sizes has lists for.
   */
  backbone_config?:
    | {
        [k: string]: unknown;
      }
    | string;
  /**
   * The shorter side of a resized picture, in pixels, unless the longer one would exceed max_size.
   */
  min_size?: number;
  /**
   * The longer side of a resized picture is at most this, in pixels.
   */
  max_size?: number;
  /**
   * Batches are padded with zeros to a multiple of it.
   */
  size_divisible?: number;
  /**
   * Subtracted from each channel of pictures of values from 0 to 1.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_mean?: number[];
  /**
   * What each channel is then divided by.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_std?: number[];
  /**
   * Channels of the pyramid.
   */
  out_channels?: number;
  /**
   * Levels of the pyramid after that of the backbone's last map: every second cell of it, or two by convolutions, the first of them from the backbone's last map (C5) or from its level (P5).
   */
  extra_levels?: 'none' | 'max-pool' | 'p6p7-from-c5' | 'p6p7-from-p5';
  /**
   * What P7 is made from: P6 after a ReLU (torchvision, and FCOS of mmdetection), or as it is (RetinaNet of mmdetection).
   */
  extra_levels_activation?: 'relu' | 'linear';
  /**
   * Sides of the anchors of each level, in pixels: a list for each level, all of one length.
   *
   * @minItems 1
   * @maxItems 64
   */
  anchor_sizes?: number[][];
  /**
   * Heights over widths of the anchors of every cell.
   *
   * @minItems 1
   * @maxItems 64
   */
  aspect_ratios?: number[];
  /**
   * Corners of anchors: whole pixels, as torchvision has them, or as they come, as mmdetection.
   */
  anchor_rounding?: 'whole' | 'none';
  /**
   * The pixels from anchor to anchor: the padded picture's size over the map's, as torchvision has it, or the level's stride, as mmdetection.
   */
  anchor_strides?: 'grid' | 'level';
  /**
   * How much a box may grow is bounded, as torchvision has it, or shrink as well, as mmdetection.
   */
  box_clamp?: 'above' | 'both';
  /**
   * The 3x3 convolutions of each head.
   */
  num_convs?: number;
  /**
   * Only what scores above it is found.
   */
  score_thresh?: number;
  /**
   * Boxes that overlap a better one of their class by more are dropped.
   */
  nms_thresh?: number;
  /**
   * How many objects of a picture are found at most.
   */
  detections_per_img?: number;
  /**
   * How many candidates of each level suppression looks at.
   */
  topk_candidates?: number;
  /**
   * Anchors that overlap an object by this or more are to find it.
   */
  fg_iou_thresh?: number;
  /**
   * Anchors that overlap every object by less are to find nothing.
   */
  bg_iou_thresh?: number;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
}

/**
 * The config.json of an FCOS: its backbone, its classes, and torchvision's settings under torchvision's names, with what mmdetection does otherwise as settings of their own.
 */
export interface FCOSConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The kind of model.
   */
  model_type?: 'fcos';
  /**
   * The config of the backbone, as its own config.json would hold it, or the name of one that ships with the package. Without out_features and out_indices it gives its last stages, as many as anchor_sizes has lists for.
   */
  backbone_config?:
    | {
        [k: string]: unknown;
      }
    | string;
  /**
   * The shorter side of a resized picture, in pixels, unless the longer one would exceed max_size.
   */
  min_size?: number;
  /**
   * The longer side of a resized picture is at most this, in pixels.
   */
  max_size?: number;
  /**
   * Batches are padded with zeros to a multiple of it.
   */
  size_divisible?: number;
  /**
   * Subtracted from each channel of pictures of values from 0 to 1.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_mean?: number[];
  /**
   * What each channel is then divided by.
   *
   * @minItems 1
   * @maxItems 64
   */
  image_std?: number[];
  /**
   * Channels of the pyramid.
   */
  out_channels?: number;
  /**
   * Levels of the pyramid after that of the backbone's last map: every second cell of it, or two by convolutions, the first of them from the backbone's last map (C5) or from its level (P5).
   */
  extra_levels?: 'none' | 'max-pool' | 'p6p7-from-c5' | 'p6p7-from-p5';
  /**
   * What P7 is made from: P6 after a ReLU (torchvision, and FCOS of mmdetection), or as it is (RetinaNet of mmdetection).
   */
  extra_levels_activation?: 'relu' | 'linear';
  /**
   * Sides of the anchors of each level, in pixels: a list for each level, all of one length.
   *
   * @minItems 1
   * @maxItems 64
   */
  anchor_sizes?: number[][];
  /**
   * Heights over widths of the anchors of every cell.
   *
   * @minItems 1
   * @maxItems 64
   */
  aspect_ratios?: number[];
  /**
   * Corners of anchors: whole pixels, as torchvision has them, or as they come, as mmdetection.
   */
  anchor_rounding?: 'whole' | 'none';
  /**
   * The pixels from anchor to anchor: the padded picture's size over the map's, as torchvision has it, or the level's stride, as mmdetection.
   */
  anchor_strides?: 'grid' | 'level';
  /**
   * How much a box may grow is bounded, as torchvision has it, or shrink as well, as mmdetection.
   */
  box_clamp?: 'above' | 'both';
  /**
   * The 3x3 convolutions of each head.
   */
  num_convs?: number;
  /**
   * Only what scores above it is found.
   */
  score_thresh?: number;
  /**
   * Boxes that overlap a better one of their class by more are dropped.
   */
  nms_thresh?: number;
  /**
   * How many objects of a picture are found at most.
   */
  detections_per_img?: number;
  /**
   * How many candidates of each level suppression looks at.
   */
  topk_candidates?: number;
  /**
   * How far from an object's centre a cell may lie to find it, in sides of its anchor.
   */
  center_sampling_radius?: number;
  /**
   * Names of the classes by their index. Their number is the number of logits; {} means no classifier; absent or null, num_labels counts.
   */
  id2label?: {
    [k: string]: string;
  } | null;
  /**
   * Indices of the classes by their name. Absent or null: they follow from id2label.
   */
  label2id?: {
    /**
     * an index in digits
     */
    [k: string]: number | string;
  } | null;
  /**
   * Number of classes, where id2label does not name them: they are then LABEL_0, LABEL_1, ...
   */
  num_labels?: number | null;
}

export type Pixels = number | null;

/**
 * The preprocessor_config.json of a ConvNeXt classifier or an UperNet segmenter, with Hugging Face's keys: how a picture becomes the model's input.
 */
export interface PreprocessorConfigFile {
  /**
   * Where an editor finds this schema.
   */
  $schema?: string;
  /**
   * The class of the reference that reads this file.
   */
  image_processor_type?: string | null;
  /**
   * The same, as older versions of transformers name the key.
   */
  feature_extractor_type?: string | null;
  /**
   * The class of the reference that goes with the model in tasks of several media.
   */
  processor_class?: string | null;
  /**
   * Whether pictures that are not RGB are converted first: alpha is laid onto white, gray is repeated.
   */
  do_convert_rgb?: boolean | null;
  /**
   * Whether pictures are resized.
   */
  do_resize?: boolean | null;
  /**
   * What to resize to, in pixels. Below 384, the shortest edge becomes shortest_edge / crop_pct and the middle is cut out; from 384 on, the picture is squashed to a square.
   */
  size?:
    | {
        shortest_edge?: Pixels;
        longest_edge?: Pixels;
        height?: Pixels;
        width?: Pixels;
      }
    | number
    | null;
  /**
   * How much of the resized picture's side is kept where size is below 384; null means the default.
   */
  crop_pct?: number | null;
  /**
   * Resizes and crops as timm does, whatever the size: center fills the size and cuts out the middle, squash does not keep the ratio of the sides, border fits the whole picture in and fills with image_mean. size may then be a height and a width. Absent or null: as transformers does. A key of this package.
   */
  crop_mode?: 'center' | 'squash' | 'border' | null;
  /**
   * PIL's number of the filter: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming.
   */
  resample?: 0 | 1 | 2 | 3 | 4 | 5 | null;
  /**
   * Whether the middle is cut out after resizing, to crop_size.
   */
  do_center_crop?: boolean | null;
  /**
   * What do_center_crop leaves, in pixels: a height and a width, or one number for both.
   */
  crop_size?:
    | {
        shortest_edge?: Pixels;
        longest_edge?: Pixels;
        height?: Pixels;
        width?: Pixels;
      }
    | number
    | null;
  /**
   * Whether values are multiplied by rescale_factor.
   */
  do_rescale?: boolean | null;
  /**
   * What values from 0 to 255 are multiplied by.
   */
  rescale_factor?: number | null;
  /**
   * Whether image_mean is subtracted and the rest divided by image_std.
   */
  do_normalize?: boolean | null;
  /**
   * The mean of each channel, or one for all, after rescaling.
   *
   * @minItems 1
   * @maxItems 65536
   */
  image_mean?: number[] | number | null;
  /**
   * The standard deviation of each channel, or one for all, after rescaling.
   *
   * @minItems 1
   * @maxItems 65536
   */
  image_std?: number[] | number | null;
  /**
   * Whether label maps hold 0 for no class and one more than the index for every class. A segmenter's key.
   */
  do_reduce_labels?: boolean | null;
  /**
   * The same, as older versions of transformers name the key.
   */
  reduce_labels?: boolean | null;
  /**
   * A key that newer versions of transformers write for every processor. Nothing is padded here.
   */
  do_pad?: false | null;
  /**
   * Goes with do_pad.
   */
  pad_size?: null;
  /**
   * How the reference reads a size that is one number. Here it is the shortest edge.
   */
  default_to_square?: boolean | null;
  /**
   * Order of the axes of what the reference returns. Here the model decides.
   */
  data_format?: 'channels_first' | 'channels_last' | null;
  /**
   * Order of the axes of what the reference is given. Here pictures are decoded.
   */
  input_data_format?: 'channels_first' | 'channels_last' | null;
  /**
   * Where the reference computes.
   */
  device?: string | null;
  /**
   * What the reference returns.
   */
  return_tensors?: string | null;
  /**
   * Whether the reference processes pictures one by one.
   */
  disable_grouping?: boolean | null;
}
