import { FROM_CODE, takeFields } from '../../src/config/fields.js';
import { alignSelection } from '../../src/config/selection.js';
import type { CheckpointForms, ConfigOrigin } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import type { Activation, ActivationName } from '../../src/ops/activation.js';
import {
  COMMON_KEYS,
  type ConfigDefinition,
  type OtherKeys,
  PretrainedConfig,
  type PretrainedConfigInit,
} from '../../src/weights/pretrained-config.js';
import { deriveConfig, isOfOtherLayout } from './derive.js';
import { NAMINGS } from './namings.js';
import { timmModelFields } from './timm.js';

/** What a ConvNeXt V2 config is made from; what is left out takes the reference's default. */
export interface ConvNextV2ConfigInit extends PretrainedConfigInit {
  /** Channels of the picture. Default 3. */
  readonly numChannels?: number;
  /** Side of the stem's patches, in pixels. Default 4. */
  readonly patchSize?: number;
  /** Default: as many as `depths`. */
  readonly numStages?: number;
  /** Channels of each stage. Default 96, 192, 384, 768: tiny. */
  readonly hiddenSizes?: readonly number[] | null;
  /** Blocks of each stage. Default 3, 3, 9, 3: tiny. */
  readonly depths?: readonly number[] | null;
  /** A name, or a function; a function cannot be saved. Default gelu. */
  readonly hiddenAct?: ActivationName | Activation;
  /** Deviation of fresh weights. Default 0.02. */
  readonly initializerRange?: number;
  /** Of the norm after pooling alone. Default 1e-12. */
  readonly layerNormEps?: number;
  /** Of all other norms. Default 1e-6. */
  readonly normEps?: number;
  /** Whether the last map is normalised before pooling (timm's `norm_pre`), and not the pooled features. Default false. */
  readonly headNormFirst?: boolean;
  /** Width of a hidden layer, linear with GELU, before the classifier (timm's `pre_logits`). Default 0: none. */
  readonly headHiddenSize?: number;
  /** Whether the first stage halves the map, too, as in timm with patches of 2 pixels. Default false. */
  readonly downsampleFirst?: boolean;
  /** Stochastic depth of the last block; it grows linearly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
  /** Side of the pictures that it was trained on, in pixels. Default 224. */
  readonly imageSize?: number | readonly [number, number];
  /**
   * Of a backbone: whether each of its maps has a norm, as in the reference and OpenMMLab, or is as it is, as in torchvision and
   * timm. Default layer.
   */
  readonly outputNorms?: 'layer' | 'none';
}

/** As for V2, and V1's own. */
export interface ConvNextConfigInit extends ConvNextV2ConfigInit {
  /** Where the layer scale starts; 0 leaves it out. Default 1e-6. */
  readonly layerScaleInitValue?: number;
}

/** What is known of the checkpoints of both. */
export const CHECKPOINTS: CheckpointForms = {
  namings: NAMINGS,
  deriveConfig,
  timmFields: timmModelFields,
  isOfOtherLayout,
};

const V2 = {
  modelType: 'convnextv2',
  keys: {
    ...COMMON_KEYS,
    numChannels: 'num_channels',
    patchSize: 'patch_size',
    numStages: 'num_stages',
    hiddenSizes: 'hidden_sizes',
    depths: 'depths',
    hiddenAct: 'hidden_act',
    initializerRange: 'initializer_range',
    layerNormEps: 'layer_norm_eps',
    normEps: 'norm_eps',
    headNormFirst: 'head_norm_first',
    headHiddenSize: 'head_hidden_size',
    downsampleFirst: 'downsample_first',
    dropPathRate: 'drop_path_rate',
    imageSize: 'image_size',
    outputNorms: 'output_norms',
  },
  functions: ['hidden_act'],
  followers: { depths: ['numStages'], hiddenSizes: ['numStages'] },
  checkpoints: CHECKPOINTS,
} as const satisfies ConfigDefinition;

const V1 = {
  ...V2,
  modelType: 'convnext',
  keys: { ...V2.keys, layerScaleInitValue: 'layer_scale_init_value' },
} as const satisfies ConfigDefinition;

/** Keys that the reference does not have, which are written only where they say something else. */
const OWN_DEFAULTS: Readonly<Record<string, unknown>> = {
  output_norms: 'layer',
  norm_eps: 1e-6,
  head_norm_first: false,
  head_hidden_size: 0,
  downsample_first: false,
};

