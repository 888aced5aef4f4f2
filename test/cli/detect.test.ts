import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FasterRCNN, FasterRCNNConfig } from '../../src/index.js';
import { TWO_STAGE } from '../heads/helpers.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

/** What stderr says besides which backend computes. */
const warnings = ({ stderr }: { readonly stderr: readonly string[] }) =>
  stderr.filter((line) => !line.includes(': ready in '));

describe('cli: detect and eval-detection', () => {
  const { path, files } = workFolder();
  const options = ['--model', 'detector', '--backend', 'cpu'];

  before(async () => {
    const config = new FasterRCNNConfig({
      ...TWO_STAGE,
      numLabels: undefined,
      id2label: { 0: '-', 1: 'cat', 2: 'rocket' },
    });
    const model = await FasterRCNN.fromConfig(config, { seed: 1 });
    await model.savePretrained(join(path, 'detector'));
    model.dispose();
  });

  it('writes pictures and results, which can be measured', async () => {
    const args = ['detect', 'chelsea.png', 'rocket.jpg', ...options, '--threshold', '0', '--out', 'found'];
    const { code, stdout } = await convnextv2(args, path);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^chelsea\.png\nscore +label +xmin +ymin +xmax +ymax\n/);
    expect(stdout).to.include(`wrote ${join('found', 'rocket.detections.png')}\n`);
    expect(files()).to.include.members(
      ['detections.json', 'chelsea.detections.png'].map((file) => join('found', file)),
    );
    const results = JSON.parse(readFileSync(join(path, 'found', 'detections.json'), 'utf8'));
    expect(results[0]).to.include({ image_id: 1, file_name: 'chelsea.png' });
    const truths = {
      images: [
        { id: 1, file_name: 'chelsea.png', height: 300, width: 451 },
        { id: 2, file_name: 'rocket.jpg', height: 427, width: 640 },
      ],
      categories: [
        { id: 1, name: 'cat' },
        { id: 2, name: 'rocket' },
      ],
      annotations: [{ id: 1, image_id: 1, category_id: results[0].category_id, bbox: results[0].bbox, area: 2000 }],
    };
    writeFileSync(join(path, 'truths.json'), JSON.stringify(truths));
    const measured = await convnextv2(
      ['eval-detection', 'truths.json', '--results', 'found/detections.json', '--json'],
      path,
    );
    expect(measured.code).to.equal(0);
    const byResults = JSON.parse(measured.stdout);
    expect(byResults.stats.AP50).to.be.above(0);
    const again = await convnextv2(['eval-detection', 'truths.json', ...options, '--images', '.', '--json'], path);
    expect(JSON.parse(again.stdout).stats).to.deep.equal(byResults.stats);
    expect(warnings(again)).to.deep.equal([]);
  });

  it('writes results with the ids of an annotation file, and counts what is left out where they are measured', async () => {
    const truths = {
      images: [
        { id: 'night/7', file_name: 'photos/rocket.jpg' },
        { id: 4, file_name: 'chelsea.png' },
      ],
      categories: [
        { id: 0, name: 'objects', supercategory: 'none' },
        { id: 21, name: 'cat', supercategory: 'objects' },
      ],
      annotations: [{ image_id: 4, category_id: 21, bbox: [9, 9, 90, 90], area: 2000, segmentation: [[]] }],
    };
    writeFileSync(join(path, 'listed.json'), JSON.stringify(truths));
    const args = ['detect', 'chelsea.png', 'rocket.jpg', ...options, '--threshold', '0', '--out', 'listed', '--json'];
    const found = await convnextv2([...args, '--annotations', 'listed.json'], path);
    expect(found.code, found.stderr.join()).to.equal(0);
    const results = JSON.parse(readFileSync(join(path, 'listed', 'detections.json'), 'utf8'));
    const ids = new Set(
      results.map((result: Record<string, unknown>) => `${result.file_name} ${result.image_id} ${result.category_id}`),
    );
    expect([...ids]).to.deep.equal(['chelsea.png 4 21', 'rocket.jpg night/7 21']);
    expect(JSON.parse(found.stdout).pictures.map((picture: Record<string, unknown>) => picture.image_id)).to.deep.equal(
      [4, 'night/7'],
    );
    const objects = JSON.parse(found.stdout).pictures.flatMap((picture: Record<string, unknown>) => picture.objects);
    expect(found.stderr).to.include(
      `detections.json: left out ${objects.length - results.length} objects of classes that listed.json has no category for`,
    );
    writeFileSync(join(path, 'more.json'), JSON.stringify([...results, { ...results[0], category_id: 0 }]));
    const measured = await convnextv2(['eval-detection', 'listed.json', '--results', 'more.json', '--json'], path);
    expect(measured.stderr).to.deep.equal([
      'listed.json: 2 images without height and width: "night/7", 4',
      'listed.json: the unused root category that Roboflow writes, left out: "objects"',
      '1 result of categories that the annotations do not list, left out: 0',
    ]);
    expect(JSON.parse(measured.stdout).categories.map(({ id }: { id: unknown }) => id)).to.deep.equal([21]);
    const stranger = await convnextv2(
      [...args.slice(0, 2), 'coffee.png', ...args.slice(3), '--annotations', 'listed.json'],
      path,
    );
    expectFailure(stranger, 1, 'E_ARGUMENT: coffee.png: wanted one image of listed.json');
  });

  describe('eval-detection', () => {
    const image = { id: 1, file_name: 'chelsea.png', height: 300, width: 451 };
    const MISSING = /^E_SOURCE: images\[0\]\.file_name/;
    const evaluate = (image: object, names: readonly string[]) => {
      const categories = names.map((name, i) => ({ id: 7 - i, name }));
      writeFileSync(join(path, 'own.json'), JSON.stringify({ images: [image], annotations: [], categories }));
      return convnextv2(['eval-detection', 'own.json', ...options, '--images', '.', '--json'], path);
    };

    it('matches categories with classes by name, and says which are none', async () => {
      const finished = await evaluate(image, ['rockt', 'dog', 'cat']);
      expect(finished.code).to.equal(0);
      expect(warnings(finished)).to.deep.equal([
        'categories that the model has no class for, which count as not found: rockt (did you mean "rocket"?), dog',
      ]);
      expect(JSON.parse(finished.stdout).objects).to.be.above(0);
      expectFailure(await evaluate(image, ['rockt', 'dog']), 1, 'E_ARGUMENT: categories');
    });

    it('refuses pictures of another size than annotated, before it computes', async () => {
      const resized = await evaluate({ ...image, height: 150, width: 226 }, ['cat']);
      expectFailure(resized, 1, /^E_SHAPE: chelsea\.png: wanted 150 x 226 .* got 300 x 451 \(a copy resized to 2 /);
      expect(resized.stderr).to.have.length(1); // no model was opened
    });

    it('refuses pictures that are not there, before it computes', async () => {
      const missing = await evaluate({ ...image, file_name: 'chelsae.png' }, ['cat']);
      expectFailure(missing, 1, MISSING);
      expect(missing.stderr.join()).to.include('did you mean "chelsea.png"?');
      for (const file_name of ['../chelsea.png', join(path, 'chelsea.png')]) {
        expectFailure(await evaluate({ ...image, file_name }, ['cat']), 1, MISSING);
      }
    });
  });

  it('refuses what it cannot do', async () => {
    expectFailure(
      await convnextv2(['detect', 'chelsea.png', ...options, '--threshold', '7'], path),
      2,
      'E_USAGE: --threshold',
    );
    expectFailure(
      await convnextv2(['detect', 'chelsea.png', ...options, '--classes', 'cta'], path),
      2,
      'E_ARGUMENT: classes',
    );
    expectFailure(
      await convnextv2(['detect', 'chelsea.png', ...options, '--annotations', 'truths.json'], path),
      2,
      'E_USAGE: --annotations',
    );
    expectFailure(
      await convnextv2(['detect', 'chelsea.png', ...options, '--json', '--annotations', '.'], path),
      1,
      'E_SOURCE: \\.: wanted a JSON file, got a folder',
    );
    expectFailure(await convnextv2(['eval-detection', 'truths.json'], path), 2, 'E_USAGE: --results');
    expectFailure(await convnextv2(['eval-detection', 'none.json', '--results', 'x'], path), 1, 'E_SOURCE');
  });
});
