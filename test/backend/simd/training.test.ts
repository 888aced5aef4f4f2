import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import type { Detector } from '../../../src/contracts.js';
import {
  AdamW,
  ConvNextConfig,
  ConvNextForImageClassification,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  FasterRCNN,
  FasterRCNNConfig,
  FCOS,
  FCOSConfig,
  Mask,
  MaskRCNN,
  MaskRCNNConfig,
  RetinaNet,
  RetinaNetConfig,
  UperNetConfig,
  UperNetForSemanticSegmentation,
  useBackend,
} from '../../../src/index.js';
import { noise, SMALL, TWO_STAGE } from '../../heads/helpers.js';
import { kernels } from './helpers.js';

/** Kernels that may run in JavaScript in a training step, and why they do not count. */
const UNCOUNTED: Readonly<Record<string, string>> = {
  OneHot: 'writes a one for each label into zeros',
  ZerosLike: 'an array as the system gives it',
};

/** Fewer numbers are no work: a scalar loss, one learning rate, four coordinates of some boxes. */
const FEW = 256;

/** The kernels of `cpu` that ran on `simd` for more than a few numbers, and did not hand on the values of an input. */
async function fallbacks(step: () => unknown): Promise<readonly string[]> {
  const found = new Set<string>();
  const configs = tf.getKernelsForBackend('cpu') as { kernelName: string; kernelFunc: tf.KernelFunc }[];
  const originals = configs.map(({ kernelFunc }) => kernelFunc);
  for (const [i, config] of configs.entries()) {
    config.kernelFunc = (call) => {
      const result = originals[i](call);
      const inputs = (Object.values(call.inputs).flat() as (tf.TensorInfo | undefined)[]).filter((input) => input);
      const outputs = [result].flat();
      const most = Math.max(...[...inputs, ...outputs].map((tensor) => tf.util.sizeFromShape(tensor!.shape)));
      const isWork = outputs.some(({ dataId, shape }) => {
        return !shape.includes(0) && inputs.every((input) => input!.dataId !== dataId);
      });
      if (most > FEW && isWork) found.add(config.kernelName);
      return result;
    };
  }
  try {
    await step();
  } finally {
    for (const [i, config] of configs.entries()) config.kernelFunc = originals[i];
  }
  return [...found].sort();
}

const BODY = { depths: [1, 1, 1, 1], hiddenSizes: [4, 5, 6, 7], numLabels: 3 } as const;

interface Trained {
  readonly parameters: Detector['parameters'];
  dispose(): void;
}

/** One step of AdamW down what `loss` gives. */
const training =
  <Model extends Trained>(create: () => Promise<Model>, loss: (model: Model) => tf.Tensor) =>
  async () => {
    const model = await create();
    const optimizer = new AdamW([{ parameters: model.parameters.values() }]);
    const found = await fallbacks(() => optimizer.step(() => loss(model) as tf.Scalar));
    optimizer.dispose();
    model.dispose();
    return found;
  };

const classifier = (model: ConvNextV2ForImageClassification | ConvNextForImageClassification) => {
  const pixels = tf.randomNormal<tf.Rank.R4>([2, 64, 96, 3], 0, 1, 'float32', 1);
  return model.forward(pixels, { labels: tf.tensor1d([0, 2], 'int32'), training: true, seed: 1 }).loss!;
};

const segmenter = (model: UperNetForSemanticSegmentation) => {
  const pixels = tf.randomNormal<tf.Rank.R4>([2, 64, 96, 3], 0, 1, 'float32', 1);
  const labels = tf.tensor3d(
    Int32Array.from({ length: 2 * 64 * 96 }, (_, i) => i % 3),
    [2, 64, 96],
    'int32',
  );
  return model.forward(pixels, { labels, training: true, seed: 1 }).loss!;
};

const detector = (model: Detector) => {
  const mask = Mask.fromPolygons([[8, 8, 30, 8, 30, 30, 8, 30]], 48, 64);
  const objects = { boxes: Float32Array.of(8, 8, 30, 30), labels: Int32Array.of(1), masks: [mask] };
  const nothing = { boxes: new Float32Array(), labels: new Int32Array(), masks: [] };
  const pictures = [noise(48, 64), noise(48, 48)];
  return tf.addN(Object.values(model.losses(pictures, [objects, nothing], { training: true, seed: 3 })));
};

