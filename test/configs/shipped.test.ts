import { dirname, resolve } from 'node:path';
import { expect } from 'chai';
import type {
  ConvNextConfigFile,
  MaskRCNNConfigFile,
  PreprocessorConfigFile,
  UperNetConfigFile,
} from '../../configs/files.js';
import { packageFile, shippedConfigNames, shippedConfigPath } from '../../src/config/package-files.js';
import { readJsonFile } from '../../src/config/read-json.js';
import { type SchemaName, validateConfig } from '../../src/config/validate.js';

async function readShipped(name: string): Promise<ConvNextConfigFile & { readonly model_type: SchemaName }> {
  const path = shippedConfigPath(name);
  const file = (await readJsonFile(path)) as ConvNextConfigFile & { readonly model_type: SchemaName };
  validateConfig(file.model_type, file, { file: path, unknownKeys: 'refuse' });
  return file;
}

describe('the shipped configs', () => {
  // The table of sizes: depths, then the width of the first stage, which doubles from stage to stage.
  const sizes: Readonly<Record<string, readonly [depths: readonly number[], width: number]>> = {
    'convnextv2-atto': [[2, 2, 6, 2], 40],
    'convnextv2-femto': [[2, 2, 6, 2], 48],
    'convnextv2-pico': [[2, 2, 6, 2], 64],
    'convnextv2-nano': [[2, 2, 8, 2], 80],
    'convnextv2-tiny': [[3, 3, 9, 3], 96],
    'convnextv2-base': [[3, 3, 27, 3], 128],
    'convnextv2-large': [[3, 3, 27, 3], 192],
    'convnextv2-huge': [[3, 3, 27, 3], 352],
    'convnext-tiny': [[3, 3, 9, 3], 96],
    'convnext-small': [[3, 3, 27, 3], 96],
    'convnext-base': [[3, 3, 27, 3], 128],
    'convnext-large': [[3, 3, 27, 3], 192],
    'convnext-xlarge': [[3, 3, 27, 3], 256],
  };

  it('are all in this table', () => {
    expect(shippedConfigNames('backbones')).to.deep.equal(Object.keys(sizes).sort());
  });

  for (const [name, [depths, width]] of Object.entries(sizes)) {
    it(`${name} is valid, of its size, and finds its schema`, async () => {
      const file = await readShipped(name);
      expect(file.depths).to.deep.equal(depths);
      expect(file.hidden_sizes).to.deep.equal([width, 2 * width, 4 * width, 8 * width]);
      expect(`${file.model_type}-${name.split('-')[1]}`).to.equal(name);
      const schema = packageFile('configs', 'schemas', `${file.model_type}.schema.json`);
      expect(resolve(dirname(shippedConfigPath(name)), file.$schema!)).to.equal(schema);
      expect(file).to.not.have.any.keys('out_features', 'out_indices', 'label2id');
    });
  }

  it("all have ImageNet-1k's thousand labels", async () => {
    const [first, ...others] = await Promise.all(shippedConfigNames('backbones').map(readShipped));
    const { id2label } = first;
    expect(Object.keys(id2label!)).to.deep.equal(Array.from({ length: 1000 }, (_, i) => String(i)));
    expect(id2label).to.include({
      0: 'tench, Tinca tinca',
      134: 'crane', // the bird
      281: 'tabby, tabby cat',
      517: 'crane', // the machine
      638: 'maillot',
      639: 'maillot, tank suit',
      999: 'toilet tissue, toilet paper, bathroom tissue',
    });
    // 134 and 517 alone share a name.
    expect(new Set(Object.values(id2label!)).size).to.equal(999);
    for (const other of others) expect(other.id2label).to.deep.equal(id2label);
  });

  it('have an UperNet for each backbone, with the classes of ADE20K', async () => {
    const names = shippedConfigNames('segmenters');
    expect(names).to.deep.equal(shippedConfigNames('backbones').map((name) => `upernet_${name}`));
    for (const name of names) {
      const path = shippedConfigPath(name);
      const file = (await readJsonFile(path)) as UperNetConfigFile;
      validateConfig('upernet', file, { file: path, unknownKeys: 'refuse' });
      expect(`upernet_${file.backbone_config}`).to.equal(name);
      expect(file).to.deep.include({ hidden_size: 512, pool_scales: [1, 2, 3, 6], auxiliary_channels: 256 });
      const labels = Object.values(file.id2label!);
      expect(new Set(labels).size).to.equal(150);
      expect([labels[0], labels[12], labels[149]]).to.deep.equal(['wall', 'person', 'flag']);
    }
  });

  it('have detectors, with the classes of COCO', async () => {
    for (const name of shippedConfigNames('detectors')) {
      const path = shippedConfigPath(name);
      const file = (await readJsonFile(path)) as MaskRCNNConfigFile & { readonly model_type: SchemaName };
      validateConfig(file.model_type, file, { file: path, unknownKeys: 'refuse' });
      expect(name.startsWith(`${file.model_type}_${file.backbone_config}_fpn`), name).to.equal(true);
      const labels = Object.values(file.id2label!);
      const isOfMmdetection = name.endsWith('_mmdetection');
      expect([labels.length, labels.indexOf('person')]).to.deep.equal(isOfMmdetection ? [80, 0] : [91, 1]);
      expect([file.anchor_rounding, file.box_clamp]).to.deep.equal(
        isOfMmdetection ? ['none', 'both'] : [undefined, undefined],
      );
      const isTwoStage = isOfMmdetection && file.model_type === 'mask-rcnn';
      expect([file.background, file.roi_centres]).to.deep.equal(
        isTwoStage ? ['last', 'half-pixel'] : [undefined, undefined],
      );
    }
  });

  it("the preprocessor has ImageNet's mean and deviation", async () => {
    const path = packageFile('configs', 'preprocessors', 'imagenet-224.json');
    const file = (await readJsonFile(path)) as PreprocessorConfigFile;
    validateConfig('preprocessor', file, { file: path, unknownKeys: 'refuse' });
    expect(file.image_mean).to.deep.equal([0.485, 0.456, 0.406]);
    expect(file.image_std).to.deep.equal([0.229, 0.224, 0.225]);
    expect(file.rescale_factor).to.equal(1 / 255);
    expect(resolve(dirname(path), file.$schema!)).to.equal(
      packageFile('configs', 'schemas', 'preprocessor.schema.json'),
    );
  });
});
