import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/index.js';
import {
  bufferToImage,
  Canvas,
  createCanvasFromMedia,
  env,
  fetchImage,
  Image,
  ImageData,
  imageTensorToCanvas,
  loadImage,
} from '../../src/tirb/index.js';
import { failure } from '../helpers.js';
import { twoColours } from './two-colours.js';

const PICTURE = 'examples/pictures/chelsea.png';

describe('images', () => {
  it('load as in a browser', async () => {
    const image = new Image();
    expect([image.complete, image.naturalWidth]).to.deep.equal([true, 0]);
    const told: string[] = [];
    image.onload = () => told.push('onload');
    image.addEventListener('error', () => told.push('error'));
    image.src = twoColours(9, 9); // of no more interest
    image.addEventListener('load', () => told.push('listener'));
    const removed = () => told.push('removed');
    image.addEventListener('load', removed);
    image.removeEventListener('load', removed);
    image.src = `data:image/png;base64,${readFileSync(PICTURE).toString('base64')}`;
    expect(image.complete).to.equal(false);
    await image.decode();
    await new Promise(setImmediate);
    expect(told).to.deep.equal(['onload', 'listener']);
    expect([image.complete, image.naturalWidth, image.naturalHeight]).to.deep.equal([true, 451, 300]);

    const bytes = Array.from(
      readFileSync('examples/pictures/rocket.jpg'),
      (byte) => `%${byte.toString(16).padStart(2, '0')}`,
    );
    expect((await loadImage(`data:image/jpeg,${bytes.join('')}`)).width).to.be.above(100);

    const raced = new Image();
    raced.src = PICTURE;
    const first = raced.decode();
    raced.src = twoColours(9, 9);
    await Promise.all([first, raced.decode()]);
    expect(raced.width).to.equal(9);

    const errors: unknown[] = [];
    image.onerror = (error) => errors.push(error);
    image.src = 'no-such.png';
    expect((await failure(() => image.decode())).code).to.equal('E_IMAGE');
    await new Promise(setImmediate);
    expect(errors).to.have.length(1);
    expect(image.complete).to.equal(true);
    expect((await failure(() => createCanvasFromMedia(image))).code).to.equal('E_IMAGE');
  });

  it('come from files, and from URLs', async () => {
    const bytes = new Uint8Array(readFileSync(PICTURE));
    expect((await bufferToImage(new Blob([bytes]))).width).to.equal(451);
    const { fetch } = env.getEnv();
    const answer = (type: string) => {
      env.monkeyPatch({ ...env.getEnv(), fetch: async () => new Response(new Blob([bytes], { type })) });
    };
    answer('image/png');
    expect((await fetchImage('http://localhost/cat.png')).height).to.equal(300);
    answer('text/html');
    expect((await failure(() => fetchImage('http://localhost/cat.png'))).code).to.equal('E_IMAGE');
    env.monkeyPatch({ ...env.getEnv(), fetch });
  });

  it('are made from tensors', async () => {
    await useBackend('cpu');
    const { numTensors } = tf.memory();
    const tensor = tf.tensor3d([1, 2, 3, 250.6, 300, -1], [1, 2, 3]);
    const canvas = (await imageTensorToCanvas(tensor)) as Canvas;
    const pixels = [1, 2, 3, 255, 251, 255, 0, 255];
    expect([...(await canvas.toRawImage()).data]).to.deep.equal(pixels);
    const own = new Canvas(7, 7);
    const batch = tf.expandDims(tensor);
    expect(await imageTensorToCanvas(batch, own)).to.equal(own);
    expect([...(await own.toRawImage()).data]).to.deep.equal(pixels);
    const twice = tf.concat([batch, batch]);
    expect((await failure(() => imageTensorToCanvas(twice))).code).to.equal('E_SHAPE');
    tf.dispose([tensor, batch, twice]);
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('have data that fit their size', async () => {
    expect((await failure(() => new ImageData(new Uint8ClampedArray(9), 2))).code).to.equal('E_ARGUMENT');
    expect((await failure(() => new ImageData(new Uint8ClampedArray(16), 2, 3))).code).to.equal('E_ARGUMENT');
    for (const side of [-1, 1.5, Number.NaN]) {
      expect((await failure(() => new ImageData(side, 2))).code).to.equal('E_ARGUMENT');
    }
    expect((await failure(() => new ImageData(2 ** 30, 2 ** 20))).code).to.equal('E_LIMIT');
    expect([...new ImageData(1, 2).data]).to.deep.equal(Array(8).fill(0));
    expect(new ImageData(new Uint8ClampedArray(16), 2).height).to.equal(2);
  });
});