/** What the configs of V1 and V2 have in common. */
export abstract class ConvNextConfigBase extends PretrainedConfig<ConvNextConfigInit> {
  readonly numChannels: number;
  readonly patchSize: number;
  readonly numStages: number;
  readonly hiddenSizes: readonly number[];
  readonly depths: readonly number[];
  readonly hiddenAct: ActivationName | Activation;
  readonly initializerRange: number;
  readonly layerNormEps: number;
  readonly normEps: number;
  readonly headNormFirst: boolean;
  /** 0 where the head has no hidden layer. */
  readonly headHiddenSize: number;
  readonly downsampleFirst: boolean;
  readonly dropPathRate: number;
  /** 0 in V2, which has no layer scale. */
  readonly layerScaleInitValue: number;
  readonly imageSize: number | readonly [number, number];
  readonly outputNorms: 'layer' | 'none';
  readonly outFeatures: readonly string[];
  /** As they were given: negative ones stay negative. */
  readonly outIndices: readonly number[];

  /** Throws E_CONFIG with all problems, E_OUT_FEATURES with the first. */
  protected constructor(
    definition: ConfigDefinition,
    given: ConvNextConfigInit,
    origin: ConfigOrigin,
    otherKeys: OtherKeys,
  ) {
    const init = takeFields(definition.keys, given, origin);
    super(definition, init, origin, otherKeys);
    this.numChannels = init.numChannels ?? 3;
    this.patchSize = init.patchSize ?? 4;
    this.hiddenSizes = init.hiddenSizes ?? Object.freeze([96, 192, 384, 768]);
    this.depths = init.depths ?? Object.freeze([3, 3, 9, 3]);
    this.numStages = init.numStages ?? this.depths.length;
    this.hiddenAct = init.hiddenAct ?? 'gelu';
    this.initializerRange = init.initializerRange ?? 0.02;
    this.layerNormEps = init.layerNormEps ?? 1e-12;
    this.normEps = init.normEps ?? 1e-6;
    this.headNormFirst = init.headNormFirst ?? false;
    this.headHiddenSize = init.headHiddenSize ?? 0;
    this.downsampleFirst = init.downsampleFirst ?? false;
    this.dropPathRate = init.dropPathRate ?? 0;
    this.layerScaleInitValue = definition === V2 ? 0 : (init.layerScaleInitValue ?? 1e-6);
    this.imageSize = init.imageSize ?? 224;
    this.outputNorms = init.outputNorms ?? 'layer';
    this.#checkStages(origin);
    const selection = alignSelection(this.stageNames, init.outFeatures, init.outIndices, origin);
    this.outFeatures = Object.freeze([...selection.outFeatures]);
    this.outIndices = Object.freeze([...selection.outIndices]);
  }

  /** `stem`, `stage1`, ... */
  get stageNames(): readonly string[] {
    return ['stem', ...this.depths.map((_, i) => `stage${i + 1}`)];
  }

  override toJSON(): Readonly<Record<string, unknown>> {
    const json = Object.entries(super.toJSON());
    const said = json.filter(([key, value]) => !Object.hasOwn(OWN_DEFAULTS, key) || value !== OWN_DEFAULTS[key]);
    return { ...Object.fromEntries(said), stage_names: this.stageNames };
  }

  #checkStages({ file }: ConfigOrigin): void {
    const { numStages, depths, hiddenSizes } = this;
    if (numStages === depths.length && numStages === hiddenSizes.length) return;
    throw new ConvNextV2Error('E_CONFIG', {
      path: `${file}: /num_stages`,
      wanted: 'num_stages, the number of depths and the number of hidden_sizes to be the same',
      got: `num_stages ${numStages}, ${depths.length} depths, ${hiddenSizes.length} hidden_sizes`,
    });
  }
}

/** The configuration of ConvNeXt V2: every field of the reference, with its defaults. */
export class ConvNextV2Config extends ConvNextConfigBase {
  static readonly definition: ConfigDefinition = V2;

  constructor(init: ConvNextV2ConfigInit = {}, origin: ConfigOrigin = FROM_CODE, otherKeys: OtherKeys = {}) {
    super(V2, init, origin, otherKeys);
  }
}

/** The configuration of ConvNeXt V1. */
export class ConvNextConfig extends ConvNextConfigBase {
  static readonly definition: ConfigDefinition = V1;

  constructor(init: ConvNextConfigInit = {}, origin: ConfigOrigin = FROM_CODE, otherKeys: OtherKeys = {}) {
    super(V1, init, origin, otherKeys);
  }
}
