import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextV2Config,
  encodePng,
  pipeline,
  SegformerImageProcessor,
  type Segmenter,
  segmentImage,
  UperNetConfig,
  UperNetForSemanticSegmentation,
  useBackend,
} from '../../src/index.js';
import { failure } from '../helpers.js';

/** A segmenter that sees class 1 where a pixel is bright, by means of 4 x 4 pixels. */
function brightness(numLabels = 2): Segmenter & { readonly sizes: string[] } {
  const sizes: string[] = [];
  const coarseLogits = (pixels: tf.Tensor4D): tf.Tensor4D =>
    tf.tidy(() => {
      sizes.push(`${pixels.shape[1]}x${pixels.shape[2]}`);
      const light = tf.mean<tf.Tensor4D>(tf.avgPool(pixels, 4, 4, 'valid'), 3, true);
      const rest = Array.from({ length: numLabels - 2 }, () => tf.fill(light.shape, -9) as tf.Tensor4D);
      return tf.concat([tf.zerosLike(light), light, ...rest], 3);
    });
  return {
    sizes,
    config: { id2label: { 0: 'dark', 1: 'bright' }, numLabels },
    smallest: 32,
    coarseLogits,
    forward: () => ({ logits: tf.zeros([1, 1, 1, 1]) }),
    parameters: new Map(),
    dispose: () => {},
  };
}

const processor = new SegformerImageProcessor({ size: 64 });

/** Black on the left, white on the right of column `edge`. */
function picture(height: number, width: number, edge: number) {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => (Math.floor(i / 3) % width < edge ? 0 : 255));
  return { data, height, width, channels: 3 };
}

