/*
 * Whose names a checkpoint has. Each table goes from our names, which are those of transformers, to another's: {i} is a stage
 * (0 the first after the stem), {j} a block; a name that ends with * stands for .weight and .bias. The first row that fits wins.
 */

/** Our names, and what another calls them. */
export type Table = readonly (readonly [own: string, other: string])[];

const IN_BLOCK = 'encoder.stages.{i}.layers.{j}';
const DOWNSAMPLING = 'encoder.stages.{i}.downsampling_layer';
const STEM: readonly [conv: string, norm: string] = ['embeddings.patch_embeddings.*', 'embeddings.layernorm.*'];

export const HF: Table = [
  [STEM[0], STEM[0]],
  [STEM[1], STEM[1]],
  [`${DOWNSAMPLING}.0.*`, `${DOWNSAMPLING}.0.*`],
  [`${DOWNSAMPLING}.1.*`, `${DOWNSAMPLING}.1.*`],
  ...['dwconv.*', 'layernorm.*', 'pwconv1.*', 'pwconv2.*', 'grn.*', 'layer_scale_parameter'].map(
    (part) => [`${IN_BLOCK}.${part}`, `${IN_BLOCK}.${part}`] as const,
  ),
  ['layernorm.*', 'layernorm.*'],
  ['norm_pre.*', 'norm_pre.*'],
  ['pre_logits.*', 'pre_logits.*'],
  ['classifier.*', 'classifier.*'],
  ['hidden_states_norms.stem.*', 'hidden_states_norms.stem.*'],
  ['hidden_states_norms.stage{i+1}.*', 'hidden_states_norms.stage{i+1}.*'],
];

/** facebookresearch/ConvNeXt and ConvNeXt-V2. */
export const FACEBOOK: Table = [
  [STEM[0], 'downsample_layers.0.0.*'],
  [STEM[1], 'downsample_layers.0.1.*'],
  [`${DOWNSAMPLING}.0.*`, 'downsample_layers.{i}.0.*'],
  [`${DOWNSAMPLING}.1.*`, 'downsample_layers.{i}.1.*'],
  [`${IN_BLOCK}.dwconv.*`, 'stages.{i}.{j}.dwconv.*'],
  [`${IN_BLOCK}.layernorm.*`, 'stages.{i}.{j}.norm.*'],
  [`${IN_BLOCK}.pwconv1.*`, 'stages.{i}.{j}.pwconv1.*'],
  [`${IN_BLOCK}.pwconv2.*`, 'stages.{i}.{j}.pwconv2.*'],
  [`${IN_BLOCK}.grn.weight`, 'stages.{i}.{j}.grn.gamma'],
  [`${IN_BLOCK}.grn.bias`, 'stages.{i}.{j}.grn.beta'],
  [`${IN_BLOCK}.layer_scale_parameter`, 'stages.{i}.{j}.gamma'],
  ['layernorm.*', 'norm.*'],
  ['classifier.*', 'head.*'],
];

export const TIMM: Table = [
  [STEM[0], 'stem.0.*'],
  [STEM[1], 'stem.1.*'],
  [`${DOWNSAMPLING}.0.*`, 'stages.{i}.downsample.0.*'],
  [`${DOWNSAMPLING}.1.*`, 'stages.{i}.downsample.1.*'],
  [`${IN_BLOCK}.dwconv.*`, 'stages.{i}.blocks.{j}.conv_dw.*'],
  [`${IN_BLOCK}.layernorm.*`, 'stages.{i}.blocks.{j}.norm.*'],
  [`${IN_BLOCK}.pwconv1.*`, 'stages.{i}.blocks.{j}.mlp.fc1.*'],
  [`${IN_BLOCK}.pwconv2.*`, 'stages.{i}.blocks.{j}.mlp.fc2.*'],
  [`${IN_BLOCK}.grn.*`, 'stages.{i}.blocks.{j}.mlp.grn.*'],
  [`${IN_BLOCK}.layer_scale_parameter`, 'stages.{i}.blocks.{j}.gamma'],
  ['layernorm.*', 'head.norm.*'],
  ['norm_pre.*', 'norm_pre.*'],
  ['pre_logits.*', 'head.pre_logits.fc.*'],
  ['classifier.*', 'head.fc.*'],
];

