import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { openPreprocessor, openSource } from '../../src/weights/source.js';
import { failure, golden, inFolder } from '../helpers.js';

const HF = golden('checkpoints', 'hf');

describe('openSource', () => {
  it('takes a folder, its weights, an index, and file URLs of them', async () => {
    const sharded = golden('checkpoints', 'hf-sharded');
    const sources = [
      HF,
      join(HF, 'model.safetensors'),
      pathToFileURL(HF),
      pathToFileURL(HF).href,
      sharded,
      join(sharded, 'model.safetensors.index.json'),
    ];
    const names = await Promise.all(
      sources.map(async (source) => {
        const { config, origin, openCheckpoint } = await openSource(source);
        expect(config).to.have.property('hidden_sizes');
        expect(origin.unknownKeys).to.equal('keep');
        const checkpoint = await openCheckpoint!();
        await checkpoint.close();
        return [...checkpoint.tensors.keys()].sort();
      }),
    );
    for (const other of names) expect(other).to.deep.equal(names[0]);
  });

  it('takes a config alone, strictly unless it is a config.json', async () => {
    await inFolder(async (folder) => {
      const [own, hub] = [join(folder, 'mine.json'), join(folder, 'config.json')];
      await writeFile(own, '{"depths": [1]}');
      await writeFile(hub, '{"depths": [1]}');
      expect(await openSource(own)).to.deep.include({
        config: { depths: [1] },
        origin: { file: own, unknownKeys: 'refuse' },
        openCheckpoint: undefined,
      });
      expect((await openSource(hub)).origin).to.deep.equal({ file: hub, unknownKeys: 'keep' });
    });
  });

  it('takes the name of a shipped config, unless a folder has that name', async () => {
    const { config, openCheckpoint } = await openSource('convnextv2-atto');
    expect(config).to.deep.include({ depths: [2, 2, 6, 2] });
    expect(openCheckpoint).to.equal(undefined);
  });

  it('suggests what was meant', async () => {
    const error = await failure(() => openSource('convnextv2-atoo'));
    expect([error.code, error.suggestion]).to.deep.equal(['E_SOURCE', 'did you mean "convnextv2-atto"?']);
    expect((await failure(() => openSource('nothing'))).suggestion).to.contain('convnextv2-base');
    const beside = await inFolder(async (folder) => {
      await writeFile(join(folder, 'model.pth'), '');
      return failure(() => openSource(join(folder, 'modle.pth')));
    });
    expect(beside.suggestion).to.equal('did you mean "model.pth"?');
  });

  it('asks no server for what looks like a path, and gives near names out of its folder', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'runs', 'bests'), { recursive: true });
      await mkdir(join(folder, 'facebook'));
      await writeFile(join(folder, 'runs', 'model.pth'), '');
      const refused = async (source: string, options = {}) => {
        const error = await failure(() => openSource(source, { cacheDir: folder, localFilesOnly: true, ...options }));
        return [error.code, error.got, error.suggestion];
      };
      const [home, here] = [process.env.HOME, process.cwd()];
      process.chdir(folder);
      process.env.HOME = folder;
      try {
        for (const [source, suggestion] of [
          ['runs/best', 'did you mean "bests"?'],
          ['./runs/best', 'did you mean "bests"?'],
          ['runs/other', 'the folder runs has bests, model.pth'],
          ['runs/modle.pth', 'did you mean "model.pth"?'],
          ['rums/model.pth', 'did you mean "runs"?'],
          ['owner/name.safetensors', 'the folder . has facebook, runs'],
          ['a/b/c', 'the folder . has facebook, runs'],
          ['owner/name/', 'the folder . has facebook, runs'],
          ['../none-of-this-name/x', undefined],
          ['C:\\x', 'the folder . has facebook, runs'],
          ['C:/runs', 'the folder . has facebook, runs'],
          ['models\\x', 'the folder . has facebook, runs'],
          ['runs/bests/x', 'the folder runs/bests is empty'],
          [join(folder, 'runes'), 'did you mean "runs"?'],
          ['~/runs', `did you mean ${JSON.stringify(join(folder, 'runs'))}?`],
          ['~/rons', 'the folder . has facebook, runs'],
          ['rub/x.pth', 'the folder . has facebook, runs'], // short names are near to all others
        ] as const) {
          const [code, got, near] = await refused(source);
          expect([code, near], source).to.deep.equal(['E_SOURCE', suggestion ?? near]);
          expect(got, source).to.match(/^none of this name/);
        }
        // names of the Hub stay those: the cache is asked for them
        for (const id of ['owner/name', 'owner/my.model-1.0', 'facebook/convnextv2-tiny-1k-224']) {
          const opened = await openSource(id, { cacheDir: folder, localFilesOnly: true }).catch(String);
          expect(opened, id).to.contain('revision main in the cache');
        }
        expect((await refused('facebook/other'))[1]).to.equal('none of this name in the folder facebook');
      } finally {
        process.chdir(here);
        process.env.HOME = home;
      }
    }));

  it('says what a folder lacks', async () => {
    await inFolder(async (folder) => {
      expect((await failure(() => openSource(folder))).message).to.contain('got no config.json');
      await copyFile(join(HF, 'config.json'), join(folder, 'config.json'));
      const { code, message } = await failure(() => openSource(folder));
      expect(code).to.equal('E_SOURCE');
      expect(message).to.contain('model.safetensors').and.to.contain('for fresh weights');
      await writeFile(join(folder, 'model.pth'), '');
      const opened = await openSource(join(folder, 'model.pth'));
      expect(await failure(() => opened.openCheckpoint!())).to.include({ code: 'E_SOURCE', got: 'an empty file' });
    });
  });

  it('refuses what is no name at all', async () => {
    for (const source of ['', undefined, 5])
      expect((await failure(() => openSource(source as string))).code).to.equal('E_SOURCE');
    expect((await failure(() => openSource('file://%'))).code).to.equal('E_SOURCE');
  });
});

