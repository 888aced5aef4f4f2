import { licenceNotice } from '../config/known-models.js';
import type { Backbone, BackbonePlugin, Checkpoint, CheckpointForms, StoredTensor } from '../contracts.js';
import { countParameters, createScope } from '../nn/scope.js';
import { defaultRegistry, type Registry } from '../registry.js';
import { formsOf, pluginOf } from '../weights/auto.js';
import { openConfigured } from '../weights/derive.js';
import { renameCheckpoint } from '../weights/rename.js';
import { unreadableIn } from '../weights/report.js';
import type { SourceOptions } from '../weights/source.js';

/** A stage of a backbone, for a picture of a given size. */
export interface StageInspection {
  readonly name: string;
  readonly channels: number;
  readonly stride: number;
  readonly height: number;
  readonly width: number;
  readonly parameters: number;
  /** Multiplications and additions, each counted, of its convolutions and linear maps. */
  readonly flops: number;
}

/** What a source is: its stages, its size and cost, and its checkpoint. */
export interface ModelInspection {
  readonly modelType: string;
  /** Where the config was found. */
  readonly config: string;
  readonly stages: readonly StageInspection[];
  /** Of all stages, without output norms and heads. */
  readonly parameters: number;
  readonly flops: number;
  /** What the checkpoint holds; absent where the source has none. */
  readonly checkpoint?: {
    readonly path: string;
    readonly tensors: number;
    readonly values: number;
    readonly dtypes: readonly string[];
    /** How it was read: its container, whose names it has. */
    readonly recognised: readonly string[];
    /** What its writer noted. */
    readonly metadata: Readonly<Record<string, string>>;
    /** Tensors that cannot be read, by the names of the file, and why. */
    readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
    /** What it holds, by the names of the file; where they were asked for. */
    readonly names?: readonly (StoredTensor & { readonly name: string })[];
  };
  /** Of the weights, where the source is a published one. */
  readonly licence?: string;
}

/** Options of `inspectModel`. */
export interface InspectOptions extends SourceOptions {
  /** Of the picture. */
  readonly height: number;
  readonly width: number;
  /** Whether to list the tensors of the checkpoint. Default false. */
  readonly names?: boolean;
  readonly registry?: Registry;
}

/** Looks at a model without giving it weights: nothing is allocated. Throws as `AutoBackbone.fromPretrained`. */
export async function inspectModel(
  source: string | URL,
  { height, width, names = false, registry = defaultRegistry(), ...options }: InspectOptions,
): Promise<ModelInspection> {
  const opened = await openConfigured(source, formsOf(registry), options);
  const plugin = pluginOf<BackbonePlugin>(opened, registry);
  const build = (outFeatures?: readonly string[]) =>
    plugin.create(createScope(), plugin.readConfig(opened.config, opened.origin, { outFeatures }));
  const stages = describeStages(build(build().stageNames), height, width);
  const checkpoint = await opened.openCheckpoint?.();
  await checkpoint?.close();
  const tensors = [...(checkpoint?.tensors.values() ?? [])];
  return {
    modelType: plugin.type,
    config: opened.origin.file,
    stages,
    parameters: sum(stages.map(({ parameters }) => parameters)),
    flops: sum(stages.map(({ flops }) => flops)),
    ...(checkpoint && {
      checkpoint: {
        path: checkpoint.path,
        tensors: tensors.length,
        values: sum(tensors.map(({ shape }) => size(shape))),
        dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
        recognised: recognise(checkpoint, plugin.checkpoints, options.format),
        metadata: Object.fromEntries(checkpoint.metadata ?? []),
        unreadable: unreadableIn(checkpoint).map(([name, reason]) => ({ name, reason })),
        ...(names && {
          names: Array.from(checkpoint.tensors, ([name, { dtype, shape }]) => ({ name, dtype, shape })),
        }),
      },
    }),
    licence: licenceNotice(source),
  };
}

function recognise(checkpoint: Checkpoint, forms: CheckpointForms | undefined, format: string | undefined) {
  return renameCheckpoint(checkpoint, forms?.namings ?? [], format).checkpoint.recognised ?? [];
}

function describeStages(backbone: Backbone, height: number, width: number): readonly StageInspection[] {
  const shapes = backbone.outputShape(height, width);
  return backbone.featureSpecs.map(({ name, channels, stride }, level) => {
    const own = [...backbone.parameters].filter(([name]) => backbone.stageOf(name) === level);
    const [h, w] = shapes[name];
    // a weight of a convolution or a linear map is used once at each position of its stage's map
    const weights = own.map(([, { shape }]) => (shape.filter((length) => length > 1).length > 1 ? size(shape) : 0));
    return {
      name,
      channels,
      stride,
      height: h,
      width: w,
      parameters: countParameters(new Map(own)),
      flops: 2 * h * w * sum(weights),
    };
  });
}

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
