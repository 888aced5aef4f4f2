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
  const size = sizeOf(config);
  const labels = Array.isArray(label_names) && label_names.every((name) => typeof name === 'string') ? label_names : [];
  const describe = (name: string): string => {
    const found: unknown = Object.hasOwn(Object(label_descriptions), name) && Object(label_descriptions)[name];
    return typeof found === 'string' ? found : name;
  };
  return {
    ...(size !== undefined && { image_size: size }),
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

/** The preprocessor_config.json of transformers that prepares pictures as timm's config says. */
export function timmPreprocessor(config: TimmConfig): Readonly<Record<string, unknown>> {
  const { mean, std, crop_pct, interpolation } = Object(config.pretrained_cfg);
  return {
    size: { shortest_edge: sizeOf(config) ?? 224 },
    ...(Array.isArray(mean) && { image_mean: mean }),
    ...(Array.isArray(std) && { image_std: std }),
    ...(typeof crop_pct === 'number' && { crop_pct }),
    ...(Object.hasOwn(RESAMPLE, interpolation) && { resample: RESAMPLE[interpolation] }),
  };
}

function sizeOf({ pretrained_cfg }: TimmConfig): number | undefined {
  const { input_size } = Object(pretrained_cfg); // [channels, height, width]
  const side: unknown = Array.isArray(input_size) ? input_size.at(-1) : undefined;
  return Number.isInteger(side) ? (side as number) : undefined;
}
