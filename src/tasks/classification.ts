import type { ImageClassifier } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import { AutoImageProcessor } from '../image/auto.js';
import { AutoModelForImageClassification, type AutoOptions } from '../weights/auto.js';
import { readCallOptions } from './call-options.js';
import { makePipeline, type Pipeline } from './make-pipeline.js';
import { type Network, STREAM_OPTIONS, type StreamOptions, streamPictures } from './stream.js';

/** A class, and how sure the model is of it, from 0 to 1. */
export interface ClassScore {
  readonly label: string;
  readonly score: number;
}

/** How a call of the classification pipeline goes. */
export interface ClassifyOptions extends StreamOptions {
  /** How many classes to give, the surest first. Default 5. */
  readonly topK?: number;
}

/** One picture to its surest classes, several to a list of these. */
export type ImageClassificationPipeline = Pipeline<readonly ClassScore[], ClassifyOptions, ImageClassifier['config']>;

/** `pipeline('image-classification', source, options)`. */
export async function openClassificationPipeline(
  source: string | URL,
  options: Omit<AutoOptions, 'outFeatures' | 'outIndices' | 'outputHiddenStates'> = {},
): Promise<ImageClassificationPipeline> {
  const processor = await AutoImageProcessor.fromPretrained(source, options);
  const model = await AutoModelForImageClassification.fromPretrained(source, {
    ...options,
    strict: options.strict ?? 'model',
  });
  const { config } = model;
  if (config.numLabels < 1) {
    model.dispose();
    if (options.weights === 'random') {
      throw new ConvNextV2Error('E_CONFIG', { path: `${source}: /num_labels`, wanted: 'at least one class', got: '0' });
    }
    const wanted = 'a model with a classifier: classifier.weight, classifier.bias';
    throw new ConvNextV2Error('E_WEIGHTS', { path: `${source}`, wanted, got: 'one without, of 0 classes' });
  }
  return makePipeline<readonly ClassScore[], ClassifyOptions, ImageClassifier['config']>({
    async *run(pictures, given) {
      const { topK = 5, ...options } = readCallOptions<ClassifyOptions>(given, ['topK', ...STREAM_OPTIONS]);
      checkTopK(topK);
      const network: Network = (pixels) => ({ logits: model.forward(pixels).logits });
      for await (const { path, result, error } of streamPictures(network, processor, pictures, options)) {
        if (error) yield { path, error };
        else yield { path, result: surest(result.logits.data, config, topK) };
      }
    },
    config,
    dispose: async () => model.dispose(),
  });
}

/** Throws E_ARGUMENT for a count of classes that is none. */
export function checkTopK(topK: number): void {
  if (Number.isInteger(topK) && topK > 0) return;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'topK',
    wanted: 'a whole number of at least 1',
    got: show(topK),
  });
}

/**
 * The surest classes of logits. As in the reference a model of several labels at once, or of a single one, has a sigmoid of
 * each, any other a softmax of all; of equal scores the lower index comes first.
 */
export function surest(
  logits: Float32Array,
  { id2label, numLabels, problemType }: ImageClassifier['config'],
  topK: number,
): readonly ClassScore[] {
  const isSigmoid = problemType === 'multi_label_classification' || numLabels === 1;
  const scores = isSigmoid ? Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit))) : softmax(logits);
  return scores
    .map((score, i) => ({ label: id2label[i] ?? `LABEL_${i}`, score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, topK);
}

function softmax(logits: Float32Array): readonly number[] {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
