import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { AutoConfig, type ConvNextV2Config } from '../../src/index.js';
import { openSource } from '../../src/weights/source.js';
import { isTimmConfig, timmConfigFields, timmPreprocessor } from '../../src/weights/timm-config.js';
import { golden, inFolder } from '../helpers.js';

const TIMM = {
  architecture: 'convnextv2_tiny',
  num_classes: 2,
  label_names: ['n01', 'n02'],
  label_descriptions: { n01: 'a tench' },
  pretrained_cfg: {
    input_size: [3, 288, 320],
    crop_pct: 0.95,
    interpolation: 'bicubic',
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  },
};

describe("timm's config.json", () => {
  it('is told by its architecture', () => {
    expect(isTimmConfig(TIMM)).to.equal(true);
    for (const other of [{ ...TIMM, model_type: 'convnextv2' }, { architecture: 3 }, null, [], 'timm']) {
      expect(isTimmConfig(other)).to.equal(false);
    }
  });

  it('gives the size of pictures and the names of classes', () => {
    expect(timmConfigFields(TIMM)).to.deep.equal({ image_size: [288, 320], id2label: { 0: 'a tench', 1: 'n02' } });
    expect(timmConfigFields({ architecture: 'x', pretrained_cfg: { input_size: [3, 1.5] } })).to.deep.equal({});
    expect(timmConfigFields({ ...TIMM, label_names: ['a', 3] } as never)).to.deep.equal({ image_size: [288, 320] });
  });

  it('gives what pictures are prepared like', () => {
    expect(timmPreprocessor(TIMM)).to.deep.equal({
      size: { height: 288, width: 320 },
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.25, 0.25, 0.25],
      crop_pct: 0.95,
      crop_mode: 'center',
      resample: 3,
    });
    // refused where it is read
    const odd = timmPreprocessor({ architecture: 'x', pretrained_cfg: { interpolation: 'toString' } });
    expect(odd).to.include({ resample: 'toString' });
  });

  it('stands beside weights whose shapes say the rest', () =>
    inFolder(async (folder) => {
      await copyFile(golden('checkpoints', 'timm-linear.safetensors'), join(folder, 'model.safetensors'));
      await writeFile(join(folder, 'config.json'), JSON.stringify(TIMM));
      const { preprocessor } = await openSource(folder);
      expect(preprocessor?.json).to.deep.equal(timmPreprocessor(TIMM));
      const { imageSize, id2label } = (await AutoConfig.fromPretrained(folder)) as ConvNextV2Config;
      expect(imageSize).to.deep.equal([288, 320]);
      expect(id2label[0]).to.equal('a tench');
    }));
});
