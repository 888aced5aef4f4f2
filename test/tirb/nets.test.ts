import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import {
  ConvNextImageProcessor,
  ConvNextV2Backbone,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  decodeImage,
  FCOS,
  FCOSConfig,
  MaskRCNN,
  MaskRCNNConfig,
  pipeline,
  RetinaNet,
  RetinaNetConfig,
  useBackend,
} from '../../src/index.js';
import {
  Canvas,
  ConvNextV2ClassifierNet,
  ConvNextV2Net,
  createCanvasFromMedia,
  DetectorNet,
  env,
  fromObjectDetections,
  loadImage,
  NetInput,
  NeuralNetwork,
  ObjectDetection,
  type PictureInput,
  toNetInput,
} from '../../src/tirb/index.js';
import { SMALL, TWO_STAGE } from '../heads/helpers.js';
import { failure, inFolder } from '../helpers.js';

const PICTURE = 'examples/pictures/chelsea.png';
const small = new ConvNextV2Config({
  depths: [1, 1, 1, 1],
  hiddenSizes: [4, 8, 12, 16],
  id2label: { 0: 'cat', 1: 'dog', 2: 'cup' },
});
const id2label = { 0: 'background', 1: 'cat', 2: 'dog' };

/** simd where it is built, and cpu. */
const BACKENDS: string[] = ['cpu'];
before(async () => {
  const isBuilt = await useBackend('simd').then(
    () => true,
    () => false,
  );
  if (isBuilt) BACKENDS.push('simd');
});

/** Runs on each backend, and sees to it that no tensor is left. */
async function onBackends(work: (backend: string) => Promise<void>): Promise<void> {
  for (const backend of BACKENDS) {
    await useBackend(backend);
    const { numTensors } = tf.memory();
    await work(backend);
    expect(tf.memory().numTensors, `tensors on ${backend}`).to.equal(numTensors);
  }
}

const valuesOf = (maps: Readonly<Record<string, tf.Tensor>>) =>
  Object.entries(maps).map(([name, map]) => [name, map.shape, map.dataSync()]);

