import { FROM_CODE, takeFields, writeFields } from '../../src/config/fields.js';
import type {
  Backbone,
  BackbonePlugin,
  CheckpointForms,
  ConfigOrigin,
  PluginList,
  Scope,
} from '../../src/contracts.js';
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
import { FCOS_CHECKPOINTS, RCNN_CHECKPOINTS, RETINANET_CHECKPOINTS } from './namings.js';
import {
  FASTER_RCNN,
  type FasterRCNNSettings,
  FCOS_SETTINGS,
  type FCOSSettings,
  keysOf,
  MASK_RCNN,
  type MaskRCNNSettings,
  RETINANET,
  type RetinaNetSettings,
  settle,
  type Table,
} from './settings.js';

/** What a detector's config is made from, with settings of its own; what is left out takes torchvision's default. */
export type DetectorConfigInit<Settings> = Partial<Settings> &
  Pick<PretrainedConfigInit, 'id2label' | 'label2id' | 'numLabels'> & {
    /** A config, the contents of its file, or the name of a shipped one. It gives its last stages where it does not say: four, and three to RetinaNet and FCOS. */
    readonly backboneConfig: BackboneChoice;
  };

const KEYS = {
  id2label: COMMON_KEYS.id2label,
  label2id: COMMON_KEYS.label2id,
  numLabels: COMMON_KEYS.numLabels,
  backboneConfig: 'backbone_config',
} as const;

/** A kind of detector: its settings beside what any config has. */
interface DetectorDefinition extends ConfigDefinition {
  readonly settings: Table;
}

function define(
  modelType: ConfigDefinition['modelType'],
  settings: Table,
  checkpoints: CheckpointForms,
): DetectorDefinition {
  return { modelType, settings, checkpoints, keys: { ...KEYS, ...keysOf(settings) }, functions: [], followers: {} };
}

/** What the configs of all detectors have in common: a subclass has a `definition`. */
abstract class DetectorConfig<Settings extends object> extends PretrainedConfig<PretrainedConfigInit> {
  /** As the backbone's own config.json would hold it. */
  readonly backboneConfig: BackboneJson;
  /** How it finds and learns: see the schema of its config file. */
  readonly settings: Settings;
  readonly #table: Table;
  readonly #origin: ConfigOrigin;

  /** Throws E_CONFIG with all problems, E_SOURCE for an unknown name of a backbone. */
  constructor(given: DetectorConfigInit<Settings>, origin: ConfigOrigin = FROM_CODE, otherKeys: OtherKeys = {}) {
    const { definition } = new.target as unknown as { readonly definition: DetectorDefinition };
    const fields: DetectorConfigInit<Settings> = takeFields(definition.keys, given, origin);
    if (fields.backboneConfig == null) {
      throw new ConvNextV2Error('E_CONFIG', {
        path: `${origin.file}: /backbone_config`,
        wanted: 'the config of a backbone, or the name of one that ships with the package',
        got: 'none',
      });
    }
    const init = { ...fields, backboneConfig: readBackboneChoice(fields.backboneConfig) };
    super(definition, init, origin, otherKeys);
    this.backboneConfig = init.backboneConfig;
    this.settings = Object.freeze(settle(definition.settings, init)) as Settings;
    this.#table = definition.settings;
    this.#origin = origin;
  }

  /**
   * Builds the backbone, as `backbone.body`; where its config does not say, it gives its last `stages` stages. Throws E_PLUGIN for
   * one of no registered kind, E_CONFIG, E_OUT_FEATURES.
   */
  createBackbone(scope: Scope, backbones: PluginList<BackbonePlugin>, stages: number): Backbone {
    const outIndices = Array.from({ length: stages }, (_, i) => i - stages);
    const options = { name: 'body', outIndices };
    return createInnerBackbone(scope.within('backbone'), this.backboneConfig, this.#origin, backbones, options);
  }

  /** The E_CONFIG of a setting that does not go with the backbone. */
  problem(key: string, wanted: string, got: string): ConvNextV2Error {
    return new ConvNextV2Error('E_CONFIG', { path: `${this.#origin.file}: /${key}`, wanted, got });
  }

  override toJSON(): Readonly<Record<string, unknown>> {
    const file = { ...super.toJSON(), ...writeFields(keysOf(this.#table), this.settings) };
    return Object.fromEntries(Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export type AnyDetectorConfig = DetectorConfig<object>;

/** The configuration of Faster R-CNN: every field has a default of torchvision's. */
export class FasterRCNNConfig extends DetectorConfig<FasterRCNNSettings> {
  static readonly definition = define('faster-rcnn', FASTER_RCNN, RCNN_CHECKPOINTS);
}

/** The configuration of Mask R-CNN: every field has a default of torchvision's. */
export class MaskRCNNConfig extends DetectorConfig<MaskRCNNSettings> {
  static readonly definition = define('mask-rcnn', MASK_RCNN, RCNN_CHECKPOINTS);
}

/** The configuration of RetinaNet: every field has a default of torchvision's. */
export class RetinaNetConfig extends DetectorConfig<RetinaNetSettings> {
  static readonly definition = define('retinanet', RETINANET, RETINANET_CHECKPOINTS);
}

/** The configuration of FCOS: every field has a default of torchvision's. */
export class FCOSConfig extends DetectorConfig<FCOSSettings> {
  static readonly definition = define('fcos', FCOS_SETTINGS, FCOS_CHECKPOINTS);
}
