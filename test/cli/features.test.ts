import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { unfinished } from '../../src/cli/features.js';
import { decodeImage, extractFeatures, readSafetensors } from '../../src/index.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('cli: features', () => {
  const { path, files } = workFolder();
  const outFeatures = ['stage1', 'stage4'];
  const options = ['--model', 'tiny', '--backend', 'cpu', '--out-features', outFeatures.join(',')];

  async function mapsOf(picture: string) {
    for await (const { maps } of extractFeatures(join(path, 'tiny'), [join(path, picture)], { outFeatures })) {
      return maps!;
    }
    throw new Error('no maps');
  }

  it('prints a table and writes the maps and a picture of them, in a new folder', async () => {
    const target = ['--out', join('new', 'maps of tiny'), '--picture'];
    const args = ['features', 'chelsea.png', 'rocket.jpg', ...options, ...target];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect(code).to.equal(0);
    expect(stderr).to.have.length(1);
    expect(stderr[0]).to.match(/^tiny: ready in \d+ ms, backend cpu \(plain JavaScript\)$/);
    const out = join('new', 'maps of tiny');
    // a norm ends each map: mean 0 and, but for its epsilon, deviation 1
    expect(stdout.replace(/ 0\.99\d\d$/gm, ' 1.0000')).to.equal(
      ['chelsea.png', 'rocket.jpg']
        .flatMap((picture) => [
          picture,
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
    expect(rest).to.deep.equal({ model: 'tiny', backend: 'cpu', trained: true, finishedBefore: 0, failures: [] });
    expect(pictures).to.have.length(1);
    const [{ picture, maps, files }] = pictures;
    expect([picture, files]).to.deep.equal(['chelsea.png', []]);
    const [{ data }] = await mapsOf('chelsea.png');
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
    expect(maps[0]).to.deep.equal({ name: 'stage1', shape: [16, 16, 4], stride: 4, mean, deviation });
    expect(maps[1]).to.include({ name: 'stage4', stride: 32 });
  });

  it('says that fresh weights are untrained, and repeats them by their seed', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4], image_size: 32 };
    writeFileSync(join(path, 'fresh.json'), JSON.stringify(config));
    const fresh = ['--random-weights', '--backend', 'cpu'];
    const run = (...seed: readonly string[]) =>
      convnextv2(['features', 'chelsea.png', '--model', 'fresh.json', ...fresh, '--json', ...seed], path);
    const [first, same, other] = await Promise.all([run(), run('--seed', '0'), run('--seed', '1')]);
    expect(first.stderr[1]).to.match(/^The weights are untrained \(seed 0\): .* give a model of the Hub as --model/);
    const mapsIn = ({ stdout }: typeof first) => JSON.parse(stdout).pictures[0].maps;
    expect(JSON.parse(first.stdout).trained).to.equal(false);
    expect(mapsIn(same)).to.deep.equal(mapsIn(first));
    expect(mapsIn(other)).not.to.deep.equal(mapsIn(first));
  });

  it('does the others where a picture is broken, and fails in the end', async () => {
    for (const folder of ['a', `b ☃'s`, 'empty']) mkdirSync(join(path, folder));
    cpSync(join(path, 'rocket.jpg'), join(path, 'a', 'rocket.jpg'));
    cpSync(join(path, 'rocket.jpg'), join(path, "b ☃'s", 'rocket.jpg'));
    writeFileSync(join(path, 'text.jpg'), 'This is no picture.\n');
    const pictures = ['text.jpg', join('a', 'rocket.jpg'), 'empty', 'nope.png', join("b ☃'s", 'rocket.jpg')];
    const args = ['features', ...pictures, ...options, '--out', 'some', '--json'];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect(code).to.equal(1);
    const result = JSON.parse(stdout);
    expect(result.pictures.map(({ files }: { readonly files: readonly string[] }) => files)).to.deep.equal([
      [join('some', 'rocket.safetensors')],
      [join('some', 'rocket-2.safetensors')],
    ]);
    const written = files().filter((file) => file.startsWith('some') && !file.includes('.convnextv2'));
    expect(written).to.deep.equal(['some', join('some', 'rocket-2.safetensors'), join('some', 'rocket.safetensors')]);
    const errors = stderr.filter((line) => !line.includes(': ready in '));
    expect(result.failures).to.deep.equal([
      { picture: 'empty', error: errors[0] },
      { picture: 'text.jpg', error: errors[1] },
      { picture: 'nope.png', error: errors[2] },
    ]);
    expect(errors).to.deep.equal([
      'E_IMAGE: empty: wanted at least one picture, got none',
      'E_IMAGE: text.jpg: wanted a JPEG, PNG, WebP, AVIF, TIFF or GIF picture, got text that begins "This is no picture.\\n"',
      'E_IMAGE: nope.png: wanted a readable picture file, got no such file',
    ]);
  });

  it('takes folders and patterns, and keeps the folders in them', async () => {
    mkdirSync(join(path, 'photos', 'animals'), { recursive: true });
    cpSync(join(path, 'chelsea.png'), join(path, 'photos', 'animals', 'cat.PNG'));
    cpSync(join(path, 'rocket.jpg'), join(path, 'photos', 'rocket.jpg'));
    writeFileSync(join(path, 'photos', 'notes.txt'), 'no picture');
    const run = (out: string, ...pictures: readonly string[]) =>
      convnextv2(['features', ...pictures, ...options, '--pool', '--format', 'npy', '--out', out], path);
    const [folder, pattern] = await Promise.all([run('of-folder', 'photos'), run('of-pattern', 'photos/*/*')]);
    expect([folder.code, pattern.code]).to.deep.equal([0, 0]);
    const written = (out: string) => files().filter((file) => file.startsWith(out) && file.endsWith('.npy'));
    const maps = outFeatures.map((name) => join('of-folder', 'animals', `cat.${name}.npy`));
    expect(written('of-folder')).to.deep.equal([
      ...maps,
      ...outFeatures.map((name) => join('of-folder', `rocket.${name}.npy`)),
    ]);
    expect(written('of-pattern')).to.deep.equal(maps.map((file) => file.replace('folder', 'pattern')));
    expect(folder.stdout).to.match(/^photos.animals.cat\.PNG\nmap .*\nstage1 +4 +4 +/);
  });

  it('gives the last map of a model that no backbone wrote, and pooled its pooler_output', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4], image_size: 32 };
    writeFileSync(join(path, 'whole.json'), JSON.stringify(config));
    const fresh = ['--random-weights', '--backend', 'cpu'];
    const run = (...more: readonly string[]) =>
      convnextv2(['features', 'chelsea.png', '--model', 'whole.json', ...fresh, '--json', ...more], path);
    const [map, vector] = await Promise.all([run(), run('--pool')]);
    const described = ({ stdout }: typeof map) => {
      const [{ name, shape, stride }] = JSON.parse(stdout).pictures[0].maps;
      return [name, shape, stride];
    };
    expect(described(map)).to.deep.equal(['last_hidden_state', [8, 8, 4], 4]);
    expect(described(vector)).to.deep.equal(['pooler_output', [4], 4]);
  });

  for (const format of ['json', 'parquet']) {
    it(`writes one ${format} file for all`, async () => {
      const args = ['features', 'chelsea.png', 'rocket.jpg', ...options, '--format', format, '--out', format];
      const { code, stdout } = await convnextv2(args, path);
      expect(code).to.equal(0);
      expect(stdout.split('\n').filter((line) => line.startsWith('wrote'))).to.deep.equal([
        `wrote ${join(format, `features.${format}`)}`,
      ]);
      const file = join(path, format, `features.${format}`);
      const rows =
        format === 'json'
          ? JSON.parse(readFileSync(file, 'utf8'))
          : await parquetReadObjects({ file: await asyncBufferFromFile(file) });
      expect(rows.map((row: Record<string, unknown>) => [row.path, row.map])).to.deep.equal([
        ['chelsea.png', 'stage1'],
        ['chelsea.png', 'stage4'],
        ['rocket.jpg', 'stage1'],
        ['rocket.jpg', 'stage4'],
      ]);
      const [{ shape, data }] = await mapsOf('rocket.jpg');
      expect(rows[2].shape).to.deep.equal(shape);
      expect(rows[2].values).to.deep.equal([...data]);
    });
  }

  const wrong: Readonly<Record<string, readonly [args: readonly string[], message: string]>> = {
    'no pictures': [['--model', 'tiny'], 'E_USAGE: PICTURES: wanted at least one picture, got none'],
    'no model': [['chelsea.png'], 'E_USAGE: --model: wanted a model, got none'],
    'a format that is none': [
      ['chelsea.png', ...options, '--out', 'x', '--format', 'parket'],
      'E_USAGE: --format: wanted one of safetensors, npy, json, parquet, got "parket" \\(did you mean "parquet"\\?\\)',
    ],
    'a format for nothing': [['chelsea.png', ...options, '--format', 'npy'], 'E_USAGE: --out: wanted a folder'],
    'a picture of nothing': [['chelsea.png', ...options, '--picture'], 'E_USAGE: --out: wanted a folder'],
    'a picture of vectors': [
      ['chelsea.png', ...options, '--out', 'x', '--pool', '--picture'],
      'E_USAGE: --picture: wanted maps to draw, got the vectors of --pool',
    ],
    'batches of none': [
      ['chelsea.png', ...options, '--batch-size', '0'],
      'E_USAGE: --batch-size: wanted a whole number of at least 1, got "0"',
    ],
  };
  for (const [name, [args, message]] of Object.entries(wrong)) {
    it(`refuses ${name}`, async () => {
      expectFailure(await convnextv2(['features', ...args], path), 2, message);
    });
  }
});

describe('cli: what is left to do of features', () => {
  const inputs = Array.from({ length: 10 }, (_, i) => ({ picture: `${i}.png`, name: `${i}` }));
  const left = (finished: readonly number[], batchSize: number) =>
    unfinished(inputs, new Set(finished.map(String)), batchSize)
      .map(({ name }) => name)
      .join('');

  it('is whole batches, so that each is computed as it would have been', () => {
    expect(left([], 4)).to.equal('0123456789');
    expect(left([0, 1, 2, 3, 4, 5], 4)).to.equal('456789'); // 4567 and 89
    expect(left([1, 2, 3, 8, 9], 4)).to.equal('01234567');
    expect(left([0, 2, 3], 1)).to.equal('1456789');
    expect(left([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).to.equal('');
    expect(unfinished(inputs, undefined, 4)).to.deep.equal(inputs);
  });
});