describe('ConvNextV2Net', () => {
  const outFeatures = ['stage1', 'stage4'];

  it('gives the very maps of the backbone, for whatever holds the picture', async () => {
    await onBackends(async () => {
      await inFolder(async (folder) => {
        const backbone = await ConvNextV2Backbone.fromConfig(small.with({ outFeatures }), { seed: 1 });
        await backbone.savePretrained(folder);
        const processor = await ConvNextImageProcessor.fromPretrained(folder);
        const { pixelValues } = await processor.preprocess(PICTURE, { size: 64 });
        const maps = backbone.forward(pixelValues);
        const wanted = valuesOf(maps);

        const net = new ConvNextV2Net();
        await net.loadFromDisk(folder);
        expect(net).to.be.an.instanceOf(NeuralNetwork);
        const raw = await decodeImage(PICTURE);
        const tensor = tf.tensor3d(raw.data, [raw.height, raw.width, 3], 'int32');
        const batched = tf.expandDims(tensor) as tf.Tensor4D;
        const image = await loadImage(PICTURE);
        const inputs: readonly PictureInput[] = [
          PICTURE,
          readFileSync(PICTURE),
          raw,
          sharp(PICTURE),
          tensor,
          batched,
          image,
          createCanvasFromMedia(image),
          [PICTURE],
          await toNetInput(tensor),
          new NetInput([tensor]),
        ];
        for (const [i, input] of inputs.entries()) {
          const own = await net.forward(input, 64);
          expect(valuesOf(own), `input ${i}`).to.deep.equal(wanted);
          tf.dispose(own);
        }
        const byInput = net.forwardInput(await toNetInput(PICTURE), 64);
        expect(valuesOf(byInput)).to.deep.equal(wanted);
        tf.dispose([maps, byInput, pixelValues, tensor, batched]);
        backbone.dispose();
        net.dispose();
      });
    });
  });

  it('takes batches: lists of pictures of several sizes, and tensors of four dimensions', async () => {
    await onBackends(async () => {
      const net = new ConvNextV2Net({ config: small, outFeatures, seed: 2 });
      net.extractWeights(new Float32Array(weightCount(net)).fill(0.01));
      const pictures = [PICTURE, 'examples/pictures/coffee.png'];
      const both = await net.forward(pictures, 32);
      const alone = await Promise.all(pictures.map((picture) => net.forward(picture, 32)));
      expect(both.stage1.shape).to.deep.equal([2, 8, 8, 4]);
      expect(both.stage4.shape).to.deep.equal([2, 1, 1, 16]);
      const joined = alone.flatMap(({ stage1 }) => [...stage1.dataSync()]);
      expect([...both.stage1.dataSync()]).to.deep.equal(joined);

      // bytes, odd and not square, the second picture not as the first
      const batch = tf.tensor4d(
        Uint8Array.from({ length: 3 * 21 * 34 * 3 }, (_, i) => (i * 7919) % 256),
        [3, 21, 34, 3],
      );
      const maps = await net.forward(batch, 32);
      const second = tf.slice(batch, [1, 0, 0, 0], [1, -1, -1, -1]);
      const own = await net.forward(second, 32);
      expect(maps.stage1.shape).to.deep.equal([3, 8, 8, 4]);
      expect([...maps.stage1.dataSync().subarray(256, 512)]).to.deep.equal([...own.stage1.dataSync()]);
      tf.dispose([both, alone, batch, maps, own, second]);
      net.dispose();
    });
  });

  it('uses the processor that it is given, and else that of the source', async () => {
    await inFolder(async (folder) => {
      const backbone = await ConvNextV2Backbone.fromConfig(small, { seed: 1 });
      await backbone.savePretrained(folder);
      backbone.dispose();
      const file = join(folder, 'preprocessor_config.json');
      const json = { ...JSON.parse(readFileSync(file, 'utf8')), size: { shortest_edge: 96 } };
      writeFileSync(file, JSON.stringify(json));
      const net = new ConvNextV2Net();
      expect(net.processor.size.shortestEdge).to.equal(224);
      await net.load(folder);
      expect(net.processor.size.shortestEdge).to.equal(96);
      const maps = await net.forward(PICTURE);
      expect(maps.stage4.shape).to.deep.equal([1, 3, 3, 16]);
      const processor = new ConvNextImageProcessor({ size: { shortestEdge: 32 }, doNormalize: false });
      const other = new ConvNextV2Net({ processor });
      await other.load(folder);
      expect(other.processor).to.equal(processor);
      tf.dispose(maps);
      net.dispose();
      other.dispose();
    });
  });

  it('says what is wrong', async () => {
    const { numTensors } = tf.memory();
    const net = new ConvNextV2Net({ config: small });
    expect(net.isLoaded).to.equal(false);
    expect((await failure(() => net.forward(PICTURE))).message).to.match(
      /^E_DISPOSED: ConvNextV2Net: .* \(await its load\(\)\)$/,
    );
    net.extractWeights(new Float32Array(weightCount(net)));
    const refused: readonly [unknown, string][] = [
      [[], 'E_ARGUMENT'],
      ['no-such.png', 'E_IMAGE'],
      [undefined, 'E_IMAGE'],
      [{}, 'E_IMAGE'],
      [Buffer.from('no picture'), 'E_IMAGE'],
      [sharp(Buffer.from('no picture')), 'E_IMAGE'],
      [{ width: 1, height: 1, channels: 3, data: new Uint8Array(2) }, 'E_IMAGE'],
    ];
    for (const [input, code] of refused) {
      expect((await failure(() => net.forward(input as PictureInput))).code).to.equal(code);
    }
    const tensors: readonly [tf.Tensor, string][] = [
      [tf.zeros([8, 8]), 'E_SHAPE'],
      [tf.zeros([0, 8, 8, 3]), 'E_SHAPE'],
      [tf.zeros([8, 8, 4]), 'E_SHAPE'],
      [tf.fill([8, 8, 3], Number.NaN), 'E_NON_FINITE'],
      [tf.zeros([8, 8, 3], 'bool'), 'E_ARGUMENT'],
    ];
    for (const [tensor, code] of tensors) {
      expect((await failure(() => net.forward(tensor as tf.Tensor3D))).code, `${tensor.shape}`).to.equal(code);
    }
    const batch = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
    expect((await failure(() => net.forward([batch]))).suggestion).to.equal('give a batch by itself');
    expect((await failure(() => net.forward(PICTURE, -1))).code).to.equal('E_CONFIG');
    const gone = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
    const input = await toNetInput(gone);
    gone.dispose();
    expect((await failure(() => net.forward(gone, 32))).code).to.equal('E_DISPOSED');
    expect((await failure(() => net.forwardInput(input, 32))).code).to.equal('E_DISPOSED');
    for (const none of [PICTURE, undefined, new NetInput([])]) {
      const refusal = await failure(() => net.forwardInput(none as NetInput, 32));
      expect([refusal.code, refusal.suggestion]).to.deep.equal(['E_ARGUMENT', 'await toNetInput(pictures)']);
    }
    tf.dispose([batch, ...tensors.map(([tensor]) => tensor)]);
    net.dispose();
    expect(tf.memory().numTensors).to.equal(numTensors);
  });
});

