import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Detector } from '../../src/contracts.js';
import {
  createModel,
  FasterRCNN,
  FasterRCNNConfig,
  FCOS,
  FCOSConfig,
  Mask,
  MaskRCNN,
  MaskRCNNConfig,
  RetinaNet,
  RetinaNetConfig,
  useBackend,
} from '../../src/index.js';
import { failure, inFolder } from '../helpers.js';
import { noise, SMALL, TINY, TWO_STAGE } from './helpers.js';

const MASKS = { ...TWO_STAGE, maskPoolSize: 4, maskLayers: [4], maskDimReduced: 4 } as const;
const ONE_STAGE = { ...SMALL, numConvs: 1, scoreThresh: 0.005, topkCandidates: 50 } as const;

const MAKERS = {
  'Faster R-CNN': () => FasterRCNN.fromConfig(new FasterRCNNConfig(TWO_STAGE), { seed: 1 }),
  'Mask R-CNN': () => MaskRCNN.fromConfig(new MaskRCNNConfig(MASKS), { seed: 1 }),
  RetinaNet: () => RetinaNet.fromConfig(new RetinaNetConfig({ ...ONE_STAGE, outChannels: 4 }), { seed: 1 }),
  FCOS: () => FCOS.fromConfig(new FCOSConfig({ ...ONE_STAGE, outChannels: 32 }), { seed: 1 }),
};

const nothing = { boxes: new Float32Array(), labels: new Int32Array(), masks: [] };

