import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { checkOptions } from '../weights/pretrained-options.js';
import { openPreprocessor, type PreprocessorOptions } from '../weights/source.js';
import { ConvNextImageProcessor } from './processor.js';
import { SEGFORMER_NAMES, SegformerImageProcessor } from './segformer-processor.js';

/** The classes of the reference, old and new, that do what ConvNextImageProcessor does. */
const CONVNEXT_NAMES: readonly string[] = [
  'ConvNextImageProcessor',
  'ConvNextImageProcessorFast',
  'ConvNextImageProcessorPil',
  'ConvNextFeatureExtractor',
];

/** Chooses the processor that a preprocessor_config.json names. */
export const AutoImageProcessor = {
  /**
   * From a folder or a model of the Hub with a preprocessor_config.json, the file itself, or the name of a shipped config
   * (ImageNet's at its size). Throws E_SOURCE, E_JSON, E_LIMIT, E_CONFIG, E_NETWORK.
   */
  async fromPretrained(
    source: string | URL,
    options?: PreprocessorOptions,
  ): Promise<ConvNextImageProcessor | SegformerImageProcessor> {
    checkOptions(options ?? {});
    const { json, file } = await openPreprocessor(source, options);
    return AutoImageProcessor.fromJSON(json, file);
  },

  /** From a parsed file; `file` is for messages. One that names no type is taken as ours. Throws E_CONFIG. */
  fromJSON(json: unknown, file: string): ConvNextImageProcessor | SegformerImageProcessor {
    const { image_processor_type, feature_extractor_type } = Object(json);
    const key = image_processor_type == null ? 'feature_extractor_type' : 'image_processor_type';
    const type = image_processor_type ?? feature_extractor_type ?? CONVNEXT_NAMES[0];
    if (SEGFORMER_NAMES.includes(type)) return SegformerImageProcessor.fromJSON(json, file);
    if (CONVNEXT_NAMES.includes(type)) return ConvNextImageProcessor.fromJSON(json, file);
    const known = [...CONVNEXT_NAMES, ...SEGFORMER_NAMES];
    throw new ConvNextV2Error('E_CONFIG', {
      path: `${file}: /${key}`,
      wanted: `one of ${known.join(', ')}`,
      got: show(type),
      suggestion: typeof type === 'string' ? didYouMean(type, known) : undefined,
    });
  },
};
