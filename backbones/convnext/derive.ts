import type { StoredTensor } from '../../src/contracts.js';
import { ownName } from './namings.js';
import { timmEpsilons } from './timm.js';

/** The norm after pooling has this epsilon everywhere but in transformers, whose configs say so themselves. */
const EPSILON_OF_OTHERS = 1e-6;

/**
 * The config.json of the ConvNeXt whose tensors these are, as far as their shapes tell: depths, widths, patches, channels,
 * classes, output norms, and V1 or V2. Undefined where they are none's.
 */
export function deriveConfig(
  tensors: ReadonlyMap<string, StoredTensor>,
  naming: string | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [ownName(name), shape]));
  const [stemWidth, channels, patch] = shapes.get('embeddings.patch_embeddings.weight') ?? [];
  const blocks = blocksOf(shapes);
  if (patch === undefined || blocks.length === 0) return undefined;
  const isV2 = [...shapes.keys()].some((name) => name.includes('.grn.'));
  const widths = blocks.map((_, i) => shapes.get(`encoder.stages.${i}.layers.0.dwconv.weight`)?.[0]);
  const hidden = shapes.get('pre_logits.weight')?.[0] ?? 0;
  const outputs = ['stem', ...blocks.map((_, i) => `stage${i + 1}`)];
  const outFeatures = outputs.filter((name) => shapes.has(`hidden_states_norms.${name}.weight`));
  const kind = shapes.has('classifier.weight')
    ? 'ForImageClassification'
    : outFeatures.length > 0
      ? 'Backbone'
      : 'Model';
  return {
    architectures: [`${isV2 ? 'ConvNextV2' : 'ConvNext'}${kind}`],
    model_type: isV2 ? 'convnextv2' : 'convnext',
    num_channels: channels,
    patch_size: patch,
    num_stages: blocks.length,
    depths: blocks,
    hidden_sizes: [stemWidth, ...widths.slice(1)],
    num_labels: shapes.get('classifier.weight')?.[0] ?? 0,
    ...(naming !== undefined && naming !== 'hf' && naming !== 'tf' && { layer_norm_eps: EPSILON_OF_OTHERS }),
    ...(naming === 'timm' && timmEpsilons(blocks)),
    ...(!isV2 && !shapes.has('encoder.stages.0.layers.0.layer_scale_parameter') && { layer_scale_init_value: 0 }),
    ...(shapes.has('norm_pre.weight') && { head_norm_first: true }),
    ...(hidden > 0 && { head_hidden_size: hidden }),
    ...(shapes.has('encoder.stages.0.downsampling_layer.1.weight') && { downsample_first: true }),
    ...(outFeatures.length > 0 && { out_features: outFeatures }),
  };
}

/**
 * Whether a tensor that a model has no parameter for belongs to a network that computes otherwise: halving in the first stage, and
 * for a model that pools, a norm at the other place or a hidden layer before the classifier.
 */
export function isOfOtherLayout(name: string, parameters: Iterable<string>): boolean {
  const own = ownName(name);
  if (own.startsWith('encoder.stages.0.downsampling_layer.')) return true;
  const has = new Set(Array.from(parameters, ownName));
  if (own.startsWith('pre_logits.')) return has.has('classifier.weight');
  return (
    (own === 'norm_pre.weight' && has.has('layernorm.weight')) ||
    (own === 'layernorm.weight' && has.has('norm_pre.weight'))
  );
}

/** The number of blocks of each stage; none where stages or blocks are missing in between. */
function blocksOf(shapes: ReadonlyMap<string, readonly number[]>): readonly number[] {
  const blocks: Set<number>[] = [];
  for (const name of shapes.keys()) {
    const [, stage, block] = /^encoder\.stages\.(\d{1,2})\.layers\.(\d{1,3})\.dwconv\.weight$/.exec(name) ?? [];
    if (block === undefined) continue;
    blocks[Number(stage)] ??= new Set();
    blocks[Number(stage)].add(Number(block));
  }
  const depths = Array.from(blocks, (set) => (set && Math.max(...set) === set.size - 1 ? set.size : 0));
  return depths.includes(0) ? [] : depths;
}
