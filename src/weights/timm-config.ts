/** What timm writes to config.json of a repository: which of its models it is, and what its pictures are prepared like. */
interface TimmConfig {
  readonly architecture: string;
  readonly pretrained_cfg?: unknown;
}

/** Whether a parsed config.json is timm's, which says `architecture` where transformers says `model_type`. */
export function isTimmConfig(json: unknown): json is TimmConfig {
  const { architecture, model_type } = Object(json);
  return typeof architecture === 'string' && model_type === undefined;
}

/** Keys of transformers' config.json that follow from timm's: the picture's size, and the names of the classes. */
export function timmConfigFields(config: TimmConfig): Readonly<Record<string, unknown>> {
  const { label_names, label_descriptions } = Object(config);
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
 * The preprocessor_config.json that prepares pictures as timm's config says, with timm's defaults: for `input_size` and `crop_pct`,
 * or where `useTestSize` asks for them for `test_input_size` and `test_crop_pct`, as in `resolve_model_data_config`.
 */
export function timmPreprocessor(config: TimmConfig, useTestSize = false): Readonly<Record<string, unknown>> {
  const { mean, std, crop_pct, test_crop_pct, crop_mode, interpolation } = Object(config.pretrained_cfg);
  const [height, width] = (useTestSize && sidesOf(config, 'test_input_size')) || sidesOf(config) || [224, 224];
  const filter = interpolation || 'bicubic';
  return {
    size: height === width ? { shortest_edge: height } : { height, width },
    crop_pct: (useTestSize && test_crop_pct) || crop_pct || 0.875,
    crop_mode: crop_mode || 'center',
    resample: Object.hasOwn(RESAMPLE, filter) ? RESAMPLE[filter] : filter, // what no filter is called is refused when it is read
    image_mean: mean ?? MEAN,
    image_std: std ?? STD,
  };
}

/** The [height, width] of the pictures. */
function sidesOf(
  { pretrained_cfg }: TimmConfig,
  key: 'input_size' | 'test_input_size' = 'input_size',
): readonly [number, number] | undefined {
  const size: unknown = Object(pretrained_cfg)[key]; // [channels, height, width]
  const sides: readonly unknown[] = Array.isArray(size) ? size.slice(-2) : [];
  return sides.length === 2 && sides.every(Number.isInteger) ? (sides as [number, number]) : undefined;
}
