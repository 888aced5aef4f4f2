import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { AutoImageProcessor } from '../../src/image/auto.js';
import { resizePil } from '../../src/image/pil-resize.js';
import { SegformerImageProcessor } from '../../src/image/segformer-processor.js';
import { failure } from '../helpers.js';

describe('SegformerImageProcessor', () => {
  before(() => useBackend('cpu'));

  it("has the reference's defaults, and reads and writes its files", async () => {
    const processor = new SegformerImageProcessor();
    expect(processor).to.deep.include({
      size: { height: 512, width: 512 },
      resample: 'bilinear',
      doReduceLabels: false,
    });
    expect(processor.imageMean).to.deep.equal([0.485, 0.456, 0.406]);
    const json = { ...processor.toJSON(), do_reduce_labels: true, of_others: 1 };
    expect(json).to.deep.include({ image_processor_type: 'SegformerImageProcessor', resample: 2 });
    const read = SegformerImageProcessor.fromJSON(json, 'file');
    expect(read.doReduceLabels).to.equal(true);
    expect(read.toJSON()).to.deep.equal(json);
    expect(AutoImageProcessor.fromJSON(json, 'file')).to.be.instanceOf(SegformerImageProcessor);
    const old = SegformerImageProcessor.fromJSON(
      { feature_extractor_type: 'SegformerFeatureExtractor', size: 640, reduce_labels: true },
      'f',
    );
    expect(old).to.deep.include({ size: { height: 640, width: 640 }, doReduceLabels: true });
    const shipped = await SegformerImageProcessor.fromPretrained('upernet_convnextv2-atto');
    expect(shipped.doReduceLabels).to.equal(true);
  });

  it('squashes, rescales and normalises', async () => {
    const image = {
      data: Uint8Array.from({ length: 7 * 9 * 3 }, (_, i) => (i * 37) % 256),
      width: 9,
      height: 7,
      channels: 3,
    };
    const processor = new SegformerImageProcessor({ size: { height: 4, width: 5 } });
    const { pixelValues } = await processor.preprocess([image, image]);
    expect(pixelValues.shape).to.deep.equal([2, 4, 5, 3]);
    const { data } = resizePil(image, 4, 5, 'bilinear');
    expect(pixelValues.dataSync()[1]).to.be.closeTo((data[1] / 255 - 0.456) / 0.224, 1e-6);
    const { pixelValues: plain } = await processor.preprocess(image, {
      doResize: false,
      doNormalize: false,
      layout: 'NCHW',
    });
    expect(plain.shape).to.deep.equal([1, 3, 7, 9]);
    expect(plain.dataSync()[1]).to.be.closeTo(image.data[3] / 255, 1e-7);
    tf.dispose([pixelValues, plain]);
  });

  it('names what is wrong', async () => {
    expect((await failure(() => new SegformerImageProcessor({ sise: 3 } as never))).suggestion).to.match(/"size"/);
    const shortest = { size: { shortest_edge: 512 } };
    expect((await failure(() => SegformerImageProcessor.fromJSON(shortest, 'f'))).message).to.match(
      /^E_CONFIG: f: \/size/,
    );
    const other = { image_processor_type: 'ConvNextImageProcessor' };
    expect((await failure(() => SegformerImageProcessor.fromJSON(other, 'f'))).message).to.match(
      /SegformerImageProcessor/,
    );
  });
});