/** How many numbers the small backbone has. */
function weightCount(net: ConvNextV2Net): number {
  const { message } = (() => {
    try {
      net.extractWeights(new Float32Array(0));
    } catch (error) {
      return error as Error;
    }
    throw new Error('nothing was thrown');
  })();
  return Number(/Float32Array of (\d+)/.exec(message)![1]);
}

describe('ConvNextV2ClassifierNet', () => {
  it('gives the very logits of the classifier, and the classes of the pipeline', async () => {
    await onBackends(async () => {
      await inFolder(async (folder) => {
        const model = await ConvNextV2ForImageClassification.fromConfig(small, { seed: 1 });
        await model.savePretrained(folder);
        const processor = await ConvNextImageProcessor.fromPretrained(folder);
        const { pixelValues } = await processor.preprocess([PICTURE, 'examples/pictures/rocket.jpg']);
        const { logits } = model.forward(pixelValues);
        const classify = await pipeline('image-classification', folder);
        const classes = await classify([PICTURE, 'examples/pictures/rocket.jpg']);

        const net = new ConvNextV2ClassifierNet();
        await net.load(folder);
        const own = await net.forward([PICTURE, 'examples/pictures/rocket.jpg']);
        expect([own.shape, own.dataSync()]).to.deep.equal([[2, 3], logits.dataSync()]);
        expect(await net.classify([PICTURE, 'examples/pictures/rocket.jpg'])).to.deep.equal(classes);
        expect(await net.classify(PICTURE, 1)).to.deep.equal(classes[0].slice(0, 1));
        expect((await failure(() => net.classify(PICTURE, 0))).code).to.equal('E_ARGUMENT');
        net.extractWeights(net.serializeParams().fill(Number.NaN));
        expect((await failure(() => net.classify(PICTURE))).code).to.equal('E_NON_FINITE');
        tf.dispose([pixelValues, logits, own]);
        await classify.dispose();
        model.dispose();
        net.dispose();
      });
    });
  });
});

