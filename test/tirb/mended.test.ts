import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/index.js';
import { registerChainedOps } from '../../src/tirb/chained-ops.js';
import * as bridge from '../../src/tirb/index.js';
import { failure } from '../helpers.js';

const { Box, iou, NeuralNetwork, nonMaxSuppression, Rect, TfjsImageRecognitionBase } = bridge;

describe('what tfjs-image-recognition-base exports', () => {
  const require = createRequire(import.meta.url);

  it('is all here, and on this tfjs', () => {
    const original = require('tfjs-image-recognition-base'); // the one that is loaded already
    const ours: Record<string, unknown> = { ...bridge };
    expect(Object.keys(original).filter((name) => !(name in ours))).to.deep.equal([]);
    const replaced = ['bufferToImage', 'fetchImage', 'imageTensorToCanvas', 'nonMaxSuppression', 'toNetInput'];
    const others = Object.keys(original).filter((name) => ours[name] !== original[name]);
    expect(others.sort()).to.deep.equal(replaced);
    expect(bridge.isTensor1D(Object.create(tf.Tensor.prototype, { shape: { value: [3] } }))).to.equal(true);
    expect(tf.engine().runKernel.length).to.equal(3);
  });
});

describe('tensors', () => {
  before(() => useBackend('cpu'));

  it('have the methods that tfjs 1 gave them', () => {
    const { numTensors } = tf.memory();
    tf.tidy(() => {
      const x: any = tf.tensor2d([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      const values = (y: tf.Tensor) => [y.shape, [...y.dataSync()]];
      expect(values(x.add(1).mul(x))).to.deep.equal([
        [2, 3],
        [2, 6, 12, 20, 30, 42],
      ]);
      expect(values(x.sum(1))).to.deep.equal([[2], [6, 15]]);
      expect(values(x.as1D())).to.deep.equal([[6], [1, 2, 3, 4, 5, 6]]);
      expect(x.as2D(3, 2).shape).to.deep.equal([3, 2]);
      expect(x.as4D(1, 2, 3, 1).shape).to.deep.equal([1, 2, 3, 1]);
      expect(x.expandDims().squeeze().shape).to.deep.equal([2, 3]);
      expect(x.flatten().shape).to.deep.equal([6]);
      expect(x.reshapeAs(tf.zeros([6, 1])).shape).to.deep.equal([6, 1]);
      expect(values(x.concat(x.neg(), 1).max())).to.deep.equal([[], [6]]);
      expect(x.stack([x, x]).shape).to.deep.equal([3, 2, 3]);
      expect(x.stack(x, 1).shape).to.deep.equal([2, 2, 3]);
      expect([x.toInt().dtype, x.toBool().dtype, x.toInt().toFloat().dtype, x.asType('int32').dtype]).to.deep.equal([
        'int32',
        'bool',
        'float32',
        'int32',
      ]);
      expect(values(x.where(x.greater(3), tf.zerosLike(x)))).to.deep.equal([
        [2, 3],
        [0, 0, 0, 4, 5, 6],
      ]);
      expect(x.max().asScalar().shape).to.deep.equal([]);
      const picture = x.as4D(1, 2, 3, 1);
      for (const name of ['resizeBilinear', 'resizeNearestNeighbor'] as const) {
        expect(values(picture[name]([4, 5], false, true))).to.deep.equal(
          values(tf.image[name](picture, [4, 5], false, true)),
        );
      }
      const complex: any = tf.complex(x, tf.neg(x));
      for (const name of ['fft', 'ifft', 'irfft'] as const) {
        expect(values(complex[name]())).to.deep.equal(values(tf.spectral[name](complex)));
      }
      expect(values(x.rfft())).to.deep.equal(values(tf.spectral.rfft(x)));
    });
    expect(tf.memory().numTensors).to.equal(numTensors);
    expect(Object.keys(tf.Tensor.prototype)).not.to.include('add');
  });

  it('keep a method that they have already, as of the whole tfjs', () => {
    const { sqrt } = tf.Tensor.prototype as any;
    const own = () => 'own';
    Object.assign(tf.Tensor.prototype, { sqrt: own });
    registerChainedOps();
    expect((tf.Tensor.prototype as any).sqrt).to.equal(own);
    Object.assign(tf.Tensor.prototype, { sqrt });
  });

  it('have all of them', async () => {
    const list = `console.log(Object.getOwnPropertyNames(require('@tensorflow/tfjs-core').Tensor.prototype).join())`;
    const cwd = 'node_modules/tfjs-image-recognition-base'; // where tfjs 1 is
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', list], { cwd });
    const names = stdout.trim().split(',');
    expect(names).to.include.members(['as4D', 'depthwiseConv2D', 'resizeBilinear']);
    expect(names.filter((name) => !(name in tf.Tensor.prototype))).to.deep.equal([]);
  });

  it('have those that tfjs 4 has dropped', async () => {
    const { numTensors } = tf.memory();
    const x: any = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    tf.tidy(() => {
      expect([...x.subStrict(tf.onesLike(x)).dataSync()]).to.deep.equal([0, 1, 2, 3]);
      expect(() => x.addStrict(tf.ones([2, 2]))).to.throw('addStrict: ');
      // 1, 0, 0, 1 over the picture: 1 + 4
      const filter = tf.tensor4d([1, 0, 0, 1], [2, 2, 1, 1]);
      expect([...x.depthwiseConv2D(filter, 1, 'valid').dataSync()]).to.deep.equal([5]);
      // mean 1, variance 3 and epsilon 1, scale 4, offset 10: 10 + 4 * (x - 1) / 2
      const [mean, variance, scale, offset] = [1, 3, 4, 10].map((value) => tf.tensor1d([value]));
      expect([...x.batchNormalization(mean, variance, 1, scale, offset).dataSync()]).to.deep.equal([10, 12, 14, 16]);
    });
    x.dispose();
    expect(() => x.add(1)).to.throw('disposed');
    expect(tf.memory().numTensors).to.equal(numTensors);
  });
});

/** A network of a user's own, with weights [2, 3]. */
class Own extends NeuralNetwork<{ layer: { weights: tf.Tensor } }> {
  protected getDefaultModelName() {
    return 'own';
  }
  protected extractParamsFromWeigthMap(map: tf.NamedTensorMap) {
    return { params: { layer: { weights: map['layer/weights'] } }, paramMappings: [{ paramPath: 'layer/weights' }] };
  }
  protected extractParams(weights: Float32Array) {
    return this.extractParamsFromWeigthMap({ 'layer/weights': tf.tensor2d(weights, [2, 3]) });
  }
}

describe('the faults of tfjs-image-recognition-base', () => {
  before(() => useBackend('cpu'));

  it('freeze: parameters keep their shapes', () => {
    const { numTensors } = tf.memory();
    const net = new Own('Own');
    net.extractWeights(Float32Array.of(1, 2, 3, 4, 5, 6));
    net.variable();
    expect(net.getTrainableParams()).to.have.length(1);
    tf.tidy(() => net.freeze());
    expect(net.getTrainableParams()).to.have.length(0);
    expect(net.getParamFromPath('layer/weights').shape).to.deep.equal([2, 3]);
    expect([...net.serializeParams()]).to.deep.equal([1, 2, 3, 4, 5, 6]);
    net.dispose();
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('a network of its own still runs: convolutions, batches and boxes', async () => {
    const { numTensors } = tf.memory();
    const { TinyYolov2 } = TfjsImageRecognitionBase;
    const net = new TinyYolov2({
      withSeparableConvs: true,
      iouThreshold: 0.4,
      anchors: [1, 2, 3, 4, 5].map((side) => new bridge.Point(side, side)),
      classes: ['thing'],
      filterSizes: [3, 2, 2, 2, 2, 2, 2, 2, 2],
    });
    // separable convolutions, of 9 a channel, the mixed channels and as many biases; the last is to 5 numbers for 5 anchors
    const separable = (from: number, to: number) => 9 * from + from * to + to;
    const size = separable(3, 2) + 7 * separable(2, 2) + 2 * 25 + 25;
    net.extractWeights(new Float32Array(size).fill(0.01));
    const picture = await bridge.loadImage('examples/pictures/chelsea.png');
    const objects = await net.detect(picture, { inputSize: 64, scoreThreshold: 0.1 });
    expect(objects.length).to.be.above(0);
    expect(objects[0].imageWidth).to.equal(451);
    net.dispose();
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  it('clipAtImageBorders: no side is negative', () => {
    const clip = (x: number, y: number, width: number, height: number) => {
      const box = new Box({ x, y, width, height }).clipAtImageBorders(100, 50);
      return [box.x, box.y, box.width, box.height];
    };
    expect(clip(10, 20, 30, 10)).to.deep.equal([10, 20, 30, 10]);
    expect(clip(-5, -5, 30, 10)).to.deep.equal([0, 0, 25, 5]);
    expect(clip(90, 40, 30, 30)).to.deep.equal([90, 40, 10, 10]);
    expect(clip(150, 10, 20, 20)).to.deep.equal([100, 10, 0, 20]); // its own gave a width of -50
    expect(clip(-60, -60, 20, 20)).to.deep.equal([0, 0, 0, 0]);
    expect(clip(50, 10, -20, 5)).to.deep.equal([50, 10, 0, 5]);
    expect(clip(10.7, 1, 9.6, 1)).to.deep.equal([10, 1, 9, 1]); // whole pixels, as ever
  });

  describe('nonMaxSuppression', () => {
    const original = createRequire(import.meta.url)('tfjs-image-recognition-base').nonMaxSuppression;
    // the second overlaps the first by 8 x 10 of 120 (2/3), the third neither
    const boxes = [new Rect(0, 0, 10, 10), new Rect(2, 0, 10, 10), new Rect(50, 0, 10, 10)];

    it('drops what overlaps a surer box', () => {
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 0.5)).to.deep.equal([1, 2]);
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 0.7)).to.deep.equal([1, 0, 2]);
      expect(iou(boxes[0], boxes[1])).to.equal(80 / 120);
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 80 / 120)).to.deep.equal([1, 0, 2]); // not more than
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 0.7, false)).to.deep.equal([1, 2]); // 80 of 100
      expect(nonMaxSuppression([], [], 0.5)).to.deep.equal([]);
    });

    it('keeps classes apart', () => {
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 0.5, true, ['cat', 'dog', 'cat'])).to.deep.equal([1, 0, 2]);
      expect(nonMaxSuppression(boxes, [0.8, 0.9, 0.1], 0.5, true, [1, 1, 2])).to.deep.equal([1, 2]);
    });

    it('does without classes what its own does, equal scores included', () => {
      let state = 1;
      const random = () => {
        state = (state * 48271) % 2147483647;
        return state / 2147483647;
      };
      for (let round = 0; round < 20; round++) {
        const many = Array.from(
          { length: 120 },
          () => new Rect(300 * random(), 300 * random(), 1 + 60 * random(), 1 + 60 * random()),
        );
        const scores = many.map(() => Math.round(10 * random()) / 10);
        for (const isIOU of [true, false]) {
          expect(nonMaxSuppression(many, scores, 0.3, isIOU)).to.deep.equal(original(many, scores, 0.3, isIOU));
        }
      }
    });

    it('takes boxes as wide as the picture, of negative sides, and many', () => {
      const rows = Array.from({ length: 600 }, (_, i) => new Rect(0, 2 * i, 1000, 3)); // a third of each lies in the next
      const scores = rows.map((_, i) => i);
      expect(nonMaxSuppression(rows, scores, 0.3)).to.deep.equal(original(rows, scores, 0.3));
      expect(nonMaxSuppression(rows, scores, 0.1)).to.deep.equal(original(rows, scores, 0.1));
      expect(nonMaxSuppression(rows, scores, 0.1)).to.have.length(300);
      const turned = [new Rect(0, 0, 9, 9), new Box({ x: 9, y: 9, width: -9, height: -9 }), new Rect(1, 0, 9, 9)];
      expect(nonMaxSuppression(turned, [3, 2, 1], 0.5)).to.deep.equal([0, 1]);
    });

    it('keeps boxes without area', () => {
      const points = [new Rect(1, 1, 0, 0), new Rect(1, 1, 0, 0)];
      expect(nonMaxSuppression(points, [1, 2], 0.5)).to.deep.equal([1, 0]);
    });
  });
});

