import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { openClassificationPipeline } from './classification.js';
import { openDetectionPipeline, openInstancePipeline } from './detection.js';
import { openFeaturePipeline } from './features.js';
import { openSegmentationPipeline } from './segmentation.js';

/** The tasks, and what opens a pipeline for each. */
const TASKS = {
  'image-classification': openClassificationPipeline,
  'image-feature-extraction': openFeaturePipeline,
  'instance-segmentation': openInstancePipeline,
  'object-detection': openDetectionPipeline,
  'semantic-segmentation': openSegmentationPipeline,
};

/** The name of a task that `pipeline` can do. */
export type Task = keyof typeof TASKS;
/** What the pipeline of a task is opened with. */
export type PipelineOptions<T extends Task> = NonNullable<Parameters<(typeof TASKS)[T]>[1]>;
/** The pipeline of a task. */
export type PipelineOf<T extends Task> = Awaited<ReturnType<(typeof TASKS)[T]>>;

/**
 * A function from pictures to plain data, as transformers.js has it: `await (await pipeline(task, source))('cat.jpg')`. One
 * picture gives one result, a list a list; the first picture that fails throws. Whoever opens it disposes it.
 * Throws E_ARGUMENT for an unknown task, what `fromPretrained` throws for the source, and E_PLUGIN where its kind of model
 * cannot do the task.
 */
export async function pipeline<T extends Task>(
  task: T,
  source: string | URL,
  options?: PipelineOptions<T>,
): Promise<PipelineOf<T>> {
  if (Object.hasOwn(TASKS, task)) {
    const open = TASKS[task] as (source: string | URL, options?: PipelineOptions<T>) => Promise<PipelineOf<T>>;
    return open(source, options);
  }
  const names = Object.keys(TASKS);
  throw new ConvNextV2Error('E_ARGUMENT', {
    path: 'task',
    wanted: `one of ${names.join(', ')}`,
    got: show(task),
    suggestion: didYouMean(String(task), names),
  });
}
