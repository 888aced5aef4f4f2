import { copyFileSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextImageProcessor,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
  FCOS,
  FCOSConfig,
  MaskRCNN,
  MaskRCNNConfig,
  pipeline,
  UperNetConfig,
  UperNetForSemanticSegmentation,
  useBackend,
} from '../../src/index.js';
import { readSafetensors } from '../../src/weights/checkpoint.js';
import { cutPrefix, prefixesOf, withoutWrappers } from '../../src/weights/prefix.js';
import { writeSafetensors } from '../../src/weights/write-safetensors.js';
import { failure, golden, inFolder, readBytes } from '../helpers.js';

/** What people's tools put before names, and what it is for. */
const PREFIXES = [
  'model.', // Lightning, where the module is self.model
  'net.',
  'student.',
  'module.', // DataParallel
  'module.model.',
  'ema_model.',
  '_fsdp_wrapped_module.',
  '_forward_module.model._orig_mod.', // Fabric, Lightning, torch.compile
  'a.b.c.d.',
];

/** Writes the tensors of a file under other names; those whose name becomes undefined are left out. */
async function renamed(from: string, to: string, rename: (name: string) => string | undefined): Promise<void> {
  const tensors = [...readSafetensors(await readBytes(from), from)].flatMap(([name, { shape, data }]) => {
    const other = rename(name);
    const values = data as Float32Array;
    const bytes = async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return other === undefined ? [] : [{ name: other, dtype: 'F32' as const, shape, bytes }];
  });
  await writeSafetensors(to, tensors, { format: 'pt' });
}

const SOURCE = golden('classifier-single-label');
const WEIGHTS = join(SOURCE, 'model.safetensors');

/** The logits that a classifier gives of a ramp. */
async function logitsOf(source: string): Promise<{ logits: number[]; initialized: readonly string[] }> {
  const model = await ConvNextV2ForImageClassification.fromPretrained(source);
  const logits = tf.tidy(() => {
    const channels = model.config.numChannels;
    const pixels = tf.reshape(tf.linspace(-1, 1, 64 * 48 * channels), [1, 64, 48, channels]) as tf.Tensor4D;
    return [...model.forward(pixels).logits.dataSync()];
  });
  model.dispose();
  return { logits, initialized: model.report.initialized };
}

