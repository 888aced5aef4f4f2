import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  ConvNextV2Config,
  encodeLabelPng,
  encodePng,
  readLabelPng,
  SegformerImageProcessor,
  UperNetConfig,
  UperNetForSemanticSegmentation,
} from '../../src/index.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('convnextv2 segment and eval-segmentation', () => {
  const { path, files } = workFolder();
  before(async () => {
    const body = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [4, 5, 6, 7], outIndices: [1, 2, 3, 4] });
    const config = new UperNetConfig({
      backboneConfig: body,
      hiddenSize: 6,
      id2label: { 0: 'cat', 1: 'cup', 2: 'sky' },
    });
    const model = await UperNetForSemanticSegmentation.fromConfig(config, { seed: 1 });
    await model.savePretrained(join(path, 'upernet'));
    model.dispose();
    const processor = new SegformerImageProcessor({ size: 64 });
    writeFileSync(join(path, 'upernet', 'preprocessor_config.json'), JSON.stringify(processor));
    const data = Uint8Array.from({ length: 40 * 50 * 3 }, (_, i) => (i * 37) % 256);
    for (const folder of ['images', 'annotations'])
      mkdirSync(join(path, 'ade', folder, 'validation'), { recursive: true });
    writeFileSync(
      join(path, 'ade/images/validation/a.png'),
      await encodePng({ data, width: 50, height: 40, channels: 3 }),
    );
    const labels = Uint8Array.from({ length: 2000 }, (_, i) => i % 4);
    writeFileSync(
      join(path, 'ade/annotations/validation/a.png'),
      encodeLabelPng({ data: labels, width: 50, height: 40 }, []),
    );
  });

  it('writes the classes and a picture of them, and prints their shares', async () => {
    const { code, stdout } = await convnextv2(
      ['segment', 'chelsea.png', '--model', 'upernet', '--out', 'out', '--slide', '--crop', '128'],
      path,
    );
    expect(code).to.equal(0);
    expect(stdout).to.match(/^chelsea\.png\nshare % {2}class {2}label\n/);
    expect(stdout).to.match(/wrote out\/chelsea\.classes\.png\nwrote out\/chelsea\.overlay\.png\n$/);
    const map = await readLabelPng(join(path, 'out', 'chelsea.classes.png'));
    expect([map.width, map.height]).to.deep.equal([451, 300]);
    expect(map.data.every((id) => id < 3)).to.equal(true);
    expect(existsSync(join(path, 'out', 'chelsea.overlay.png'))).to.equal(true);
  });

  it('prints JSON, goes on after a picture that is none, and writes nothing unless it is told to', async () => {
    writeFileSync(join(path, 'no.png'), 'no picture');
    const before = files();
    const { code, stdout } = await convnextv2(
      ['segment', 'no.png', 'coffee.png', '--model', 'upernet', '--json', '--flip'],
      path,
    );
    expect(code).to.equal(1);
    const { pictures, failures } = JSON.parse(stdout);
    expect([failures.length, failures[0].picture]).to.deep.equal([1, 'no.png']);
    expect(pictures[0].segments.reduce((sum: number, { share }: { share: number }) => sum + share, 0)).to.be.closeTo(
      1,
      1e-9,
    );
    expect(files()).to.deep.equal(before);
  });

  it('refuses what cannot be', async () => {
    const run = (...args: string[]) => convnextv2(['segment', 'chelsea.png', '--model', 'upernet', ...args], path);
    expectFailure(await run('--crop', '128'), 2, 'E_USAGE: --crop: wanted --slide');
    expectFailure(await run('--scales', '1,x'), 2, 'E_USAGE: --scales: wanted numbers above 0');
    expectFailure(await run('--slide', '--crop', '8'), 2, 'E_ARGUMENT: crop: wanted a whole number of at least 32');
    expectFailure(
      await convnextv2(['segment', 'chelsea.png', '--model', 'tiny'], path),
      1,
      'E_PLUGIN: tiny/config.json: /model_type: wanted one of upernet',
    );
  });

  it('measures pictures with labels', async () => {
    const { code, stdout } = await convnextv2(['eval-segmentation', 'ade', '--model', 'upernet'], path);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^class {2}IoU % {2}accuracy % {2}pixels\ncat .* 500\ncup .* 500\nsky .* 500\n\npictures {2}mIoU/,
    );
    const { stdout: json } = await convnextv2(['eval-segmentation', 'ade', '--model', 'upernet', '--json'], path);
    const { classes, mIoU, pictures } = JSON.parse(json);
    expect([pictures, classes.length, classes[2].label]).to.deep.equal([1, 3, 'sky']);
    expect(mIoU).to.be.within(0, 1);
  });

  it('names the file, the value and the place of a label that is no class', async () => {
    const wrong = await convnextv2(['eval-segmentation', 'ade', '--model', 'upernet', '--zero-is-a-class'], path);
    expectFailure(
      wrong,
      1,
      'E_IMAGE: ade/annotations/validation/a.png: wanted labels 0 to 2, or 255, got 3 at column 3, row 0',
    );
    expectFailure(
      await convnextv2(['eval-segmentation', 'no', '--model', 'upernet'], path),
      1,
      'E_SOURCE: no/images/validation',
    );
  });
});