describe('boxes', () => {
  it('go to and fro', () => {
    const corners = { xmin: 1.5, ymin: 2, xmax: 4, ymax: 8 };
    const rect = bridge.toRect(corners);
    expect(rect).to.be.an.instanceOf(Rect);
    expect([rect.x, rect.y, rect.width, rect.height]).to.deep.equal([1.5, 2, 2.5, 6]);
    expect(bridge.toCorners(rect)).to.deep.equal(corners);
    expect(bridge.toCorners(new bridge.BoundingBox(1, 2, 3, 4))).to.deep.equal({ xmin: 1, ymin: 2, xmax: 3, ymax: 4 });
  });

  it('of detections keep their very numbers', async () => {
    const found = {
      boxes: Float32Array.of(0.1, 0.2, 33.3, 44.4, 7, 8, 9, 10),
      scores: Float32Array.of(0.7, 0.3),
      labels: Int32Array.of(1, 5),
    };
    const objects = bridge.toObjectDetections(found, { width: 100, height: 50 }, { 0: 'cat', 1: 'dog' });
    expect(objects.map(({ className }) => className)).to.deep.equal(['dog', 'LABEL_5']);
    expect([objects[1].relativeBox.x, objects[1].relativeBox.height]).to.deep.equal([0.07, 2 / 50]);
    expect(bridge.fromObjectDetections(objects, { 0: 'cat', 1: 'dog' })).to.deep.equal(found);
    const { code, suggestion } = await failure(() => bridge.fromObjectDetections(objects, { 0: 'dogs' }));
    expect([code, suggestion]).to.deep.equal(['E_ARGUMENT', 'did you mean "dogs"?']);
    expect([...bridge.fromObjectDetections([objects[0]], { 3: 'dog', 4: 'dog' }).labels]).to.deep.equal([3]);
    const boxless = { ...found, boxes: Float32Array.of(0, 0, 1, 1, 0, Number.NaN, 1, 1) };
    expect((await failure(() => bridge.toObjectDetections(boxless, { width: 9, height: 9 }, {}))).code).to.equal(
      'E_NON_FINITE',
    );
    expect((await failure(() => bridge.toObjectDetections(found, { width: 0, height: 9 }, {}))).path).to.equal(
      'imageDims',
    );
  });
});