const TWO = { ...TWO_STAGE, maskPoolSize: 4, maskLayers: [4], maskDimReduced: 4 } as const;
const ONE = { ...SMALL, numConvs: 1, scoreThresh: 0.005, topkCandidates: 50 } as const;
const SEEDED = { seed: 1 };

const MODELS = {
  'ConvNeXt V2': training(
    () => ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config({ ...BODY, dropPathRate: 0.1 }), SEEDED),
    classifier,
  ),
  ConvNeXt: training(() => ConvNextForImageClassification.fromConfig(new ConvNextConfig(BODY), SEEDED), classifier),
  UperNet: training(() => {
    const backboneConfig = new ConvNextV2Config({ ...BODY, outIndices: [1, 2, 3, 4] });
    const config = new UperNetConfig({ backboneConfig, hiddenSize: 6, auxiliaryChannels: 5, numLabels: 3 });
    return UperNetForSemanticSegmentation.fromConfig(config, SEEDED);
  }, segmenter),
  'Faster R-CNN': training(() => FasterRCNN.fromConfig(new FasterRCNNConfig(TWO_STAGE), SEEDED), detector),
  'Mask R-CNN': training(() => MaskRCNN.fromConfig(new MaskRCNNConfig(TWO), SEEDED), detector),
  RetinaNet: training(() => RetinaNet.fromConfig(new RetinaNetConfig({ ...ONE, outChannels: 4 }), SEEDED), detector),
  FCOS: training(() => FCOS.fromConfig(new FCOSConfig({ ...ONE, outChannels: 32 }), SEEDED), detector),
} as const;

/** A network of tfjs-layers with one layer of every kind that has weights or a gradient worth its time. */
function ofLayers() {
  const model = sequential({
    layers: [
      layers.conv2d({ inputShape: [32, 24, 3], filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', useBias: false }),
      layers.batchNormalization(),
      layers.activation({ activation: 'relu6' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', depthMultiplier: 2 }),
      layers.leakyReLU({ alpha: 0.1 }),
      layers.separableConv2d({ filters: 12, kernelSize: 3, strides: 2, padding: 'same', activation: 'elu' }),
      layers.averagePooling2d({ poolSize: 2 }),
      layers.dropout({ rate: 0.25, seed: 1 }),
      layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'selu' }),
      layers.conv2dTranspose({ filters: 6, kernelSize: 3, strides: 2, padding: 'same', activation: 'softplus' }),
      layers.upSampling2d({ size: [2, 2] }),
      layers.zeroPadding2d({ padding: 1 }),
      layers.conv2d({ filters: 6, kernelSize: 3, strides: 2, activation: 'sigmoid' }),
      layers.prelu(),
      layers.flatten(),
      layers.dense({ units: 300, activation: 'tanh' }),
      layers.layerNormalization(),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  return model;
}

describe('a training step on backend simd', () => {
  before(async function () {
    if (kernels.length === 0) this.skip();
    await useBackend('simd');
  });
  after(() => useBackend('cpu'));

  for (const [name, run] of Object.entries(MODELS)) {
    it(`of ${name} runs nothing that counts in JavaScript`, async () => {
      expect((await run()).filter((kernel) => !(kernel in UNCOUNTED))).to.deep.equal([]);
    });
  }

  it('of a network of tfjs-layers runs nothing that counts in JavaScript', async () => {
    const model = ofLayers();
    const pictures = tf.randomNormal([4, 32, 24, 3], 0, 1, 'float32', 1);
    const classes = tf.oneHot(tf.tensor1d([0, 3, 9, 1], 'int32'), 10);
    const found = await fallbacks(() => model.fit(pictures, classes, { epochs: 1, verbose: 0 }));
    expect(found.filter((kernel) => !(kernel in UNCOUNTED))).to.deep.equal([]);
    tf.dispose([pictures, classes]);
    model.dispose();
  });

  it('would be seen to run something there', async () => {
    const found = await fallbacks(() => tf.tidy(() => tf.cumsum(tf.ones([20, 20]))));
    expect(found).to.deep.equal(['Cumsum']);
  });
});
