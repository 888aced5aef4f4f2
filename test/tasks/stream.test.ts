import { setTimeout as pause } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { ConvNextV2Error } from '../../src/errors.js';
import { type Network, type PictureProcessor, type StreamOptions, streamPictures } from '../../src/tasks/stream.js';
import { failure } from '../helpers.js';

/** What happens to pictures that are called by their size, as 2, 3, or by what is wrong with them. */
function rehearsal() {
  const begun: string[] = [];
  const batches: string[] = [];
  const processor: PictureProcessor = {
    async preprocess(picture) {
      const at = begun.push(String(picture));
      await pause(at % 2); // not in the order in which they were begun
      if (picture === 'broken') throw new ConvNextV2Error('E_IMAGE', { path: picture, wanted: 'one', got: 'none' });
      if (picture === 'far') throw new ConvNextV2Error('E_NETWORK', { path: picture, wanted: 'one', got: 'none' });
      if (picture === 'bug') throw new TypeError('a bug');
      const side = Number.parseInt(String(picture), 10);
      return { pixelValues: tf.fill([1, side, side, 1], String(picture).endsWith('!') ? Number.NaN : at) };
    },
  };
  const network: Network = (pixels) => {
    batches.push(pixels.shape.join('x'));
    if (pixels.shape[1] === 9) throw new ConvNextV2Error('E_SHAPE', { path: 'pixels', wanted: 'others', got: '9' });
    if (pixels.shape[1] === 8) throw new ConvNextV2Error('E_DISPOSED', { path: 'a', wanted: 'b', got: 'c' });
    return { sum: tf.sum(pixels, [1, 2]), twice: tf.mul(pixels, 2) };
  };
  const stream = (pictures: readonly string[], options: StreamOptions = {}) =>
    streamPictures(network, processor, pictures, options);
  return { begun, batches, stream };
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('streamPictures', () => {
  before(() => useBackend('cpu'));

  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors left over').to.equal(tensors);
  });

  it('gives the outputs of each picture, in order', async () => {
    const { stream } = rehearsal();
    const items = await collect(stream(['2', '3', '2']));
    expect(items.map(({ path }) => path)).to.deep.equal(['2', '3', '2']);
    // the third picture is 2 x 2 pixels of 3: its sum is 12
    expect(items[2].result).to.deep.equal({
      sum: { data: Float32Array.of(12), shape: [1] },
      twice: { data: Float32Array.of(6, 6, 6, 6), shape: [2, 2, 1] },
    });
    // the second: 3 x 3 pixels of 2
    expect(items[1].result!.sum.data).to.deep.equal(Float32Array.of(18));
  });

  it('computes those of equal size at once, of batchSize pictures in turn', async () => {
    const { batches, stream } = rehearsal();
    await collect(stream(['2', '3', '2', '2', '3', '3', '3'], { batchSize: 4 }));
    expect(batches).to.deep.equal(['3x2x2x1', '1x3x3x1', '3x3x3x1']);
  });

  it('takes 4 at once by default', async () => {
    const { batches, stream } = rehearsal();
    await collect(stream(Array(9).fill('2')));
    expect(batches).to.deep.equal(['4x2x2x1', '4x2x2x1', '1x2x2x1']);
  });

  it('begins `concurrency` pictures ahead, and no more', async () => {
    const { begun, batches, stream } = rehearsal();
    const items = stream(Array(20).fill('2'), { batchSize: 2, concurrency: 3 });
    for (let given = 1; given <= 20; given++) {
      await items.next();
      // those given and the rest of the last batch are computed; three more are on their way
      expect(begun.length, `after ${given}`).to.equal(Math.min(20, 2 * batches.length + 3));
    }
    expect((await items.next()).done).to.equal(true);
  });

  it('goes on after a picture that is broken, cannot be fetched, or is refused by the network', async () => {
    const { batches, stream } = rehearsal();
    const items = await collect(stream(['2', 'broken', '9', '2', 'far']));
    expect(items.map(({ error }) => error?.code)).to.deep.equal([
      undefined,
      'E_IMAGE',
      'E_SHAPE',
      undefined,
      'E_NETWORK',
    ]);
    expect(batches).to.deep.equal(['2x2x2x1', '1x9x9x1']);
  });

  it('passes on no NaN, and the others of its batch', async () => {
    const { stream } = rehearsal();
    const [one, two] = await collect(stream(['2', '2!']));
    expect(one.result).to.have.keys('sum', 'twice');
    expect(two.error).to.include({ code: 'E_NON_FINITE', path: 'sum', got: 'NaN at 0' });
  });

  it('ends with what is no fault of a picture', async () => {
    const { begun, stream } = rehearsal();
    const disposed = await failure(() => collect(stream(['2', '2', '2', '2', '8', '2', '2'], { concurrency: 2 })));
    expect(disposed.code).to.equal('E_DISPOSED');
    const error = await collect(stream(['bug', '2', '2'])).catch((error) => error);
    expect(error).to.be.instanceOf(TypeError);
    expect(begun.at(-1)).to.equal('2');
  });

  it('leaves nothing behind after a break, and begins nothing more', async () => {
    const { begun, stream } = rehearsal();
    for await (const { path } of stream(Array(30).fill('2'), { batchSize: 4, concurrency: 6 })) {
      expect(path).to.equal('2');
      break;
    }
    expect(tf.memory().numTensors).to.equal(tensors);
    await pause(10);
    expect(begun).to.have.length(10);
  });

  it('stops when it is told to: before, while pictures are read, and between two of a batch', async () => {
    const { begun, stream } = rehearsal();
    const early = await failure(() => collect(stream(['2'], { signal: AbortSignal.abort() })));
    expect([early.code, begun.length]).to.deep.equal(['E_ABORTED', 0]);

    const reading = new AbortController();
    const next = stream(Array(30).fill('2'), { signal: reading.signal }).next();
    reading.abort(new Error('enough'));
    const { code, got, cause } = await failure(() => next);
    expect([code, got, (cause as Error).message]).to.deep.equal(['E_ABORTED', '"Error: enough"', 'enough']);
    expect(begun).to.have.length(4);

    const between = new AbortController();
    const items = stream(Array(30).fill('2'), { signal: between.signal, concurrency: 1 });
    await items.next();
    between.abort();
    expect((await failure(() => items.next())).code).to.equal('E_ABORTED');
    expect(begun).to.have.length(4 + 5);
    expect((await items.next()).done).to.equal(true);
  });

  it('does nothing for no pictures', async () => {
    expect(await collect(rehearsal().stream([]))).to.deep.equal([]);
  });

  it('refuses counts that are none', async () => {
    const { stream } = rehearsal();
    for (const [options, path] of [
      [{ batchSize: 0 }, 'batchSize'],
      [{ batchSize: 1.5 }, 'batchSize'],
      [{ concurrency: 0 }, 'concurrency'],
      [{ concurrency: Number.NaN }, 'concurrency'],
    ] as const) {
      const error = await failure(() => collect(stream(['2'], options)));
      expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', path]);
    }
  });
});
