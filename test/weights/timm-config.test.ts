import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  AutoConfig,
  AutoImageProcessor,
  ConvNextImageProcessor,
  type ConvNextV2Config,
  ConvNextV2Model,
} from '../../src/index.js';
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

  it('has its keys beside the architecture in older files, and names of classes in either place', () => {
    const older = { architecture: 'x', ...TIMM.pretrained_cfg, crop_mode: 'squash', labels: ['a', 'b'] };
    expect(timmPreprocessor(older)).to.deep.equal({ ...timmPreprocessor(TIMM), crop_mode: 'squash' });
    const id2label = { 0: 'a', 1: 'b' };
    expect(timmConfigFields(older)).to.deep.equal({ image_size: [288, 320], id2label });
    const inside = { architecture: 'x', pretrained_cfg: { label_names: ['a', 'n'], label_descriptions: { n: 'b' } } };
    expect(timmConfigFields(inside)).to.deep.equal({ id2label });
  });

  it('has a test size, for those who ask', () => {
    const config = (more: object) => ({ architecture: 'x', pretrained_cfg: { ...TIMM.pretrained_cfg, ...more } });
    const both = config({ test_input_size: [3, 320, 320], test_crop_pct: 1 });
    expect(timmPreprocessor(both)).to.deep.equal(timmPreprocessor(TIMM));
    const asked = { ...timmPreprocessor(TIMM), size: { shortest_edge: 320 }, crop_pct: 1 };
    expect(timmPreprocessor(both, { useTestSize: true })).to.deep.equal(asked);
    // each of the two by itself, as in timm
    const share = timmPreprocessor(config({ test_crop_pct: 1 }), { useTestSize: true });
    expect(share).to.deep.equal({ ...timmPreprocessor(TIMM), crop_pct: 1 });
    expect(timmPreprocessor(TIMM, { useTestSize: true })).to.deep.equal(timmPreprocessor(TIMM));
  });

  it('is carried on by savePretrained, at the size that the model was opened for', () =>
    inFolder(async (folder) => {
      const sizes = { test_input_size: [3, 40, 40], test_crop_pct: 1 };
      const pretrained_cfg = { input_size: [3, 35, 35], crop_pct: 0.9, crop_mode: 'border', ...sizes };
      await copyFile(golden('checkpoints', 'timm-linear.safetensors'), join(folder, 'model.safetensors'));
      await writeFile(join(folder, 'config.json'), JSON.stringify({ architecture: 'convnextv2_tiny', pretrained_cfg }));
      const picture = golden('image-processor-center-crop', 'image.png');
      for (const [useTestSize, side] of [
        [false, 35],
        [true, 40],
      ] as const) {
        const model = await ConvNextV2Model.fromPretrained(folder, { useTestSize });
        const saved = join(folder, `saved-${side}`);
        await model.savePretrained(saved);
        model.dispose();
        const own = await AutoImageProcessor.fromPretrained(folder, { useTestSize });
        const [want, got] = [own, await ConvNextImageProcessor.fromPretrained(saved)].map((processor) =>
          processor.preprocess(picture),
        );
        const [wanted, found] = [(await want).pixelValues, (await got).pixelValues];
        expect(wanted.shape).to.deep.equal([1, side, side, 3]);
        expect(found.arraySync()).to.deep.equal(wanted.arraySync());
        wanted.dispose();
        found.dispose();
      }
    }));

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
