import type { MessagePort } from 'node:worker_threads';
import { useBackend } from '../backend/use-backend.js';
import { packError } from '../errors.js';
import type { ImageSource } from '../image/image-source.js';
import { END, packThrown, type Reply, type Run, type Setup } from './crossing.js';
import { type FeatureMapData, openExtractor } from './extractor.js';
import type { Streamed } from './stream.js';

type Items = AsyncGenerator<Streamed<ImageSource, readonly FeatureMapData[]>>;

/** The worker's side: opens the model, and serves runs until it is told to end. */
export async function serveExtractor(parent: MessagePort, { source, options, backend }: Setup): Promise<void> {
  try {
    if (backend) await useBackend(backend);
    const { extract } = await openExtractor(source, options);
    const running = new Set<Items>();
    parent.on('message', async (message: Run | typeof END) => {
      if (message === END) {
        await Promise.allSettled(Array.from(running, (items) => items.return(undefined)));
        process.exit();
      }
      const { pictures, options, port } = message;
      const items = extract(pictures, options);
      running.add(items);
      port.once('close', () => items.return(undefined).finally(() => running.delete(items)));
      serve(items, port);
    });
    parent.postMessage(undefined);
  } catch (error) {
    parent.postMessage(packThrown(error));
  }
}

/** Gives one reply for each message; the next picture is already computed while the last reply is looked at. */
function serve(items: Items, port: MessagePort): void {
  let next = replyOf(items);
  port.on('message', async () => {
    const reply = await next;
    port.postMessage(
      reply,
      (reply.result ?? []).map(({ data }) => data.buffer as ArrayBuffer),
    );
    next = replyOf(items);
  });
}

/** Never rejects: nobody may be asking any more. */
async function replyOf(items: Items): Promise<Reply> {
  try {
    const { value } = await items.next();
    return value?.error ? { error: packError(value.error) } : { result: value?.result ?? [] };
  } catch (error) {
    return { end: packThrown(error) };
  }
}