describe('prefixes', () => {
  before(() => useBackend('cpu'));

  it('are tried from the shortest on, and among equals the one that more names have', () => {
    expect([...prefixesOf(['b.x.1', 'a.x.1', 'a.y.1', 'c'])]).to.deep.equal(['', 'a.', 'b.', 'b.x.', 'a.x.', 'a.y.']);
    expect([...prefixesOf([])]).to.deep.equal(['']);
  });

  it('are few, whatever a file holds', () => {
    const hostile = Array.from({ length: 2000 }, (_, i) => `${'p.'.repeat(i % 50)}${i}.x`);
    expect([...prefixesOf(hostile)].length).to.be.at.most(24);
    const wide = Array.from({ length: 2000 }, (_, i) => `${i % 20}.a.b.c.d.${i}`); // 20 of each length
    expect([...prefixesOf(wide)]).to.have.length(24);
  });

  it('are cut as far as names have them; two names do not become one', () => {
    const cut = cutPrefix(['m.b.x', 'm.head', 'other', 'head'], 'm.b.');
    expect([...cut]).to.deep.equal([
      ['x', 'm.b.x'],
      ['head', 'm.head'],
      ['other', 'other'],
      ['beside m.b.: head', 'head'],
    ]);
  });

  it('within names come from wrappers of parts', () => {
    expect(withoutWrappers('_fsdp_wrapped_module.a._checkpoint_wrapped_module.b._orig_mod.c')).to.equal('a.b.c');
    expect(withoutWrappers('a.module.b')).to.equal('a.module.b');
  });

  for (const config of ['a config beside it', 'none']) {
    it(`before a classifier's names leave nothing random, with ${config}`, async () => {
      const want = await logitsOf(SOURCE);
      await inFolder(async (folder) => {
        for (const [i, prefix] of PREFIXES.entries()) {
          const own = join(folder, `${i}`);
          mkdirSync(own);
          if (config !== 'none') copyFileSync(join(SOURCE, 'config.json'), join(own, 'config.json'));
          await renamed(WEIGHTS, join(own, 'model.safetensors'), (name) => prefix + name);
          const got = await logitsOf(join(own, 'model.safetensors'));
          expect(got, prefix).to.deep.equal({ logits: got.logits, initialized: [] });
          // a config without eps of its own has transformers' default, and so has one that is derived
          expect(got.logits, prefix).to.deep.equal(want.logits);
        }
      });
    });
  }

  it('between the parts of FSDP are no part of the names', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'model.safetensors');
      await renamed(WEIGHTS, file, (name) =>
        `_fsdp_wrapped_module.${name}`.replace(/\.layers\.(\d+)\./, '.layers.$1._fsdp_wrapped_module.'),
      );
      copyFileSync(join(SOURCE, 'config.json'), join(folder, 'config.json'));
      expect(await logitsOf(file)).to.deep.equal(await logitsOf(SOURCE));
    });
  });

  it("of a module's own body and head are found, and other tensors beside the model do not matter", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'model.safetensors');
      copyFileSync(join(SOURCE, 'config.json'), join(folder, 'config.json'));
      // class Net: self.backbone = ConvNextV2Model(...), self.classifier = Linear(...); and Lightning's self.net = Net()
      await renamed(WEIGHTS, file, (name) =>
        name.startsWith('convnextv2.') ? name.replace('convnextv2.', 'net.backbone.') : `net.${name}`,
      );
      expect(await logitsOf(file)).to.deep.equal(await logitsOf(SOURCE));
    });
  });

  const body = { model_type: 'convnextv2', depths: [1, 1, 1, 1], hidden_sizes: [4, 5, 6, 7] };
  const small = { backboneConfig: body, numLabels: 3, outChannels: 4, minSize: 32, maxSize: 64 };
  const HEADS = {
    UperNet: [
      UperNetForSemanticSegmentation,
      new UperNetConfig({ backboneConfig: body, hiddenSize: 4, numLabels: 3, auxiliaryInChannels: 6 }),
    ],
    'Mask R-CNN': [MaskRCNN, new MaskRCNNConfig({ ...small, representationSize: 4, maskLayers: [4] })],
    FCOS: [FCOS, new FCOSConfig({ ...small, outChannels: 32, numConvs: 1 })],
  } as const;
  for (const [name, [Model, config]] of Object.entries(HEADS)) {
    it(`before the names of a model with a head: ${name}`, async () => {
      await inFolder(async (folder) => {
        const model = await (Model as typeof FCOS).fromConfig(config as FCOSConfig, { seed: 1 });
        await model.savePretrained(folder);
        model.dispose();
        for (const prefix of PREFIXES) {
          const other = join(folder, prefix);
          mkdirSync(other);
          copyFileSync(join(folder, 'config.json'), join(other, 'config.json'));
          await renamed(join(folder, 'model.safetensors'), join(other, 'model.safetensors'), (own) => prefix + own);
          const again = await (Model as typeof FCOS).fromPretrained(other, { strict: 'all' });
          expect(again.report.loaded.length, prefix).to.equal(again.parameters.size);
          again.dispose();
        }
      });
    });
  }
});

describe("a prefix before another's names", () => {
  before(() => useBackend('cpu'));

  it('is taken off as well', async () => {
    await inFolder(async (folder) => {
      const source = golden('upernet-convnextv2');
      copyFileSync(join(source, 'config.json'), join(folder, 'config.json'));
      await renamed(join(source, 'model.safetensors'), join(folder, 'model.safetensors'), (name) => {
        return `model.${name.replace('.batch_norm.', '.bn.').replace('_head.classifier.', '_head.conv_seg.')}`;
      });
      const model = await UperNetForSemanticSegmentation.fromPretrained(folder, { strict: 'all' });
      expect(model.report.recognised.slice(1)).to.deep.equal(['without the prefix model.', 'names of mm']);
      model.dispose();
    });
  });
});