describe('a canvas of another package', () => {
  /** As much of one as is needed. */
  class Other {
    width = 0;
    height = 0;
    data = new Uint8ClampedArray();
    getContext() {
      return {
        putImageData: ({ data }: ImageData) => {
          this.data = data;
        },
        getImageData: () => ({ data: this.data }),
      };
    }
  }

  it('is used where the environment has it, for our pictures, too', async () => {
    const { Canvas: ownCanvas, Image, createCanvasElement, createImageElement } = env.getEnv();
    const net = new ConvNextV2Net({ config: small });
    net.extractWeights(new Float32Array(weightCount(net)).fill(0.01));
    const wanted = await net.forward(PICTURE, 32);
    const image = await loadImage(PICTURE);
    const canvas = createCanvasFromMedia(image);
    env.monkeyPatch({ Canvas: Other, Image: class {} });
    try {
      const theirs = Object.assign(new Other(), { width: 1, height: 1, data: new Uint8ClampedArray([1, 2, 3, 255]) });
      const ours = new Canvas(2, 1);
      ours.getContext('2d').drawImage(theirs, 1, 0); // which can be drawn on ours
      expect([...(await ours.toRawImage()).data]).to.deep.equal([0, 0, 0, 0, 1, 2, 3, 255]);
      for (const picture of [PICTURE, image, canvas]) {
        const input = await toNetInput(picture);
        expect(input.canvases[0]).to.be.an.instanceOf(Other);
        const own = net.forwardInput(input, 32);
        expect(valuesOf(own)).to.deep.equal(valuesOf(wanted));
        tf.dispose(own);
      }
    } finally {
      env.monkeyPatch({ Canvas: ownCanvas, Image, createCanvasElement, createImageElement });
    }
    tf.dispose(wanted);
    net.dispose();
  });
});