describe('segmenting a picture', () => {
  before(() => useBackend('cpu'));

  it('gives classes at its own size, and segments, the largest first', async () => {
    const before = tf.memory().numTensors;
    const model = brightness();
    const { classes, width, height, segments } = await segmentImage(model, processor, picture(64, 64, 24));
    expect([width, height, model.sizes]).to.deep.equal([64, 64, ['64x64']]);
    expect([...classes.slice(0, 64)]).to.deep.equal(Array.from({ length: 64 }, (_, x) => Number(x >= 24)));
    expect(segments.map(({ label, id, area }) => [label, id, area])).to.deep.equal([
      ['bright', 1, 64 * 40],
      ['dark', 0, 64 * 24],
    ]);
    expect(segments[1].mask.area).to.equal(64 * 24);
    expect([segments[1].mask.has(23, 5), segments[1].mask.has(24, 5)]).to.deep.equal([true, false]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  for (const [height, width] of [
    [1, 1],
    [37, 500],
    [70, 33],
  ]) {
    it(`takes a picture of ${height} x ${width}, whole and by windows`, async () => {
      for (const mode of ['whole', 'slide'] as const) {
        const model = brightness();
        const result = await segmentImage(model, processor, picture(height, width, width / 2), { mode, crop: 64 });
        expect([result.height, result.width, result.classes.length]).to.deep.equal([height, width, height * width]);
        expect(result.classes[0]).to.equal(0);
        expect(result.classes[width - 1]).to.equal(Number(width > 1));
      }
    });
  }

  it('slides over a picture at its own size, or at that of its shorter side', async () => {
    const model = brightness();
    await segmentImage(model, processor, picture(100, 200, 50), { mode: 'slide', crop: 64, stride: 64 });
    expect(model.sizes).to.deep.equal(Array.from({ length: 2 * 4 }, () => '64x64'));
    const smaller = brightness();
    await segmentImage(smaller, processor, picture(100, 800, 50), { mode: 'slide', crop: 400, shortestEdge: 50 });
    expect(smaller.sizes).to.deep.equal(['32x200']); // 4 times 50 at most, and so 25, of which the network takes no less than 32
  });

  it('looks several times, counts its windows, and stops when it is told to', async () => {
    const model = brightness();
    const seen: string[] = [];
    const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) =>
      seen.push(`${done}/${total}`);
    const options = { scales: [1, 0.5], flip: 'horizontal', onProgress } as const;
    const { classes } = await segmentImage(model, processor, picture(64, 64, 24), options);
    expect(model.sizes).to.deep.equal(['64x64', '64x64', '32x32', '32x32']);
    expect(seen).to.deep.equal(['1/4', '2/4', '3/4', '4/4']);
    expect([...classes.slice(0, 64)]).to.deep.equal(Array.from({ length: 64 }, (_, x) => Number(x >= 24)));
    const controller = new AbortController();
    const stop = () => controller.abort();
    const slide = { mode: 'slide', crop: 32, onProgress: stop, signal: controller.signal } as const;
    expect((await failure(() => segmentImage(model, processor, picture(64, 64, 24), slide))).code).to.equal(
      'E_ABORTED',
    );
  });

  it('gives 16 bits where there are more than 256 classes', async () => {
    const { classes } = await segmentImage(brightness(300), processor, picture(40, 40, 20));
    expect(classes).to.be.instanceOf(Uint16Array);
  });

  it('refuses options that cannot be, and logits that are not finite', async () => {
    const wrong = [
      ...[{ mode: 'slid' }, { crop: 16 }, { stride: 600 }, { scales: [] }, { scales: [0] }, { scales: ['1'] }],
      ...[{ flip: true }, { onProgress: true }, { threshold: 0.5 }, { overlap_mask_area_threshold: 0.5 }, { scale: 2 }],
    ];
    for (const options of wrong) {
      const error = await failure(() => segmentImage(brightness(), processor, picture(8, 8, 4), options as never));
      expect([error.code, error.path]).to.deep.equal(['E_ARGUMENT', Object.keys(options)[0]]);
    }
    const broken = { ...brightness(), coarseLogits: () => tf.fill<tf.Rank.R4>([1, 2, 2, 2], Number.NaN) };
    const before = tf.memory().numTensors;
    expect((await failure(() => segmentImage(broken, processor, picture(8, 8, 4)))).code).to.equal('E_NON_FINITE');
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('is a pipeline over a source', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'convnextv2-segment-'));
    try {
      const body = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [4, 5, 6, 7], outIndices: [1, 2, 3, 4] });
      const config = new UperNetConfig({ backboneConfig: body, hiddenSize: 6, id2label: { 0: 'a', 1: 'b' } });
      const model = await UperNetForSemanticSegmentation.fromConfig(config, { seed: 1 });
      await model.savePretrained(join(folder, 'model'));
      model.dispose();
      writeFileSync(join(folder, 'a.png'), await encodePng(picture(20, 30, 10)));
      const segment = await pipeline('semantic-segmentation', join(folder, 'model'));
      expect(segment.config.numLabels).to.equal(2);
      const results = await segment([join(folder, 'a.png'), picture(9, 8, 4)], { mode: 'slide', crop: 32 });
      expect(results.map(({ height, width }) => [height, width])).to.deep.equal([
        [20, 30],
        [9, 8],
      ]);
      expect((await failure(() => segment(join(folder, 'no.png')))).code).to.equal('E_IMAGE');
      await segment.dispose();
      const { message } = await failure(() => pipeline('image-classification', join(folder, 'model')));
      expect(message).to.match(
        /^E_PLUGIN: .*config.json: \/model_type: wanted one of convnextv2, convnext, got "upernet"/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('slides over 6000 x 4000 pixels in less than 1.5 GB', async () => {
    const program = `
      import { ConvNextV2Config, SegformerImageProcessor, segmentImage, UperNetConfig, UperNetForSemanticSegmentation } from 'convnextv2';
      const body = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [4, 4, 4, 4], outIndices: [1, 2, 3, 4] });
      const config = new UperNetConfig({ backboneConfig: body, hiddenSize: 4, numLabels: 6, useAuxiliaryHead: false });
      const model = await UperNetForSemanticSegmentation.fromConfig(config, { seed: 1 });
      const data = new Uint8Array(6000 * 4000 * 3).map((_, i) => (i * 7919) >> 3);
      const picture = { data, width: 6000, height: 4000, channels: 3 };
      const { classes } = await segmentImage(model, new SegformerImageProcessor(), picture, { mode: 'slide', stride: 512 });
      if (classes.length !== 24e6) throw new Error('size');
      console.log(process.resourceUsage().maxRSS);
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
    expect(Number(stdout) * 1024).to.be.below(1.5e9);
  });
});
