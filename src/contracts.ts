import type * as tf from '@tensorflow/tfjs-core';

/** What a head must know of a feature map: its name, its channels, and how many pixels of the input one cell spans. */
export interface FeatureSpec {
  readonly name: string;
  readonly channels: number;
  readonly stride: number;
}

/** Feature maps by stage name, fine to coarse, each [n, h, w, channels]. A plain record: a Map would not survive tf.tidy. */
export type FeatureMaps = Readonly<Record<string, tf.Tensor4D>>;

/** How a forward pass runs. `seed` makes what is drawn in training (stochastic depth) repeatable. */
export interface Mode {
  readonly training: boolean;
  readonly seed?: number;
  /**
   * What batch norms normalise by in training: the `batch`'s own statistics, which then move the running ones (default), or the
   * `running` ones, which stay.
   */
  readonly statistics?: 'batch' | 'running';
}

/** A parameter as a checkpoint knows it. */
export interface Parameter {
  /** The name in the checkpoint, as `encoder.stages.0.layers.0.dwconv.weight`. */
  readonly name: string;
  /** The shape in the checkpoint: PyTorch's layout, as [out, in, height, width]. */
  readonly shape: readonly number[];
  /** The values, in the layout that tfjs computes with, as [height, width, in, out]. */
  readonly variable: tf.Variable;
  /** Whether training changes it: see `Backbone.freeze`. */
  trainable: boolean;
  /** A new tensor in the checkpoint's layout, of the values or of another tensor laid as they are (a gradient, say). */
  stored(values?: tf.Tensor): tf.Tensor;
  /** Frees the values; `variable` throws E_DISPOSED from then on. */
  dispose(): void;
}

/** Parameters by their names in the checkpoint, in the order of the network. */
export type Parameters = ReadonlyMap<string, Parameter>;

/** What every head is built on. Pictures and maps are NHWC float32. */
export interface Backbone {
  /** All stages, shallow to deep, the stem first. */
  readonly stageNames: readonly string[];
  /** The maps that `forward` gives, fine to coarse. */
  readonly featureSpecs: readonly FeatureSpec[];
  /** The [height, width] of each map of `forward` for a picture of this size, without running anything. */
  outputShape(height: number, width: number): Readonly<Record<string, readonly [number, number]>>;
  /** Pictures [n, height, width, channels] to feature maps; the caller disposes them. */
  forward(pixels: tf.Tensor4D, mode?: Mode): FeatureMaps;
  readonly parameters: Parameters;
  /** The index in `stageNames` of the stage that a parameter belongs to; undefined for what comes after the stages. */
  stageOf(parameterName: string): number | undefined;
  /**
   * Takes the first `stages` of `stageNames` out of training and leaves the others in, as detectron2's FREEZE_AT counts:
   * 0 none, 1 the stem, 2 the stem and the first stage. Frozen stages draw nothing at random in training mode.
   */
  freeze(stages: number): void;
  dispose(): void;
}

/** A whole model without a head: pictures to the last map, and to one vector each. */
export interface BaseModel {
  /** Pixels of the picture per cell of the last map. */
  readonly stride: number;
  /** Pictures [n, height, width, channels] to the last map and to the pooled features; the caller disposes them. */
  forward(pixels: tf.Tensor4D): {
    /** [n, h, w, c] */
    readonly lastHiddenState: tf.Tensor4D;
    /** [n, c] */
    readonly poolerOutput: tf.Tensor2D;
  };
  readonly parameters: Parameters;
  dispose(): void;
}

/** A whole model with a classifier. */
export interface ImageClassifier {
  readonly config: {
    /** Names of the classes by index. */
    readonly id2label: Readonly<Record<number, string>>;
    readonly numLabels: number;
    /** `multi_label_classification` where a picture can be of several classes at once. */
    readonly problemType?: string;
  };
  /** Pictures [n, height, width, channels] to logits [n, numLabels]; the caller disposes them. */
  forward(pixels: tf.Tensor4D): { readonly logits: tf.Tensor2D };
  readonly parameters: Parameters;
  dispose(): void;
}