describe('detectors', () => {
  before(() => useBackend('cpu'));

  for (const [name, make] of Object.entries(MAKERS)) {
    describe(name, () => {
      let model: Awaited<ReturnType<typeof make>>;
      let before = 0;
      beforeEach(async () => {
        await make().then((warm) => warm.dispose()); // the backend and its gradients come with the first model
        before = tf.memory().numTensors;
        model = await make();
      });
      afterEach(() => {
        model.dispose();
        expect(tf.memory().numTensors, 'tensors left over').to.equal(before);
      });

      it('takes pictures of one pixel, and of 5000 x 20 and 20 x 5000', () => {
        const pictures = [noise(1, 1), noise(20, 5000), noise(5000, 20)];
        for (const picture of pictures) expect(model.detect([picture]).length).to.equal(1);
        tf.dispose(pictures);
      });

      it('refuses non-finite weights, and what is no picture', async () => {
        const picture = noise(32, 32);
        for (const pictures of [[], [tf.zeros([4, 4, 1])], [tf.zeros([0, 4, 3])]]) {
          expect((await failure(() => model.detect(pictures as tf.Tensor3D[]))).code).to.match(/E_ARGUMENT|E_SHAPE/);
          tf.dispose(pictures);
        }
        const weights = [...model.parameters.values()].find(({ name }) => name.startsWith('backbone.fpn'))!.variable;
        tf.tidy(() => weights.assign(tf.fill(weights.shape, Number.NaN)));
        expect((await failure(() => model.detect([picture]))).code).to.equal('E_NON_FINITE');
        picture.dispose();
      });

      it('learns from pictures with objects and without: its losses fall, finite all the way', () => {
        const pictures = [noise(48, 64), noise(48, 48)];
        const mask = Mask.fromPolygons([[8, 8, 30, 8, 30, 30, 8, 30]], 48, 64);
        const targets = [{ boxes: Float32Array.of(8, 8, 30, 30), labels: Int32Array.of(1), masks: [mask] }, nothing];
        const trained = [...model.parameters.values()].map(({ variable }) => variable);
        const optimizer = tf.train.sgd(0.01);
        const sums = Array.from({ length: 4 }, () => {
          const loss = optimizer.minimize(
            () => tf.addN(Object.values(model.losses(pictures, targets, { training: true, seed: 3 }))) as tf.Scalar,
            true,
            trained,
          )!;
          const [value] = loss.dataSync();
          loss.dispose();
          return value;
        });
        expect(sums.every(Number.isFinite), sums.join()).to.equal(true);
        expect(sums[3]).to.be.below(sums[0]);
        const empty = model.losses(pictures, [nothing, nothing]);
        for (const [key, loss] of Object.entries(empty)) expect(loss.dataSync()[0], key).to.satisfy(Number.isFinite);
        tf.dispose([empty, pictures]);
        optimizer.dispose();
      });

      it('comes back from the files it is saved to', async () => {
        await inFolder(async (folder) => {
          await model.savePretrained(folder);
          const again = (await createModel(folder)) as Detector;
          const picture = noise(50, 41);
          expect(again.detect([picture])).to.deep.equal(model.detect([picture]));
          picture.dispose();
          again.dispose();
        });
      });
    });
  }

  it('train masks on those objects alone that have one, and without any give gradients of zero', async () => {
    const model = await MaskRCNN.fromConfig(new MaskRCNNConfig(MASKS), { seed: 1 });
    const pictures = [noise(48, 64)];
    const [left, right] = [4, 36].map((x) => Mask.fromPolygons([[x, 8, x + 20, 8, x + 20, 40, x, 40]], 48, 64));
    const boxes = Float32Array.of(4, 8, 24, 40, 36, 8, 56, 40);
    const losses = (masks: readonly (Mask | null)[]) => {
      const target = { boxes, labels: Int32Array.of(1, 2), masks };
      return model.losses(pictures, [target], { training: true, seed: 1 });
    };
    const values = [
      [left, right],
      [left, null],
      [null, right],
      [null, null],
    ].map((masks) =>
      tf.tidy(() =>
        Object.fromEntries(Object.entries(losses(masks)).map(([name, loss]) => [name, loss.dataSync()[0]])),
      ),
    );
    const [both, first, second, none] = values.map(({ loss_mask }) => loss_mask);
    // no other loss is moved
    for (const own of values) expect({ ...own, loss_mask: 0 }).to.deep.equal({ ...values[0], loss_mask: 0 });
    expect(first).to.not.equal(second);
    // the mean over the masks of both
    expect(both).to.be.above(Math.min(first, second)).and.below(Math.max(first, second));
    expect(none).to.equal(0);
    const head = [...model.parameters.values()]
      .filter(({ name }) => name.includes('mask'))
      .map(({ variable }) => variable);
    const { value, grads } = tf.variableGrads(() => losses([null, null]).loss_mask, head);
    expect(Object.keys(grads)).to.have.length(head.length);
    for (const gradient of Object.values(grads)) expect(gradient.dataSync().every((own) => own === 0)).to.equal(true);
    tf.dispose([value, grads, pictures]);
    model.dispose();
  });

  it('find nothing where nothing is sure', async () => {
    const config = new MaskRCNNConfig({ ...MASKS, boxScoreThresh: 0.999 });
    const model = await MaskRCNN.fromConfig(config, { seed: 1 });
    const picture = noise(40, 40);
    expect(model.detect([picture])).to.deep.equal([
      { boxes: new Float32Array(), scores: new Float32Array(), labels: new Int32Array(), masks: [] },
    ]);
    tf.dispose(picture);
    model.dispose();
  });

  it('find with the conventions of mmdetection', async () => {
    const config = new MaskRCNNConfig({
      ...MASKS,
      anchorRounding: 'none',
      anchorStrides: 'level',
      boxClamp: 'both',
      roiCentres: 'half-pixel',
      roiSamplingRatio: 0,
      roiLevelRule: 'mmdetection',
      roiScales: 'level',
      background: 'last',
      boxNms: 'soft',
      maskPaste: 'pixel-centres',
      boxRegression: 'class-agnostic',
    });
    const model = await MaskRCNN.fromConfig(config, { seed: 1 });
    const picture = noise(40, 60);
    const [{ labels, masks }] = model.detect([picture]);
    expect(new Set(labels)).to.deep.equal(new Set([0, 1, 2].filter((label) => labels.includes(label))));
    expect(labels.length).to.be.above(0);
    expect(masks!.length).to.equal(labels.length);
    const losses = model.losses(
      [picture],
      [
        {
          ...nothing,
          boxes: Float32Array.of(2, 2, 30, 30),
          labels: Int32Array.of(0),
          masks: [Mask.fromValues(new Uint8Array(2400), 40, 60)],
        },
      ],
    );
    for (const loss of Object.values(losses)) expect(loss.dataSync()[0]).to.satisfy(Number.isFinite);
    tf.dispose([picture, losses]);
    model.dispose();
  });

  it('bound how much the boxes of RetinaNet shrink, where they are asked to', async () => {
    const widest = async (boxClamp: 'above' | 'both') => {
      const model = await RetinaNet.fromConfig(new RetinaNetConfig({ ...ONE_STAGE, outChannels: 4, boxClamp }), {
        seed: 1,
      });
      const bias = model.parameters.get('head.regression_head.bbox_reg.bias')!.variable;
      tf.tidy(() => bias.assign(tf.tile(tf.tensor1d([0, 0, -1000, 0]), [bias.size / 4])));
      const picture = noise(48, 48);
      const [{ boxes }] = model.detect([picture]);
      picture.dispose();
      model.dispose();
      return Math.max(...Array.from({ length: boxes.length / 4 }, (_, i) => boxes[4 * i + 2] - boxes[4 * i]));
    };
    expect(await widest('above')).to.equal(0);
    expect(await widest('both')).to.be.above(0.1); // an anchor of 23 pixels and more, over 62.5
  });

  it('refuse a config that cannot be', async () => {
    const makers = [
      () => new FasterRCNNConfig({ ...TWO_STAGE, boxNms: 'none' as 'soft' }),
      () => new FasterRCNNConfig({ numLabels: 3 } as never),
      () => new FasterRCNNConfig({ ...TWO_STAGE, boxNsm: 'soft' } as never),
      () =>
        FasterRCNN.fromConfig(
          new FasterRCNNConfig({
            ...TWO_STAGE,
            anchorSizes: [[8], [16]],
            backboneConfig: { ...TINY, out_features: ['stage1', 'stage2'] },
          }),
        ),
      () => FCOS.fromConfig(new FCOSConfig({ ...ONE_STAGE, outChannels: 40 })),
      () => FasterRCNN.fromConfig(new FasterRCNNConfig(TWO_STAGE), { layout: 'NCHW' }),
    ];
    for (const make of makers) expect((await failure(make)).code).to.match(/E_CONFIG|E_ARGUMENT/);
  });

  it('are the same with the same seed, and config files hold every setting', async () => {
    const config = new MaskRCNNConfig(MASKS);
    expect(MaskRCNNConfig.fromJSON(config.toJSON()).settings).to.deep.equal(config.settings);
    expect(config.with({ numLabels: 9 }).numLabels).to.equal(9);
  });
});
