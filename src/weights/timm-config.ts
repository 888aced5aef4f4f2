/** What timm writes to config.json of a repository: which of its models it is, and what its pictures are prepared like. */
interface TimmConfig {
  readonly architecture: string;
  /** Older versions have its keys beside `architecture`. */
  readonly pretrained_cfg?: unknown;
}

const pretrainedConfig = (config: TimmConfig): Readonly<Record<string, unknown>> =>
  Object(config.pretrained_cfg ?? config);

/** Whether a parsed config.json is timm's, which says `architecture` where transformers says `model_type`. */
export function isTimmConfig(json: unknown): json is TimmConfig {
  const { architecture, model_type } = Object(json);
  return typeof architecture === 'string' && model_type === undefined;
}

/** Keys of transformers' config.json that follow from timm's: the picture's size, and the names of the classes. */
export function timmConfigFields(config: TimmConfig): Readonly<Record<string, unknown>> {
  const given: Readonly<Record<string, unknown>> = { ...pretrainedConfig(config), ...config };
  const { label_names = given.labels, label_descriptions } = given;
  const [height, width] = sidesOf(config) ?? [];
  const labels = Array.isArray(label_names) && label_names.every((name) => typeof name === 'string') ? label_names : [];
  const describe = (name: string): string => {
    const found: unknown = Object.hasOwn(Object(label_descriptions), name) && Object(label_descriptions)[name];
    return typeof found === 'string' ? found : name;
  };
  return {
    ...(height !== undefined && { image_size: height === width ? height : [height, width] }),
    ...(labels.length > 0 && { id2label: Object.fromEntries(labels.map((name, i) => [i, describe(name)])) }),
  };
}

/** `interpolation` by PIL's numbers. */
const RESAMPLE: Readonly<Record<string, number>> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
  hamming: 5,
};

/** ImageNet's means and deviations: what timm takes where its config has none. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/**
 * The preprocessor_config.json that prepares pictures as timm's config says, with timm's defaults. It is for `input_size`, as in
 * `resolve_model_data_config`; with `useTestSize` for `test_input_size` and `test_crop_pct`, each where there is one.
 */
export function timmPreprocessor(
  config: TimmConfig,
  { useTestSize = false }: { readonly useTestSize?: boolean } = {},
): Readonly<Record<string, unknown>> {
  const given = pretrainedConfig(config);
  const { mean, std, crop_mode, interpolation } = given;
  const [height, width] = (useTestSize && sides(given.test_input_size)) || sidesOf(config) || [224, 224];
  const crop_pct = (useTestSize && given.test_crop_pct) || given.crop_pct;
  const filter = String(interpolation || 'bicubic');
  return {
    size: height === width ? { shortest_edge: height } : { height, width },
    crop_pct: crop_pct || 0.875,
    crop_mode: crop_mode || 'center',
    resample: Object.hasOwn(RESAMPLE, filter) ? RESAMPLE[filter] : filter, // what no filter is called is refused when it is read
    image_mean: mean ?? MEAN,
    image_std: std ?? STD,
  };
}

/** The [height, width] of the pictures. */
const sidesOf = (config: TimmConfig) => sides(pretrainedConfig(config).input_size);

/** The [height, width] of a size [channels, height, width]. */
function sides(size: unknown): readonly [number, number] | undefined {
  const found: readonly unknown[] = Array.isArray(size) ? size.slice(-2) : [];
  return found.length === 2 && found.every(Number.isInteger) ? (found as [number, number]) : undefined;
}
