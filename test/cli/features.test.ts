import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { AutoBackbone, AutoImageProcessor, decodeImage, extractFeatureMaps, readSafetensors } from '../../src/index.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('cli: features', () => {
  const { path, files } = workFolder();
  const outFeatures = ['stage1', 'stage4'];
  const options = ['--model', 'tiny', '--backend', 'cpu', '--out-features', outFeatures.join(',')];

  async function mapsOf(picture: string) {
    const backbone = await AutoBackbone.fromPretrained(join(path, 'tiny'), { outFeatures });
    const processor = await AutoImageProcessor.fromPretrained(join(path, 'tiny'));
    const maps = await extractFeatureMaps(backbone, processor, join(path, picture));
    backbone.dispose();
    return maps;
  }

  it('prints a table and writes the maps and a picture of them, in a new folder', async () => {
    const args = ['features', 'chelsea.png', 'rocket.jpg', ...options, '--out', join('new', 'maps of tiny')];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect(code).to.equal(0);
    expect(stderr).to.have.length(1);
    expect(stderr[0]).to.match(/^tiny: ready in \d+ ms, backend cpu \(plain JavaScript\)$/);
    const out = join('new', 'maps of tiny');
    // a norm ends each map: mean 0 and, but for its epsilon, deviation 1
    expect(stdout.replace(/\d+ ms$/gm, '# ms').replace(/ 0\.99\d\d$/gm, ' 1.0000')).to.equal(
      ['chelsea.png', 'rocket.jpg']
        .flatMap((picture) => [
          `${picture}: # ms`,
          'map     shape        stride  mean    deviation',
          'stage1  16 x 16 x 4       4  0.0000  1.0000',
          'stage4  2 x 2 x 7        32  0.0000  1.0000',
          `wrote ${join(out, picture.slice(0, -4))}.safetensors`,
          `wrote ${join(out, picture.slice(0, -4))}.features.png`,
          '',
        ])
        .join('\n')
        .replaceAll('\n\n', '\n'),
    );
    for (const picture of ['chelsea.png', 'rocket.jpg']) {
      const file = join(path, out, `${picture.slice(0, -4)}.safetensors`);
      const written = readSafetensors(readFileSync(file), file);
      expect([...written.keys()]).to.deep.equal(outFeatures);
      for (const { name, shape, data } of await mapsOf(picture)) {
        expect(written.get(name)).to.deep.equal({ dtype: 'F32', shape, data });
      }
      const photograph = await decodeImage(join(path, picture));
      const drawing = await decodeImage(join(path, out, `${picture.slice(0, -4)}.features.png`));
      expect(drawing.height).to.be.above(photograph.height);
      expect(drawing.width).to.be.above(2 * photograph.width); // two tiles of a square map each, and gaps
    }
  });

  it('prints JSON, and nothing else', async () => {
    const { code, stdout } = await convnextv2(['features', 'chelsea.png', ...options, '--json'], path);
    expect(code).to.equal(0);
    const { pictures, ...rest } = JSON.parse(stdout);
    expect(rest).to.deep.equal({ model: 'tiny', backend: 'cpu', trained: true, failures: [] });
    expect(pictures).to.have.length(1);
    const [{ picture, maps, files, milliseconds }] = pictures;
    expect([picture, files]).to.deep.equal(['chelsea.png', []]);
    expect(milliseconds).to.be.a('number');
    const [{ data }] = await mapsOf('chelsea.png');
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
    expect(maps[0]).to.deep.equal({ name: 'stage1', shape: [16, 16, 4], stride: 4, mean, deviation });
    expect(maps[1]).to.include({ name: 'stage4', stride: 32 });
  });

  it('says that fresh weights are untrained, and repeats them by their seed', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4], image_size: 32 };
    writeFileSync(join(path, 'fresh.json'), JSON.stringify(config));
    const run = (...seed: readonly string[]) =>
      convnextv2(['features', 'chelsea.png', '--model', 'fresh.json', '--backend', 'cpu', '--json', ...seed], path);
    const [first, same, other] = await Promise.all([run(), run('--seed', '0'), run('--seed', '1')]);
    expect(first.stderr[1]).to.match(/^The weights are untrained \(seed 0\): .* download config\.json/);
    const mapsIn = ({ stdout }: typeof first) => JSON.parse(stdout).pictures[0].maps;
    expect(JSON.parse(first.stdout).trained).to.equal(false);
    expect(mapsIn(same)).to.deep.equal(mapsIn(first));
    expect(mapsIn(other)).not.to.deep.equal(mapsIn(first));
  });

  it('does the others where a picture is broken, and fails in the end', async () => {
    const folders = [`a`, `b ☃'s`];
    for (const folder of folders) {
      mkdirSync(join(path, folder));
      cpSync(join(path, 'rocket.jpg'), join(path, folder, 'rocket.jpg'));
    }
    writeFileSync(join(path, 'text.jpg'), 'This is no picture.\n');
    const pictures = ['text.jpg', join('a', 'rocket.jpg'), 'a', 'nope.png', join("b ☃'s", 'rocket.jpg')];
    const args = ['features', ...pictures, ...options, '--out', 'some', '--json'];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect(code).to.equal(1);
    const result = JSON.parse(stdout);
    expect(result.pictures.map(({ files }: { readonly files: readonly string[] }) => files)).to.deep.equal([
      [join('some', 'rocket.safetensors'), join('some', 'rocket.features.png')],
      [join('some', 'rocket-2.safetensors'), join('some', 'rocket-2.features.png')],
    ]);
    for (const file of result.pictures.flatMap(Object.values).flat()) {
      if (String(file).startsWith('some')) expect(existsSync(join(path, file))).to.equal(true);
    }
    expect(files().filter((file) => file.startsWith('some'))).to.have.length(5); // the folder, too
    const errors = stderr.slice(1);
    expect(result.failures).to.deep.equal([
      { picture: 'text.jpg', error: errors[0] },
      { picture: 'a', error: errors[1] },
      { picture: 'nope.png', error: errors[2] },
    ]);
    expect(errors[0]).to.equal(
      'E_IMAGE: text.jpg: wanted a JPEG, PNG, WebP, AVIF, TIFF or GIF picture, got text that begins "This is no picture.\\n"',
    );
    expect(errors[1]).to.equal('E_IMAGE: a: wanted a picture file, got a folder');
    expect(errors[2]).to.equal('E_IMAGE: nope.png: wanted a readable picture file, got no such file');
    expect(errors).to.have.length(3);
  });

  it('refuses a call that lacks its pictures or its model', async () => {
    const wrong = [
      ['features', '--model', 'tiny'],
      ['features', 'chelsea.png'],
    ];
    const [noPicture, noModel] = await Promise.all(wrong.map((args) => convnextv2(args, path)));
    expectFailure(noPicture, 2, 'E_USAGE: PICTURES: wanted at least one picture, got none');
    expectFailure(noModel, 2, 'E_USAGE: --model: wanted a model, got none');
  });
});
