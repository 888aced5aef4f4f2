import type { Naming, RenamedTensor, StoredTensor } from '../../src/contracts.js';
import { cutPrefix } from '../../src/weights/prefix.js';
import { permuted } from '../../src/weights/strided.js';
import { refuseTimmLayout } from './timm.js';

/*
 * Whose names a checkpoint has. Each table goes from our names, which are those of transformers, to another's: {i} is a stage
 * (0 the first after the stem), {j} a block; a name that ends with * stands for .weight and .bias. The first row that fits wins.
 */

type Table = readonly (readonly [own: string, other: string])[];

const IN_BLOCK = 'encoder.stages.{i}.layers.{j}';
const DOWNSAMPLING = 'encoder.stages.{i}.downsampling_layer';
const STEM: readonly [conv: string, norm: string] = ['embeddings.patch_embeddings.*', 'embeddings.layernorm.*'];

const HF: Table = [
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
const FACEBOOK: Table = [
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

const TIMM: Table = [
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

/** OpenMMLab: mmpretrain, mmdetection, mmsegmentation. */
const MM_BODY: Table = FACEBOOK.slice(0, -2).map(([own, other]) => [
  own,
  other.replace('.dwconv.', '.depthwise_conv.').replace('.pwconv', '.pointwise_conv'),
]);

/** A classifier has one norm, the last; a detector's or segmenter's backbone has one for each of its maps. */
const MM_CLASSIFIER: Table = [...MM_BODY, ['layernorm.*', 'norm3.*'], ['classifier.*', 'head.fc.*']];
const MM_BACKBONE: Table = [...MM_BODY, ['hidden_states_norms.stage{i+1}.*', 'norm{i}.*']];

/** torchvision, which has V1 alone. */
const TORCHVISION: Table = [
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
function translate(table: Table, direction: 'read' | 'write'): (name: string) => string | undefined {
  const rows = table.map(([own, other]) => translator(direction === 'read' ? [other, own] : [own, other]));
  return (name) => {
    for (const row of rows) {
      const found = row(name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** A tensor on its way to our form: its name, and what its values have to go through. */
type Form = Omit<RenamedTensor, 'name'>;

/** 1x1 convolutions are linear maps, and a layer scale is a vector; all else is as it is. */
function ownForm(own: string, { shape }: StoredTensor): Form {
  if (/\.pwconv[12]\.weight$/.test(own) && shape.length === 4 && shape[2] === 1 && shape[3] === 1) {
    return { shape: shape.slice(0, 2) };
  }
  return own.endsWith('.layer_scale_parameter') && shape.length > 1 ? { shape: shape.filter((n) => n !== 1) } : {};
}

interface NamingOptions {
  readonly name: string;
  /** What the stem's convolution and the first block's are called: where both are, names are of this kind. */
  readonly signs: readonly [stem: string, block: string];
  readonly table: Table | ((names: ReadonlySet<string>) => Table);
  /** Turns variants of a name into the one of the table. */
  readonly normalise?: (name: string) => string;
  readonly form?: (own: string, tensor: StoredTensor, stored: string) => Form;
  readonly write?: Naming['write'];
  /** Throws E_WEIGHTS for names, less the prefix, of a layout that is not built here; `patch` is the side of the stem's kernel. */
  readonly refuse?: (names: Iterable<string>, isKnown: (name: string) => boolean, patch: number | undefined) => void;
}

/** Names by a table, under any prefix: that of the stem's convolution is cut from all names, see `cutPrefix`. */
function naming({
  name,
  signs,
  table,
  normalise = (name) => name,
  form = ownForm,
  write,
  refuse,
}: NamingOptions): Naming {
  return {
    name,
    read(tensors) {
      const names = new Map([...tensors.keys()].map((stored) => [normalise(stored), stored]));
      const [stem, block] = signs;
      const isPrefix = (prefix: string) => (prefix === '' || prefix.endsWith('.')) && names.has(prefix + block);
      const prefixes = [...names.keys()]
        .filter((full) => full.endsWith(stem))
        .map((full) => full.slice(0, -stem.length));
      // the shortest: what wraps several copies of a model, as a detector with a mean teacher, names its own first
      const prefix = prefixes.filter(isPrefix).sort((a, b) => a.length - b.length)[0];
      if (prefix === undefined) return undefined;
      const cut = cutPrefix(names.keys(), prefix);
      const rows = typeof table === 'function' ? table(new Set(cut.keys())) : table;
      const own = translate(rows, 'read');
      refuse?.(cut.keys(), (name) => own(name) !== undefined, tensors.get(names.get(prefix + stem)!)!.shape[2]);
      const renamed = new Map<string, RenamedTensor>();
      for (const [name, full] of cut) {
        const [stored, found] = [names.get(full)!, own(name)];
        if (found !== undefined) renamed.set(stored, { name: found, ...form(found, tensors.get(stored)!, stored) });
      }
      return renamed;
    },
    write,
  };
}

type ShapeOf = (own: string, shape: readonly number[], width: number) => readonly number[];

/** What a table calls our tensors, the prefix of a task model aside, and the shapes that they then have. */
function writer(table: Table, shapeOf: ShapeOf = ownShape): NonNullable<Naming['write']> {
  const other = translate(table, 'write');
  return (tensors) => {
    const width = [...tensors].find(([name]) => ownName(name) === 'embeddings.layernorm.weight')?.[1].shape[0] ?? 0;
    const renamed = new Map<string, RenamedTensor>();
    for (const [full, { shape }] of tensors) {
      const name = other(ownName(full));
      if (name !== undefined) renamed.set(full, { name, shape: shapeOf(ownName(full), shape, width) });
    }
    return renamed;
  };
}

/** As transformers has it: in a classifier's checkpoint all but the classifier has a prefix. */
function writeOwn(tensors: ReadonlyMap<string, StoredTensor>): ReadonlyMap<string, RenamedTensor> {
  const written = writer(HF)(tensors);
  const names = [...written.values()].map(({ name }) => name);
  if (!names.includes('classifier.weight')) return written;
  const prefix = names.some((name) => name.includes('.grn.')) ? 'convnextv2' : 'convnext';
  const named = ({ name, shape }: RenamedTensor): RenamedTensor => {
    return { name: /^(classifier|pre_logits)\./.test(name) ? name : `${prefix}.${name}`, shape };
  };
  return new Map(Array.from(written, ([full, tensor]) => [full, named(tensor)]));
}

const isGrn = (own: string): boolean => /\.grn\.(weight|bias)$/.test(own);
const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** transformers and the original keep GRN's vectors ready to be multiplied with maps. */
const ownShape: ShapeOf = (own, shape) => (isGrn(own) ? [1, 1, 1, size(shape)] : shape);

/** Our name without the prefix that task models have. */
export const ownName = (name: string): string => name.replace(/^convnext(?:v2)?\./, '');

/** The widest stem of the sizes (atto to nano) whose linear maps are 1x1 convolutions in timm (`conv_mlp`). */
const WIDEST_CONV_MLP = 80;

const timmShape: ShapeOf = (own, shape, width) => {
  if (isGrn(own)) return [size(shape)];
  return /\.pwconv[12]\.weight$/.test(own) && width <= WIDEST_CONV_MLP ? [...shape, 1, 1] : shape;
};

/** The sparse convolutions' kernels: [places, in, out] or [places, channels], a window's places column by column. */
function sparseForm(own: string, tensor: StoredTensor, stored: string): Form {
  const { shape } = tensor;
  const side = Math.sqrt(shape[0]);
  if (stored.endsWith('.kernel') && Number.isInteger(side) && (shape.length === 2 || shape.length === 3)) {
    const [, a, b] = shape;
    if (shape.length === 3) return permuted([side, side, a, b], [3, 2, 1, 0]); // [w, h, in, out] -> [out, in, h, w]
    const { shape: turned, convert } = permuted([side, side, a], [2, 1, 0]); // [w, h, c] -> [c, h, w]
    return { shape: [turned[0], 1, turned[1], turned[2]], convert };
  }
  return own.endsWith('.bias') && shape.length === 2 && shape[0] === 1
    ? { shape: shape.slice(1) }
    : ownForm(own, tensor);
}

/** Keras keeps the channels last: [h, w, in, out] for convolutions, [in, out] for linear maps. */
function kerasForm(own: string, tensor: StoredTensor, stored: string): Form {
  if (!stored.includes('/kernel')) return ownForm(own, tensor);
  if (tensor.shape.length === 4) return permuted(tensor.shape, [3, 2, 0, 1]);
  return tensor.shape.length === 2 ? permuted(tensor.shape, [1, 0]) : {};
}

/** `MODEL/convnextv2/encoder/stages.0/layers.0/dwconv/kernel:0` as transformers' PyTorch twin would have it. */
function fromKeras(name: string): string {
  if (!name.includes('/')) return name;
  const [, ...parts] = name.replace(/:\d+$/, '').split('/');
  const leaf = { kernel: 'weight', gamma: 'weight', beta: 'bias' }[parts.at(-1)!] ?? parts.at(-1)!;
  return ownName([...parts.slice(0, -1), leaf].join('.'));
}

const OWN_SIGNS = ['embeddings.patch_embeddings.weight', 'encoder.stages.0.layers.0.dwconv.weight'] as const;
const FACEBOOK_STEM = 'downsample_layers.0.0.weight';

/** Whose names ConvNeXt checkpoints have, V1 and V2; fcmae and tf come after what their names look like once normalised. */
export const NAMINGS: readonly Naming[] = [
  naming({ name: 'hf', signs: OWN_SIGNS, table: HF, write: writeOwn }),
  naming({
    name: 'fb',
    signs: [FACEBOOK_STEM, 'stages.0.0.dwconv.weight'],
    table: FACEBOOK,
    write: writer(FACEBOOK),
  }),
  naming({
    name: 'fcmae',
    signs: [FACEBOOK_STEM, 'stages.0.0.dwconv.weight'],
    table: FACEBOOK,
    normalise: (name) => name.replace(/\.(?:ln|linear)\.(weight|bias)$/, '.$1').replace(/\.kernel$/, '.weight'),
    form: sparseForm,
  }),
  naming({
    name: 'timm',
    signs: ['stem.0.weight', 'stages.0.blocks.0.conv_dw.weight'],
    table: TIMM,
    normalise: (name) => name.replace(/(^|\.)(stem|stages)_(\d+)\./, '$1$2.$3.'), // features_only
    refuse: refuseTimmLayout,
    write: writer(TIMM, timmShape),
  }),
  naming({
    name: 'mm',
    signs: [FACEBOOK_STEM, 'stages.0.0.depthwise_conv.weight'],
    table: (names) =>
      names.has('norm0.weight') || names.has('norm1.weight') || names.has('norm2.weight') ? MM_BACKBONE : MM_CLASSIFIER,
  }),
  naming({
    name: 'torchvision',
    signs: ['features.0.0.weight', 'features.1.0.block.0.weight'],
    table: TORCHVISION,
    normalise: (name) => name.replace(/^(?=\d+\.\d+\.)/, 'features.'), // the body alone, as in its detectors
  }),
  naming({ name: 'tf', signs: OWN_SIGNS, table: HF, normalise: fromKeras, form: kerasForm }),
];
