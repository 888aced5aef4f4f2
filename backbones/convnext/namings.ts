import type { Naming, RenamedTensor, StoredTensor } from '../../src/contracts.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { cutPrefix } from '../../src/weights/prefix.js';
import { where } from '../../src/weights/safetensors.js';
import { permuted } from '../../src/weights/strided.js';
import { FACEBOOK, HF, mmTable, type Table, TIMM, TORCHVISION, timmTable, translate } from './name-tables.js';
import { refuseTimmLayout } from './timm.js';

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
  readonly refuse?: typeof refuseTimmLayout;
}

/** Throws E_WEIGHTS for blocks with the response norm of V2 and the layer scale of V1: no network here has both. */
function refuseBothScales(renamed: ReadonlyMap<string, RenamedTensor>, file: string): void {
  const named = [...renamed];
  const [scale] = named.find(([, { name }]) => name.endsWith('.layer_scale_parameter')) ?? [];
  if (scale === undefined || !named.some(([, { name }]) => name.includes('.grn.'))) return;
  throw new ConvNextV2Error('E_WEIGHTS', {
    path: where(file, scale),
    wanted: 'a layer scale (V1) or a response norm (V2), not both',
    got: 'both',
  });
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
    read(tensors, file = name) {
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
      refuse?.(cut.keys(), (name) => own(name) !== undefined, tensors.get(names.get(prefix + stem)!)!.shape[2], file);
      const renamed = new Map<string, RenamedTensor>();
      for (const [name, full] of cut) {
        const [stored, found] = [names.get(full)!, own(name)];
        if (found !== undefined) renamed.set(stored, { name: found, ...form(found, tensors.get(stored)!, stored) });
      }
      refuseBothScales(renamed, file);
      return renamed;
    },
    write,
  };
}

type ShapeOf = (own: string, shape: readonly number[], width: number) => readonly number[];

/**
 * What a table calls our tensors, the prefix of a task model aside, and the shapes that they then have. Throws E_ARGUMENT where it
 * has no name for a layer of the network; output norms and what is not ours are left out.
 */
function writer(called: string, table: Table, shapeOf: ShapeOf = ownShape): NonNullable<Naming['write']> {
  const other = translate(table, 'write');
  const isOurs = translate(HF, 'write');
  return (tensors) => {
    const width = [...tensors].find(([name]) => ownName(name) === 'embeddings.layernorm.weight')?.[1].shape[0] ?? 0;
    const renamed = new Map<string, RenamedTensor>();
    const used = new Set<string>();
    for (const [full, { shape }] of tensors) {
      const own = ownName(full);
      const name = other(own);
      const isNamed = name !== undefined && !used.has(name);
      if (!isNamed && isOurs(own) !== undefined && !own.startsWith('hidden_states_norms.')) {
        throw new ConvNextV2Error('E_ARGUMENT', {
          path: 'naming',
          wanted: `one that has names for all layers of the model, such as ${own}`,
          got: called,
          suggestion: 'hf and timm have them',
        });
      }
      if (name === undefined) continue;
      used.add(name);
      renamed.set(full, { name, shape: shapeOf(own, shape, width) });
    }
    return renamed;
  };
}

/** As transformers has it: in a classifier's checkpoint all but the classifier has a prefix. */
function writeOwn(tensors: ReadonlyMap<string, StoredTensor>): ReadonlyMap<string, RenamedTensor> {
  const written = writer('hf', HF)(tensors);
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
    write: writer('fb', FACEBOOK),
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
    table: timmTable,
    normalise: (name) => name.replace(/(^|\.)(stem|stages)_(\d+)\./, '$1$2.$3.'), // features_only
    refuse: refuseTimmLayout,
    write: writer('timm', TIMM, timmShape),
  }),
  naming({
    name: 'mm',
    signs: [FACEBOOK_STEM, 'stages.0.0.depthwise_conv.weight'],
    table: mmTable,
  }),
  naming({
    name: 'torchvision',
    signs: ['features.0.0.weight', 'features.1.0.block.0.weight'],
    table: TORCHVISION,
    normalise: (name) => name.replace(/^(?=\d+\.\d+\.)/, 'features.'), // the body alone, as in its detectors
  }),
  naming({ name: 'tf', signs: OWN_SIGNS, table: HF, normalise: fromKeras, form: kerasForm }),
];