describe('weights that are missing', () => {
  before(() => useBackend('cpu'));

  it('stop a task, and are named', async () => {
    await inFolder(async (folder) => {
      copyFileSync(join(SOURCE, 'config.json'), join(folder, 'config.json'));
      const file = join(folder, 'model.safetensors');
      await renamed(WEIGHTS, file, (name) => (name.startsWith('classifier.') ? undefined : name));
      const before = tf.memory().numTensors;
      const { code, problems } = await failure(() => pipeline('image-classification', folder));
      expect(code).to.equal('E_WEIGHTS');
      expect(problems.map(({ path }) => path.replace(/^.*: /, ''))).to.deep.equal([
        '"classifier.weight"',
        '"classifier.bias"',
      ]);
      expect(tf.memory().numTensors).to.equal(before);
      // a model to train may lack them: its report says so
      const model = await ConvNextV2ForImageClassification.fromPretrained(folder);
      expect(model.report.initialized).to.deep.equal(['classifier.weight', 'classifier.bias']);
      model.dispose();
    });
  });

  it('stop a task where no config says what is missing', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'body.safetensors');
      await renamed(WEIGHTS, file, (name) => (name.startsWith('classifier.') ? undefined : name));
      const { code, wanted } = await failure(() => pipeline('image-classification', file));
      expect([code, wanted]).to.deep.equal([
        'E_WEIGHTS',
        'a model with a classifier: classifier.weight, classifier.bias',
      ]);
      const { suggestion } = await failure(() => pipeline('semantic-segmentation', file));
      expect(suggestion).to.contain('--config');
    });
  });

  it('stop a task that needs the norm after pooling as well', async () => {
    await inFolder(async (folder) => {
      copyFileSync(join(SOURCE, 'config.json'), join(folder, 'config.json'));
      await renamed(WEIGHTS, join(folder, 'model.safetensors'), (name) =>
        name.startsWith('convnextv2.layernorm.') ? undefined : name,
      );
      const { message } = await failure(() => pipeline('image-classification', folder));
      expect(message).to.match(/^E_WEIGHTS: 2 problems\n.*"convnextv2\.layernorm\.weight": wanted a tensor/);
    });
  });

  it('are random only where that is asked for', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'not.json'), '{}');
      for (const task of ['image-classification', 'image-feature-extraction'] as const) {
        const { code, path, suggestion } = await failure(() => pipeline(task, 'convnextv2-atto'));
        expect([code, path]).to.deep.equal(['E_SOURCE', 'convnextv2-atto']);
        expect(suggestion).to.contain('"facebook/convnextv2-atto-1k-224"');
        expect(suggestion).to.contain('fromConfig("convnextv2-atto", { seed })');
      }
      expect((await failure(() => pipeline('semantic-segmentation', 'upernet_convnextv2-atto'))).code).to.equal(
        'E_SOURCE',
      );
      const name = 'mask-rcnn_convnextv2-tiny_fpn';
      expect((await failure(() => pipeline('object-detection', name))).code).to.equal('E_SOURCE');
      const wrong = { weights: 'fresh' } as object;
      expect((await failure(() => pipeline('image-classification', 'convnextv2-atto', wrong))).path).to.equal(
        'weights',
      );
      const classify = await pipeline('image-classification', SOURCE, { weights: 'random', seed: 3 });
      const model = await ConvNextV2ForImageClassification.fromConfig(SOURCE, { seed: 3 });
      expect(model.report.loaded).to.deep.equal([]);
      expect(model.config.id2label).to.deep.equal(classify.config.id2label);
      model.dispose();
      await classify.dispose();
    });
  });
});

describe("a config in place of the source's own", () => {
  it('says how large pictures are, unless a preprocessor lies beside the weights', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'model.safetensors');
      copyFileSync(WEIGHTS, file);
      const config = new ConvNextV2Config({ imageSize: 64 });
      await writeFile(join(folder, 'given.json'), JSON.stringify(config));
      const sizeOf = async (options: object) => (await ConvNextImageProcessor.fromPretrained(file, options)).size;
      expect(await sizeOf({})).to.deep.equal({ shortestEdge: 224 });
      for (const given of [config, join(folder, 'given.json')]) {
        expect(await sizeOf({ config: given })).to.deep.equal({ shortestEdge: 64 });
      }
      await new ConvNextImageProcessor({ size: 96 }).savePretrained(folder);
      expect(await sizeOf({ config })).to.deep.equal({ shortestEdge: 96 });
    });
  });
});