/** Without the classifier where it is part of a head of one's own, whose numbers would be others. */
export const timmTable = (names: ReadonlySet<string>): Table =>
  [...names].some((name) => /^head\.(?!(?:norm|pre_logits\.fc|fc)\.(?:weight|bias)$)/.test(name))
    ? TIMM.filter(([own]) => own !== 'classifier.*')
    : TIMM;

/** OpenMMLab: mmpretrain, mmdetection, mmsegmentation. */
const MM_BODY: Table = FACEBOOK.slice(0, -2).map(([own, other]) => [
  own,
  other.replace('.dwconv.', '.depthwise_conv.').replace('.pwconv', '.pointwise_conv'),
]);

/** A classifier has one norm, the last; a detector's or segmenter's backbone has one for each of its maps. */
const MM_CLASSIFIER: Table = [...MM_BODY, ['layernorm.*', 'norm3.*'], ['classifier.*', 'head.fc.*']];
const MM_BACKBONE: Table = [...MM_BODY, ['hidden_states_norms.stage{i+1}.*', 'norm{i}.*']];

/** OpenMMLab's, by the names. */
export const mmTable = (names: ReadonlySet<string>): Table =>
  names.has('norm0.weight') || names.has('norm1.weight') || names.has('norm2.weight') ? MM_BACKBONE : MM_CLASSIFIER;

/** torchvision, which has V1 alone. */
export const TORCHVISION: Table = [
  [STEM[0], 'features.0.0.*'],
  [STEM[1], 'features.0.1.*'],
  [`${DOWNSAMPLING}.0.*`, 'features.{2i}.0.*'],
  [`${DOWNSAMPLING}.1.*`, 'features.{2i}.1.*'],
  [`${IN_BLOCK}.dwconv.*`, 'features.{2i+1}.{j}.block.0.*'],
  [`${IN_BLOCK}.layernorm.*`, 'features.{2i+1}.{j}.block.2.*'],
  [`${IN_BLOCK}.pwconv1.*`, 'features.{2i+1}.{j}.block.3.*'],
  [`${IN_BLOCK}.pwconv2.*`, 'features.{2i+1}.{j}.block.5.*'],
  [`${IN_BLOCK}.layer_scale_parameter`, 'features.{2i+1}.{j}.layer_scale'],
  ['layernorm.*', 'classifier.0.*'],
  ['classifier.*', 'classifier.2.*'],
];

/** How the numbers in a name count stages: [how many to a stage, where they begin]. */
const COUNTS: Readonly<Record<string, readonly [number, number]>> = {
  '{i}': [1, 0],
  '{i+1}': [1, 1],
  '{2i}': [2, 0],
  '{2i+1}': [2, 1],
};
const PLACE = /\{j\}|\{2?i(?:\+1)?\}/;

/** Reads a name by a row's one side, and writes it by the other. */
function translator([from, to]: readonly [string, string]): (name: string) => string | undefined {
  const places = from.match(new RegExp(PLACE, 'g')) ?? [];
  const source = from
    .split(PLACE)
    .map((part) => part.replaceAll('.', '\\.').replace('*', '(weight|bias)'))
    .join('(\\d{1,3})');
  const pattern = new RegExp(`^${source}$`);
  return (name) => {
    const found = pattern.exec(name);
    if (!found) return undefined;
    let [stage, block] = [0, 0];
    for (const [at, place] of places.entries()) {
      const number = Number(found[at + 1]);
      if (place === '{j}') block = number;
      else stage = (number - COUNTS[place][1]) / COUNTS[place][0];
    }
    if (!Number.isInteger(stage) || stage < 0) return undefined;
    const filled = to.replace(new RegExp(PLACE, 'g'), (place) =>
      String(place === '{j}' ? block : stage * COUNTS[place][0] + COUNTS[place][1]),
    );
    return filled.replace('*', found.at(-1)!);
  };
}

/** A function from the names of one side of a table to those of the other. */
export function translate(table: Table, direction: 'read' | 'write'): (name: string) => string | undefined {
  const rows = table.map(([own, other]) => translator(direction === 'read' ? [other, own] : [own, other]));
  return (name) => {
    for (const row of rows) {
      const found = row(name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
