import { FROM_CODE, takeFields } from '../../src/config/fields.js';
import type { Backbone, BackbonePlugin, ConfigOrigin, PluginList, Scope } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import {
  type BackboneChoice,
  type BackboneJson,
  createInnerBackbone,
  readBackboneChoice,
} from '../../src/weights/inner-backbone.js';
import {
  COMMON_KEYS,
  type ConfigDefinition,
  type OtherKeys,
  PretrainedConfig,
  type PretrainedConfigInit,
} from '../../src/weights/pretrained-config.js';
import { CHECKPOINTS } from './namings.js';

/** What an UperNet config is made from; what is left out takes the reference's default. */
export interface UperNetConfigInit extends Pick<PretrainedConfigInit, 'id2label' | 'label2id' | 'numLabels'> {
  /**
   * A config, the contents of its file, or the name of a shipped one. A file that does not say which maps it gives gives its last
   * four; a config always says, and without outFeatures or outIndices it is the last one.
   */
  readonly backboneConfig: BackboneChoice;
  /** Channels inside the head. Default 512. */
  readonly hiddenSize?: number;
  /** Rows and columns of cells that the last map is averaged over. Default 1, 2, 3, 6. */
  readonly poolScales?: readonly number[];
  /** Whether there is a second head, on the third map, for training. Default true. */
  readonly useAuxiliaryHead?: boolean;
  /** What its loss is multiplied by. Default 0.4. */
  readonly auxiliaryLossWeight?: number;
  /** Checked against the backbone's. */
  readonly auxiliaryInChannels?: number | null;
  /** Channels inside it. Default 256. */
  readonly auxiliaryChannels?: number;
  /** Default 1. */
  readonly auxiliaryNumConvs?: number;
  /** Whether it takes its own input again behind its convolutions. Default false. */
  readonly auxiliaryConcatInput?: boolean;
  /** Pixels of this label count for nothing in the loss. Default 255. */
  readonly lossIgnoreIndex?: number;
  /** Deviation of fresh weights. Default 0.02. */
  readonly initializerRange?: number;
}

const UPERNET = {
  modelType: 'upernet',
  keys: {
    id2label: COMMON_KEYS.id2label,
    label2id: COMMON_KEYS.label2id,
    numLabels: COMMON_KEYS.numLabels,
    backboneConfig: 'backbone_config',
    hiddenSize: 'hidden_size',
    poolScales: 'pool_scales',
    useAuxiliaryHead: 'use_auxiliary_head',
    auxiliaryLossWeight: 'auxiliary_loss_weight',
    auxiliaryInChannels: 'auxiliary_in_channels',
    auxiliaryChannels: 'auxiliary_channels',
    auxiliaryNumConvs: 'auxiliary_num_convs',
    auxiliaryConcatInput: 'auxiliary_concat_input',
    lossIgnoreIndex: 'loss_ignore_index',
    initializerRange: 'initializer_range',
  },
  functions: [],
  followers: { backboneConfig: ['auxiliaryInChannels'] },
  checkpoints: CHECKPOINTS,
} as const satisfies ConfigDefinition;

/** The configuration of UperNet (Xiao et al. 2018): every field of the reference, with its defaults. */
export class UperNetConfig extends PretrainedConfig<Partial<UperNetConfigInit>> {
  static readonly definition = UPERNET;
  /** As the backbone's own config.json would hold it. */
  readonly backboneConfig: BackboneJson;
  readonly hiddenSize: number;
  readonly poolScales: readonly number[];
  readonly useAuxiliaryHead: boolean;
  readonly auxiliaryLossWeight: number;
  readonly auxiliaryInChannels: number | null;
  readonly auxiliaryChannels: number;
  readonly auxiliaryNumConvs: number;
  readonly auxiliaryConcatInput: boolean;
  readonly lossIgnoreIndex: number;
  readonly initializerRange: number;
  readonly #origin: ConfigOrigin;

  /** Throws E_CONFIG with all problems, E_SOURCE for an unknown name of a backbone. */
  constructor(given: UperNetConfigInit, origin: ConfigOrigin = FROM_CODE, otherKeys: OtherKeys = {}) {
    const fields = takeFields(UPERNET.keys, given, origin);
    if (fields.backboneConfig == null) {
      throw new ConvNextV2Error('E_CONFIG', {
        path: `${origin.file}: /backbone_config`,
        wanted: 'the config of a backbone, or the name of one that ships with the package',
        got: 'none',
      });
    }
    const init = { ...fields, backboneConfig: readBackboneChoice(fields.backboneConfig) };
    super(UPERNET, init, origin, otherKeys);
    this.backboneConfig = init.backboneConfig;
    this.hiddenSize = init.hiddenSize ?? 512;
    this.poolScales = init.poolScales ?? Object.freeze([1, 2, 3, 6]);
    this.useAuxiliaryHead = init.useAuxiliaryHead ?? true;
    this.auxiliaryLossWeight = init.auxiliaryLossWeight ?? 0.4;
    this.auxiliaryInChannels = init.auxiliaryInChannels ?? null;
    this.auxiliaryChannels = init.auxiliaryChannels ?? 256;
    this.auxiliaryNumConvs = init.auxiliaryNumConvs ?? 1;
    this.auxiliaryConcatInput = init.auxiliaryConcatInput ?? false;
    this.lossIgnoreIndex = init.lossIgnoreIndex ?? 255;
    this.initializerRange = init.initializerRange ?? 0.02;
    this.#origin = origin;
  }

  /** Builds the backbone. Throws E_PLUGIN for one of no registered kind, E_CONFIG, E_OUT_FEATURES. */
  createBackbone(scope: Scope, backbones: PluginList<BackbonePlugin>): Backbone {
    return createInnerBackbone(scope, this.backboneConfig, this.#origin, backbones);
  }

  /** The E_CONFIG of a field that does not go with the backbone. */
  problem(key: string, wanted: string, got: string, suggestion?: string): ConvNextV2Error {
    return new ConvNextV2Error('E_CONFIG', { path: `${this.#origin.file}: /${key}`, wanted, got, suggestion });
  }
}
