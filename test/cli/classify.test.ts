import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConvNextV2Config, ConvNextV2ForImageClassification, pipeline } from '../../src/index.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('cli: classify', () => {
  const { path } = workFolder();
  const options = ['--model', 'classifier', '--backend', 'cpu'];

  before(async () => {
    const id2label = { 0: 'cat', 1: 'rocket', 2: 'cup of coffee' };
    const config = new ConvNextV2Config({ depths: [1, 1], hiddenSizes: [4, 6], imageSize: 32, id2label });
    const model = await ConvNextV2ForImageClassification.fromConfig(config, { seed: 1 });
    await model.savePretrained(join(path, 'classifier'));
    model.dispose();
    writeFileSync(join(path, 'text.jpg'), 'This is no picture.\n');
  });

  async function classesOf(picture: string) {
    const classify = await pipeline('image-classification', join(path, 'classifier'));
    const classes = await classify(join(path, picture));
    await classify.dispose();
    return classes;
  }

  it('prints the classes of each picture, the surest first', async () => {
    const { code, stdout, stderr } = await convnextv2(['classify', 'chelsea.png', 'rocket.jpg', ...options], path);
    expect([code, stderr.length]).to.deep.equal([0, 1]);
    const tables = ['chelsea.png', 'rocket.jpg'].map(async (picture) => {
      const rows = (await classesOf(picture)).map(({ label, score }) => `${score.toFixed(4)}  ${label}\n`);
      return `${picture}\nscore   label\n${rows.join('')}`;
    });
    expect(stdout).to.equal((await Promise.all(tables)).join(''));
  });

  it('prints JSON, does the others where a picture is broken, and fails in the end', async () => {
    const args = ['classify', 'text.jpg', 'chelsea.png', '*.gif', ...options, '--top-k', '2', '--json'];
    const { code, stdout, stderr } = await convnextv2(args, path);
    expect(code).to.equal(1);
    const { failures, ...rest } = JSON.parse(stdout);
    const classes = (await classesOf('chelsea.png')).slice(0, 2);
    const pictures = [{ picture: 'chelsea.png', classes }];
    expect(rest).to.deep.equal({ model: 'classifier', backend: 'cpu', trained: true, pictures });
    expect(failures.map(({ picture }: { readonly picture: string }) => picture)).to.deep.equal(['*.gif', 'text.jpg']);
    expect(stderr.filter((line) => line.startsWith('E_IMAGE'))).to.have.length(2);
  });

  it('says that fresh weights are untrained', async () => {
    const config = { model_type: 'convnextv2', depths: [1], hidden_sizes: [4], image_size: 32, num_labels: 3 };
    writeFileSync(join(path, 'fresh.json'), JSON.stringify(config));
    const args = ['classify', 'chelsea.png', '--model', 'fresh.json', '--random-weights', '--backend', 'cpu'];
    const { stdout, stderr } = await convnextv2(args, path);
    expect(stdout).to.match(/LABEL_[012]\n/);
    expect(stderr[1]).to.match(/^The weights are untrained \(seed 0\): the classes mean nothing\. /);
  });

  it('refuses a call that lacks its pictures or its model, and a wrong number', async () => {
    const wrong = [
      ['classify', '--model', 'classifier'],
      ['classify', 'chelsea.png'],
      ['classify', 'chelsea.png', ...options, '--top-k', 'all'],
    ];
    const [noPicture, noModel, noNumber] = await Promise.all(wrong.map((args) => convnextv2(args, path)));
    expectFailure(noPicture, 2, 'E_USAGE: PICTURES: wanted at least one picture, got none');
    expectFailure(noModel, 2, 'E_USAGE: --model: wanted a model, got none');
    expectFailure(noNumber, 2, 'E_USAGE: --top-k: wanted a whole number, got "all"');
  });
});