describe('openPreprocessor', () => {
  it("takes a folder's, a file, a file beside weights, and ImageNet's for a config alone", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'preprocessor_config.json');
      await writeFile(file, '{"size": {"shortest_edge": 99}}');
      await copyFile(join(HF, 'config.json'), join(folder, 'config.json'));
      await copyFile(join(HF, 'model.safetensors'), join(folder, 'model.safetensors'));
      for (const source of [folder, file, join(folder, 'model.safetensors'), pathToFileURL(folder)]) {
        expect(await openPreprocessor(source)).to.deep.equal({ json: { size: { shortest_edge: 99 } }, file });
      }
      const { json } = await openPreprocessor('convnextv2-atto');
      expect(json).to.deep.include({
        size: { shortest_edge: 224 },
        crop_pct: 0.875,
        resample: 3,
        image_mean: [0.485, 0.456, 0.406],
      });
      expect(json).not.to.have.property('$schema');
    });
  });

  it('uses the image size of the config', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'mine.json');
      await writeFile(file, '{"model_type": "convnextv2", "image_size": 384}');
      expect((await openPreprocessor(file)).json).to.deep.include({ size: { shortest_edge: 384 } });
      await writeFile(file, '{"model_type": "convnextv2", "image_size": [384, 512]}');
      expect((await openPreprocessor(file)).json).to.deep.include({ size: { shortest_edge: 512 } });
      const many = JSON.stringify(new Array(300_000).fill('x'));
      for (const none of ['"big"', 'null', '[]', '{}', 'NaN', many]) {
        await writeFile(file, `{"model_type": "convnextv2", "image_size": ${none}}`);
        expect((await openPreprocessor(file)).json, none.slice(0, 9)).to.deep.include({ size: { shortest_edge: 224 } });
      }
    });
  });

  it("takes ImageNet's where a folder of weights has none", async () => {
    await inFolder(async (folder) => {
      await mkdir(join(folder, 'model'));
      await copyFile(join(HF, 'config.json'), join(folder, 'model', 'config.json'));
      await copyFile(join(HF, 'model.safetensors'), join(folder, 'model', 'model.safetensors'));
      expect((await openPreprocessor(join(folder, 'model'))).json).to.deep.include({ crop_pct: 0.875 });
    });
  });
});