/** A whole model that gives each pixel a class. */
export interface Segmenter {
  readonly config: {
    /** Names of the classes by index. */
    readonly id2label: Readonly<Record<number, string>>;
    readonly numLabels: number;
  };
  /** The least height and width of a picture, in pixels. */
  readonly smallest: number;
  /** Pictures [n, height, width, channels] to logits [n, height, width, numLabels]; the caller disposes them. */
  forward(pixels: tf.Tensor4D): { readonly logits: tf.Tensor4D };
  /** The same logits [n, h, w, numLabels] before they are brought to the pictures' size, bilinear; the caller disposes them. */
  coarseLogits(pixels: tf.Tensor4D): tf.Tensor4D;
  readonly parameters: Parameters;
  dispose(): void;
}

/** Which pixels of a picture belong to an object, packed to a bit a pixel: pixel i is bit i % 8 of byte floor(i / 8). */
export interface BinaryMask {
  readonly bits: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** What was found in a picture, surest first, in pixels of the picture. */
export interface Detections {
  /** [xmin, ymin, xmax, ymax] of each, one after the other. */
  readonly boxes: Float32Array;
  /** From 0 to 1. */
  readonly scores: Float32Array;
  /** Indices of `id2label`. */
  readonly labels: Int32Array;
  /** Where the model finds them. */
  readonly masks?: readonly BinaryMask[];
}

/** What is to be found in a picture, to train on, in pixels of the picture. */
export interface DetectionTarget {
  /** [xmin, ymin, xmax, ymax] of each object, one after the other. */
  readonly boxes: Float32Array;
  readonly labels: Int32Array;
  /** For models that find masks: one for each object, or null for an object that counts for its box and label alone. */
  readonly masks?: readonly (BinaryMask | null)[];
}

/** A whole model that finds objects. Pictures are [height, width, channels], of values from 0 to 1, of any size each. */
export interface Detector {
  readonly config: {
    /** Names of the classes by label. */
    readonly id2label: Readonly<Record<number, string>>;
    readonly numLabels: number;
  };
  /** What is in each picture. Throws E_NON_FINITE where the model gives NaN or Infinity. */
  detect(pictures: readonly tf.Tensor3D[]): readonly Detections[];
  /** The losses of a training step by name, to be added up; the caller disposes them. */
  losses(
    pictures: readonly tf.Tensor3D[],
    targets: readonly DetectionTarget[],
    mode?: Mode,
  ): Readonly<Record<string, tf.Scalar>>;
  readonly parameters: Parameters;
  dispose(): void;
}

/** How a stored number is written, in safetensors' words. */
export type StoredDtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL';

/** A tensor of a checkpoint, before it is read. */
export interface StoredTensor {
  /** A `StoredDtype`; of an unreadable tensor, what its file calls it. */
  readonly dtype: string;
  /** Empty where a tensor is unreadable and its shape is not known. */
  readonly shape: readonly number[];
  /** Why it cannot be read, as `a sparse tensor`; absent where it can. */
  readonly unreadable?: string;
}

/** An open checkpoint, whatever its container: tensors by name, read one at a time. */
export interface Checkpoint {
  /** What to call it in a message: the path of its file or folder. */
  readonly path: string;
  /** How it was read, step by step: `PyTorch zip`, `tensors under "model"`, `names of timm`. */
  readonly recognised?: readonly string[];
  /** What the file calls the tensors that have another name here. */
  readonly storedNames?: ReadonlyMap<string, string>;
  /** What its writer noted beside the tensors. */
  readonly metadata?: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The values as float32, in the stored order. The caller owns the array. Throws E_WEIGHTS for an unreadable tensor. */
  readFloat32(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A tensor of a checkpoint as a model wants it. */
export interface RenamedTensor {
  readonly name: string;
  /** Default: as it is stored. */
  readonly shape?: readonly number[];
  /** From the stored values to those of `shape`, as many. Default: as they are. */
  readonly convert?: (stored: Float32Array) => Float32Array;
}

/** A way in which others name the tensors of a kind of model: a value, recognised from the names alone. */
export interface Naming {
  /** As the option `format` and the report call it. */
  readonly name: string;
  /** What it puts before the names of a head's backbone. Default: what the head does. */
  readonly backbonePrefix?: string;
  /**
   * The tensors as the model calls them, by the names that they have in a checkpoint; what means nothing to the model is left
   * out. Undefined where these are not names of this kind. Throws E_WEIGHTS where they are, and of a layout that the model does not
   * compute; `file` is for the message.
   */
  read(tensors: ReadonlyMap<string, StoredTensor>, file?: string): ReadonlyMap<string, RenamedTensor> | undefined;
  /** The way back: what this naming calls the model's tensors, by the model's names. A naming need not have it. */
  write?(tensors: ReadonlyMap<string, StoredTensor>): ReadonlyMap<string, RenamedTensor>;
}

/** How checkpoints of a kind of model are understood that come without its config, or with names of others. */
export interface CheckpointForms {
  /** The first that knows the names of a checkpoint is taken; where none does, the names are taken for the model's own. */
  readonly namings: readonly Naming[];
  /** What the head's names of its backbone begin with, as `backbone.`: what follows is read by the backbone's own namings. */
  readonly backbonePrefix?: string;
  /**
   * The config.json of the model whose tensors these are, by the model's own names, from their shapes; `naming` is whose names
   * they had. Undefined where they are no such model's.
   */
  deriveConfig?(
    tensors: ReadonlyMap<string, StoredTensor>,
    naming: string | undefined,
  ): Readonly<Record<string, unknown>> | undefined;
  /**
   * What timm's config.json says beyond that, under the keys of ours. Throws E_CONFIG for a network that is not built here; `file`
   * is for messages.
   */
  timmFields?(config: Readonly<Record<string, unknown>>, file: string): Readonly<Record<string, unknown>>;
  /**
   * Whether a tensor of this name, by the model's own names, would change what a model computes that has no such parameter but
   * these: it is then another model's, and is refused where others are left unused.
   */
  isOfOtherLayout?(name: string, parameters: Iterable<string>): boolean;
}

/**
 * Which differences between a model and a checkpoint throw: `body` a mis-shaped tensor, or one that the checkpoint lacks for the
 * model without its head; `model` also one that it lacks for the head; `all` any difference; `none` no difference. See `LoadReport`.
 */
export type Strict = 'body' | 'model' | 'all' | 'none';

/** What came of matching a checkpoint to a model, by name. */
export interface LoadReport {
  readonly loaded: readonly string[];
  /** Parameters that the checkpoint lacks: freshly initialised. */
  readonly initialized: readonly string[];
  /** Tensors of the checkpoint that the model has no use for. */
  readonly unused: readonly string[];
  /** Tensors of the right name that have the wrong shape or dtype, or cannot be read: freshly initialised, where `strict` lets it pass. */
  readonly misshaped: readonly { readonly name: string; readonly wanted: string; readonly got: string }[];
  /** Loaded parameters that hold NaN or Infinity. */
  readonly nonFinite: readonly string[];
  /** How the checkpoint was read, step by step: its container, what the tensors lay in, whose names they had. */
  readonly recognised: readonly string[];
  /** All of the above as one table: see `reportTable`. */
  readonly rows: readonly LoadRow[];
}

/** What became of one parameter, or of a tensor that none had a use for. */
export interface LoadRow {
  readonly state: 'loaded' | 'new' | 'mis-shaped' | 'unused';
  /** The parameter's name; the tensor's, where it is unused. */
  readonly name: string;
  /** What the file calls it, where that is something else. */
  readonly storedName?: string;
  /** Why it was not loaded. */
  readonly reason?: string;
  /** What was probably meant. */
  readonly suggestion?: string;
}

/** How a parameter lies in a checkpoint (PyTorch's layout), and so how to turn it for tfjs. */
export type ParameterLayout =
  /** [out, in, height, width], turned to [height, width, in, out] */
  | 'conv2d'
  /** [channels, 1, height, width], turned to [height, width, channels, 1] */
  | 'depthwise'
  /** A transposed convolution's [in, out, height, width], turned to [in, height, width, out] */
  | 'transposed'
  /** [out, in], turned to [in, out] */
  | 'linear'
  /** left as it is */
  | 'plain';

/** What a parameter holds where no checkpoint gives it. */
export type Initializer =
  | { readonly constant: number }
  /** Normal with mean 0 and this deviation, drawn again beyond +-2 (torch.nn.init.trunc_normal_'s default bounds). */
  | { readonly truncatedNormal: number };

/** What a parameter is for, and what it is where no checkpoint holds it. */
export interface ParameterOptions {
  readonly init: Initializer;
  /** Default `plain`. */
  readonly layout?: ParameterLayout;
  /** `head`: a checkpoint of another task may lack it, and it is then new. Default `body`: it must be there. */
  readonly part?: 'body' | 'head';
  /** `same-size`: any stored shape with as many elements will do. Default `exact`. */
  readonly match?: 'exact' | 'same-size';
  /** A shape of as many elements in which the stored values are seen before they are turned, as [out, in, height, width]. */
  readonly view?: readonly number[];
  /** `statistic`: kept up by its layer, and never trained. Default `weight`. */
  readonly role?: 'weight' | 'statistic';
}

/**
 * Where a layer gets its parameters: by name and shape. Asking only declares them and allocates nothing;
 * they hold values when a checkpoint or an initialiser has filled the whole model.
 */
export interface Scope {
  /** The scope of names that begin with `name.`. */
  within(name: string | number): Scope;
  /** The same for a model inside of this one, which sees its `parameters` under the names that follow. */
  inner(name: string): Scope;
  /**
   * Declares a parameter of this shape in the checkpoint's layout. A name declared twice throws E_PLUGIN; a shape or an
   * initialiser that is none, E_ARGUMENT.
   */
  parameter(name: string, shape: readonly number[], options: ParameterOptions): Parameter;
  /** All that was declared through this scope, under full names; within an inner model, under those that follow its own. */
  readonly parameters: Parameters;
}

/** What a model is to give, in place of what its config says; a new `outFeatures` or `outIndices` drops the config's other. */
export interface Selection {
  /** Names of stages, in their order. Default: the last stage. */
  readonly outFeatures?: readonly string[] | null;
  /** The same by index, 0 the stem; negative ones count from the end. */
  readonly outIndices?: readonly number[] | null;
  /** Whether hidden states are given where a call does not say; a backbone needs it to load all stages. Default false. */
  readonly outputHiddenStates?: boolean;
}

/** Where a config comes from. */
export interface ConfigOrigin {
  /** For messages. */
  readonly file: string;
  /** `keep`: a Hub's config.json has keys that nobody knows, and they are kept. `refuse`: a file of our own has none. */
  readonly unknownKeys: 'refuse' | 'keep';
}

/** The axes of pictures and maps: tfjs' own [n, h, w, c], or PyTorch's [n, c, h, w]. */
export type Layout = 'NHWC' | 'NCHW';

/** A kind of backbone, as a value: a third party exports one, and a registry takes it. */
export interface BackbonePlugin<Config = unknown> {
  /** The `model_type` of its config files. */
  readonly type: string;
  /** What task models put before this model's names in a checkpoint, as `convnextv2`; both spellings are then found. */
  readonly prefix?: string;
  /** How checkpoints with names of others, or without a config, are read. */
  readonly checkpoints?: CheckpointForms;
  /** Checks a parsed config file and reads it; `selection` replaces the file's own. Throws E_CONFIG, E_OUT_FEATURES. */
  readConfig(json: unknown, origin: ConfigOrigin, selection?: Selection): Config;
  /** Builds the backbone from parameters of `scope`, named as its checkpoints name them; they hold no values yet. */
  create(scope: Scope, config: Config): Backbone;
  /** Builds the whole model without a head, for `AutoModel`. A plugin need not have it. */
  createModel?(scope: Scope, config: Config): BaseModel;
  /** Builds the classifier, for `AutoModelForImageClassification`. A plugin need not have it. */
  createImageClassifier?(scope: Scope, config: Config): ImageClassifier;
}

/** Plugins of one kind, looked up by type. */
export interface PluginList<Plugin> {
  readonly types: readonly string[];
  /** The plugin of this type, or E_PLUGIN naming the known ones; `path` says where the type stands. */
  get(type: string, path?: string): Plugin;
}

/** The models that heads are part of, by what they do. */
export interface HeadModels {
  readonly 'semantic-segmentation': Segmenter;
  readonly 'object-detection': Detector;
  /** Its models find objects with masks. */
  readonly 'instance-segmentation': Detector;
}
/** A task that heads do. */
export type HeadTask = keyof HeadModels;

/** A kind of model on a backbone of any kind, as a value. */
export interface HeadPlugin<Config = unknown, Task extends HeadTask = HeadTask> {
  /** The `model_type` of its config files. */
  readonly type: string;
  /** What its models do, as `pipeline` calls it. */
  readonly task: Task;
  /** How checkpoints with names of others are read. */
  readonly checkpoints?: CheckpointForms;
  /** Checks a parsed config file and reads it. Throws E_CONFIG. */
  readConfig(json: unknown, origin: ConfigOrigin): Config;
  /** Builds the model, its backbone included, from parameters of `scope`; they hold no values yet. */
  create(scope: Scope, config: Config, backbones: PluginList<BackbonePlugin>): HeadModels[Task];
}

/** What a registry holds. */
export type Plugin = BackbonePlugin | HeadPlugin;