describe('DetectorNet', () => {
  const settings = { ...TWO_STAGE, numLabels: undefined, id2label };
  const masks = new MaskRCNNConfig({ ...settings, maskPoolSize: 4, maskLayers: [4], maskDimReduced: 4 });

  it('finds exactly what the detector finds', async () => {
    await onBackends(async () => {
      await inFolder(async (folder) => {
        const model = await MaskRCNN.fromConfig(masks, { seed: 1 });
        await model.savePretrained(folder);
        const detect = await pipeline('instance-segmentation', folder);
        const wanted = await detect(PICTURE, { threshold: 0 });
        expect(wanted).to.have.length.above(1);

        const net = new DetectorNet();
        await net.load(folder);
        const found = await net.detect(PICTURE, { scoreThreshold: 0 });
        expect(
          found.map(({ score, className, box }) => [score, className, box.left, box.top, box.right, box.bottom]),
        ).to.deep.equal(wanted.map(({ score, label, box }) => [score, label, box.xmin, box.ymin, box.xmax, box.ymax]));
        for (const object of found) {
          expect(object).to.be.an.instanceOf(ObjectDetection);
          expect([object.imageWidth, object.imageHeight, object.classScore]).to.deep.equal([451, 300, object.score]);
          expect(object.relativeBox.right * 451).to.be.closeTo(object.box.right, 1e-9);
          expect(object.forSize(902, 600).box.bottom).to.be.closeTo(2 * object.box.bottom, 1e-9);
        }
        const [direct] = await net.forward(PICTURE);
        expect(direct.masks).to.have.length(wanted.length);
        const { boxes, scores, labels } = direct;
        expect(fromObjectDetections(found, id2label)).to.deep.equal({ boxes, scores, labels });

        const cats = await net.detect(PICTURE, { scoreThreshold: found[1].score, classes: ['cat'] });
        const surest = found.slice(0, 2).filter(({ className }) => className === 'cat');
        expect(cats).to.deep.equal(surest);
        const batch = await net.detect([PICTURE, PICTURE], { scoreThreshold: 0 });
        // pictures of one size: a batch changes nothing
        expect(batch).to.deep.equal([found, found]);
        expect(await net.detect([PICTURE], { scoreThreshold: 0 })).to.deep.equal([found]);
        const [, cups] = await net.detect([PICTURE, 'examples/pictures/coffee.png'], { scoreThreshold: 0 });
        const { width, height } = await decodeImage('examples/pictures/coffee.png');
        expect(cups[0].imageDims).to.deep.include({ _width: width, _height: height });
        net.extractWeights(net.serializeParams()); // of the loaded model, without a config
        expect(await net.detect(PICTURE, { scoreThreshold: 0 })).to.deep.equal(found);
        await detect.dispose();
        model.dispose();
        net.dispose();
      });
    });
  });

  it('is any detector, with weights from a config alone', async () => {
    await useBackend('cpu');
    const { numTensors } = tf.memory();
    for (const [Model, config] of [
      [FCOS, new FCOSConfig({ ...SMALL, outChannels: 32, scoreThresh: 0.01 })],
      [RetinaNet, new RetinaNetConfig({ ...SMALL, outChannels: 32, scoreThresh: 0.01 })],
    ] as const) {
      const model = await (Model as typeof FCOS).fromConfig(config as FCOSConfig, { seed: 3 });
      const floats = tf.tidy(() => [...model.parameters.values()].flatMap(({ variable }) => [...variable.dataSync()]));
      const net = new DetectorNet({ config });
      await net.load(Float32Array.from(floats));
      const [wanted] = await net.forward(PICTURE);
      const picture = tf.tidy(() => tf.div<tf.Tensor3D>(imageTensor(), 255));
      expect(wanted.scores).to.have.length.above(0);
      expect(model.detect([picture])).to.deep.equal([wanted]);
      picture.dispose();
      model.dispose();
      net.dispose();
    }
    expect(tf.memory().numTensors).to.equal(numTensors);
  });

  let pixels: { readonly data: Uint8Array; readonly width: number; readonly height: number };
  before(async () => {
    pixels = await decodeImage(PICTURE);
  });
  const imageTensor = () => tf.tensor3d(pixels.data, [pixels.height, pixels.width, 3], 'int32');

  it('says what is wrong', async () => {
    const net = new DetectorNet();
    expect((await failure(() => net.detect(PICTURE))).code).to.equal('E_DISPOSED');
    expect((await failure(() => net.load(new Float32Array(3)))).suggestion).to.equal('new DetectorNet({ config })');
    const upernet = new DetectorNet({ config: { modelType: 'upernet', toJSON: () => ({}) } });
    expect((await failure(() => upernet.load(new Float32Array(3)))).code).to.equal('E_PLUGIN');
    const own = new DetectorNet({ config: masks });
    const { message } = await failure(() => own.load(new Float32Array(3)));
    await own.load(new Float32Array(Number(/of (\d+)/.exec(message)![1])));
    for (const options of [{ scoreThreshold: 2 }, { scoreThreshold: Number.NaN }, { classes: ['cta'] }]) {
      expect((await failure(() => own.detect(PICTURE, options))).code).to.equal('E_ARGUMENT');
    }
    expect((await failure(() => own.detect(PICTURE, { classes: ['cta'] }))).suggestion).to.equal('did you mean "cat"?');
    own.dispose();
  });

  it('sees what is drawn on a canvas', async () => {
    const net = new DetectorNet({ config: masks });
    const canvas = createCanvasFromMedia(await loadImage(PICTURE)) as Canvas;
    canvas.getContext('2d').fillRect(0, 0, 451, 300);
    const { message } = await failure(() => net.load(new Float32Array(3)));
    await net.load(new Float32Array(Number(/of (\d+)/.exec(message)![1])).fill(0.01));
    const black = { data: new Uint8Array(451 * 300 * 3), width: 451, height: 300, channels: 3 };
    const wanted = await net.forward(black);
    const input = new NetInput([canvas]);
    expect((await failure(() => net.forwardInput(input))).suggestion).to.contain('await canvas.render()');
    expect(await net.forward(input)).to.deep.equal(wanted);
    expect(await net.forward(canvas)).to.deep.equal(wanted);
    net.dispose();
  });
});
