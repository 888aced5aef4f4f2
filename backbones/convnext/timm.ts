import { ConvNextV2Error, type Problem, show } from '../../src/errors.js';
import { where } from '../../src/weights/safetensors.js';

type Fields = Readonly<Record<string, unknown>>;

/** What timm's constructor is given, by architecture, where that is more than sizes; `model_args` of a config go before. */
const ARCHITECTURES: Readonly<Record<string, Fields>> = {
  convnext_zepto_rms: { norm_layer: 'simplenorm' },
  convnext_zepto_rms_ols: { norm_layer: 'simplenorm', stem_type: 'overlap_act' },
  convnext_atto_ols: { stem_type: 'overlap_tiered' },
  convnext_atto_rms: { norm_layer: 'rmsnorm2d' },
  convnext_femto_ols: { stem_type: 'overlap_tiered' },
  convnext_pico_ols: { stem_type: 'overlap_tiered' },
  convnext_nano_ols: { stem_type: 'overlap' },
  convnext_tiny_hnf: { head_norm_first: true },
  convnext_xxlarge: { norm_eps: 1e-5 },
  test_convnext: { norm_eps: 1e-5, act_layer: 'gelu_tanh' },
  test_convnext2: { norm_eps: 1e-5, act_layer: 'gelu_tanh' },
  test_convnext3: { norm_eps: 1e-5, act_layer: 'silu', kernel_sizes: [7, 5, 5, 3] },
};

/** The depths of those whose epsilon no tensor tells, for weights without a config. */
const EPSILON_OF_DEPTHS: Readonly<Record<string, number>> = { '3,4,30,3': 1e-5 };

/** Our names of timm's activations. */
const ACTIVATIONS = { gelu: 'gelu', gelu_tanh: 'gelu_new', relu: 'relu', selu: 'selu' } as const;

/** Arguments that tensors tell, or that count in training alone. */
const TOLD: readonly string[] = [
  ...['depths', 'dims', 'in_chans', 'num_classes', 'patch_size', 'conv_mlp', 'use_grn', 'ls_init_value'],
  ...['head_norm_first', 'head_hidden_size', 'head_init_scale', 'drop_rate', 'drop_path_rate', 'device', 'dtype'],
];

const isOneOf =
  (...values: readonly unknown[]) =>
  (value: unknown) =>
    values.includes(value);

/** Arguments that this network has one value for, or a few: what is wanted, and whether a value is that. */
const BUILT: Readonly<Record<string, readonly [wanted: string, isBuilt: (value: unknown) => boolean]>> = {
  stem_type: ['patch', isOneOf('patch')],
  norm_layer: ['layernorm or layernorm2d', isOneOf('layernorm', 'layernorm2d')],
  norm_eps: ['a positive number', (value) => Number.isFinite(value) && Number(value) > 0],
  act_layer: [`one of ${Object.keys(ACTIVATIONS).join(', ')}`, isOneOf(...Object.keys(ACTIVATIONS))],
  kernel_sizes: ['7', (value) => [value].flat().every((side) => side === 7)],
  output_stride: ['32', isOneOf(32)],
  conv_bias: ['true', isOneOf(true)],
  global_pool: ['avg', isOneOf('avg', 'fast', 'fastavg', '')],
};

/**
 * The keys of our config.json that timm's config of a ConvNeXt tells, where no tensor does. Throws E_CONFIG for arguments of a
 * network that is not built here, with all that there are; `file` is for messages.
 */
export function timmModelFields(config: Fields, file: string): Fields {
  const [architecture] = String(config.architecture).split('.'); // less its tag: convnext_xxlarge.clip_laion2b_soup
  const own: Fields = Object.hasOwn(ARCHITECTURES, architecture) ? ARCHITECTURES[architecture] : {};
  // an argument that is null is not given, as in timm
  const given: Fields = withoutNull(Object(config.model_args));
  const problems = (args: Fields, at: string): readonly Problem[] =>
    Object.entries(args).flatMap(([name, value]) => {
      if (TOLD.includes(name)) return [];
      if (!Object.hasOwn(BUILT, name)) {
        return [{ path: `${at}/${name}`, wanted: 'an argument of a ConvNeXt that is known here', got: show(value) }];
      }
      const [wanted, isBuilt] = BUILT[name];
      return isBuilt(value) ? [] : [{ path: `${at}/${name}`, wanted, got: show(value) }];
    });
  const implied = Object.fromEntries(Object.entries(own).filter(([name]) => !Object.hasOwn(given, name)));
  const found = [
    ...problems(implied, `${file}: /architecture: ${architecture}`),
    ...problems(given, `${file}: /model_args`),
    ...problems(withoutNull({ global_pool: config.global_pool }), `${file}: `),
  ];
  if (found.length > 0) throw new ConvNextV2Error('E_CONFIG', found);
  const { norm_eps, act_layer, head_norm_first } = { ...own, ...given };
  return {
    ...(typeof norm_eps === 'number' && { norm_eps, layer_norm_eps: norm_eps }),
    ...(act_layer !== undefined && { hidden_act: ACTIVATIONS[act_layer as keyof typeof ACTIVATIONS] }),
    ...(head_norm_first === true && { head_norm_first }),
  };
}

const withoutNull = (args: object): Fields =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value != null));

/** The epsilons of timm's network of these depths, where it has others than the rest. */
export function timmEpsilons(depths: readonly number[]): Fields {
  const epsilon = EPSILON_OF_DEPTHS[depths.join()];
  return epsilon === undefined ? {} : { norm_eps: epsilon, layer_norm_eps: epsilon };
}

/** From this side of the stem's patches on, timm has dilated convolutions in place of some of the halvings. */
const DILATED_FROM = 8;

/**
 * Throws E_WEIGHTS where tensors, by timm's names, are those of a network that is not built here: stems that overlap, norms with
 * running means, patches so large that timm dilates the stages. Tensors of a custom head are ignored. `isKnown` tells which names are
 * known; `file` is for messages.
 */
export function refuseTimmLayout(
  names: Iterable<string>,
  isKnown: (name: string) => boolean,
  patch: number | undefined,
  file: string,
): void {
  const all = [...names];
  const unknown = all.filter((name) => /^(?:stem|stages|norm_pre)\./.test(name) && !isKnown(name));
  if (unknown.length > 0) {
    throw new ConvNextV2Error('E_WEIGHTS', {
      path: `${file}: ${unknown.slice(0, 3).join(', ')}`,
      wanted: "timm's ConvNeXt with a stem of patches and layer norms",
      got: 'tensors of another layout of timm',
      suggestion: 'overlapping stems (stem_type) and other norms (norm_layer) are not built here',
    });
  }
  if (patch !== undefined && patch >= DILATED_FROM) {
    throw new ConvNextV2Error('E_WEIGHTS', {
      path: where(file, 'stem.0.weight'),
      wanted: `patches of fewer than ${DILATED_FROM} pixels: with larger ones timm dilates its convolutions`,
      got: String(patch),
    });
  }
}
