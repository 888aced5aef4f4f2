import type { ImageSource } from '../image/image-source.js';
import type { Streamed } from './stream.js';

/** A task that is ready: one picture to its result, several to a list. The first picture that fails throws. */
export interface Pipeline<Result, Options, Config = unknown> {
  (picture: ImageSource, options?: Options): Promise<Result>;
  (pictures: readonly ImageSource[], options?: Options): Promise<readonly Result[]>;
  /** Of the model. */
  readonly config: Config;
  /** Frees the model, and ends its worker where it has one. */
  dispose(): Promise<void>;
}

/** A pipeline of what goes through pictures. */
export function makePipeline<Result, Options, Config>({
  run,
  config,
  dispose,
}: {
  readonly run: (
    pictures: readonly ImageSource[],
    options: Options | Record<string, never>,
  ) => AsyncIterable<Streamed<ImageSource, Result>>;
  readonly config: Config;
  readonly dispose: () => Promise<void>;
}): Pipeline<Result, Options, Config> {
  async function call(pictures: ImageSource | readonly ImageSource[], options: Options | Record<string, never> = {}) {
    const results: Result[] = [];
    const list = Array.isArray(pictures) ? (pictures as readonly ImageSource[]) : [pictures as ImageSource];
    for await (const { result, error } of run(list, options)) {
      if (error) throw error;
      results.push(result);
    }
    return list === pictures ? results : results[0];
  }
  return Object.assign(call as Pipeline<Result, Options, Config>, { config, dispose });
}