describe('other classes', () => {
  before(() => useBackend('cpu'));

  it('make a new classifier on the old body, and say so', async () => {
    const before = tf.memory().numTensors;
    const model = await ConvNextV2ForImageClassification.fromPretrained(SOURCE, { id2label: ['a', 'b'], seed: 1 });
    const { report, config } = model;
    expect([config.numLabels, config.id2label[1], config.label2id.b]).to.deep.equal([2, 'b', 1]);
    expect(report.initialized).to.deep.equal(['classifier.weight', 'classifier.bias']);
    expect([report.misshaped, report.unused]).to.deep.equal([[], []]);
    expect(report.rows.find(({ name }) => name === 'classifier.weight')?.reason).to.match(
      /^wanted F32 \[2, \d+\], got F32 \[\d+, \d+\], of a model for other classes$/,
    );
    const old = await ConvNextV2ForImageClassification.fromPretrained(SOURCE);
    const name = 'convnextv2.layernorm.weight';
    const valuesOf = (of: typeof model) => [...of.parameters.get(name)!.variable.dataSync()];
    expect(valuesOf(model)).to.deep.equal(valuesOf(old));
    await inFolder(async (folder) => {
      await model.savePretrained(folder);
      const again = await ConvNextV2ForImageClassification.fromPretrained(folder, { strict: 'all' });
      expect(again.config.id2label).to.deep.equal(config.id2label);
      again.dispose();
    });
    model.dispose();
    old.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('as many as before keep the classifier and have new names', async () => {
    const own = await ConvNextV2ForImageClassification.fromPretrained(SOURCE);
    const id2label = Array.from({ length: own.config.numLabels }, (_, i) => `class ${i}`);
    const model = await ConvNextV2ForImageClassification.fromPretrained(SOURCE, { id2label, strict: 'all' });
    expect(model.config.id2label[0]).to.equal('class 0');
    own.dispose();
    model.dispose();
  });

  it('do not excuse a body that is missing, or of another shape', async () => {
    await inFolder(async (folder) => {
      copyFileSync(join(SOURCE, 'config.json'), join(folder, 'config.json'));
      await renamed(WEIGHTS, join(folder, 'model.safetensors'), (name) =>
        name.endsWith('stages.0.layers.0.pwconv1.weight') ? undefined : name,
      );
      const open = () => ConvNextV2ForImageClassification.fromPretrained(folder, { numLabels: 2 });
      const { code, problems } = await failure(open);
      expect([code, problems.length, /pwconv1/.test(problems[0].path)]).to.deep.equal(['E_WEIGHTS', 1, true]);
    });
  });

  it('that make a random classifier are refused by a task', async () => {
    const { code, got } = await failure(() => pipeline('image-classification', SOURCE, { numLabels: 2 }));
    expect([code, /of a model for other classes$/.test(got)]).to.deep.equal(['E_WEIGHTS', true]);
  });

  it('are a count and names that agree', async () => {
    const open = (options: object) => ConvNextV2ForImageClassification.fromPretrained(SOURCE, options);
    const WRONG = [
      { numLabels: -1 },
      { numLabels: 1.5 },
      { id2label: [] },
      { id2label: { 1: 'a' } },
      { id2label: 'ab' },
      { id2label: [1, 2] },
      { numLabels: 3, id2label: ['a', 'b'] },
    ];
    for (const options of WRONG)
      expect((await failure(() => open(options))).code, JSON.stringify(options)).to.equal('E_ARGUMENT');
  });

  it('of a segmenter and a detector change its class layers alone', async () => {
    await inFolder(async (folder) => {
      const body = { model_type: 'convnextv2', depths: [1, 1, 1, 1], hidden_sizes: [4, 5, 6, 7] };
      const config = new MaskRCNNConfig({
        backboneConfig: body,
        numLabels: 4,
        outChannels: 4,
        representationSize: 4,
        maskLayers: [4],
      });
      const model = await MaskRCNN.fromConfig(config, { seed: 1 });
      await model.savePretrained(folder);
      model.dispose();
      const other = await MaskRCNN.fromPretrained(folder, { numLabels: 3, seed: 2 });
      expect(other.report.initialized.map((name) => name.replace(/\.(weight|bias)$/, ''))).to.have.members([
        ...Array(2).fill('roi_heads.box_predictor.cls_score'),
        ...Array(2).fill('roi_heads.box_predictor.bbox_pred'),
        ...Array(2).fill('roi_heads.mask_predictor.mask_fcn_logits'),
      ]);
      other.dispose();
    });
  });
});
