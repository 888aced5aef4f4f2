import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { knownModels } from '../../src/config/known-models.js';
import { readSafetensors } from '../../src/weights/checkpoint.js';
import { toBytes } from '../../src/weights/dtypes.js';
import { writeSafetensors } from '../../src/weights/write-safetensors.js';
import { golden, readBytes, withUnreadable } from '../helpers.js';
import { COMMIT, type HubServer, startHub } from '../weights/hub/server.js';
import { convnextv2, expectFailure, workFolder } from './helpers.js';

describe('cli: convert and verify', () => {
  const { path } = workFolder();

  it('turns any checkpoint into safetensors, and finds the same tensors again', async () => {
    copyFileSync(golden('checkpoints', 'fcmae-sparse.pth'), join(path, 'sparse.pth'));
    const { code, stdout, stderr } = await convnextv2(['convert', 'sparse.pth', '--to', 'dense'], path);
    expect([code, stderr]).to.deep.equal([0, []]);
    expect(stdout.split('\n')).to.deep.equal([
      'read PyTorch zip; tensors under "model"; passed over: "epoch" (799); names of fcmae',
      'wrote 56 tensors to dense',
      ...['proj.weight', 'proj.bias', 'mask_token', 'decoder.0.norm.weight', 'pred.weight', 'pred.bias'].map(
        (name) => `left out ${name}`,
      ),
      '',
    ]);
    expect(readdirSync(join(path, 'dense')).sort()).to.deep.equal([
      'config.json',
      'model.safetensors',
      'preprocessor_config.json',
    ]);
    const config = JSON.parse(readFileSync(join(path, 'dense', 'config.json'), 'utf8'));
    expect(config).to.deep.include({ model_type: 'convnextv2', hidden_sizes: [3, 4, 5, 6], dtype: 'float32' });
    const dense = golden('checkpoints', 'fcmae-dense.pth');
    const same = await convnextv2(['verify', 'dense', dense], path);
    expect(same).to.deep.equal({ code: 0, stdout: 'the same 56 tensors\n', stderr: [] });
  });

  it('writes the names and the numbers that are asked for', async () => {
    const source = golden('checkpoints', 'original.pth');
    const reference = golden('checkpoints', 'hf');
    for (const [naming, name] of [
      ['hf', 'convnextv2.encoder.stages.0.layers.0.grn.weight'],
      ['timm', 'stages.0.blocks.0.mlp.grn.weight'],
      ['fb', 'stages.0.0.grn.gamma'],
    ] as const) {
      const { code } = await convnextv2(['convert', source, '--to', naming, '--naming', naming], path);
      expect(code).to.equal(0);
      const file = join(path, naming, 'model.safetensors');
      expect([...readSafetensors(readFileSync(file), file).keys()]).to.include(name);
      expect((await convnextv2(['verify', naming, reference], path)).stdout).to.equal('the same 60 tensors\n');
    }
    await convnextv2(['convert', source, '--to', 'half', '--dtype', 'bf16'], path);
    const differ = await convnextv2(['verify', 'half', reference, '--json'], path);
    expect(differ.code).to.equal(1);
    expect(JSON.parse(differ.stdout)).to.deep.include({ same: false, onlyInFirst: [], misshaped: [] });
    expect((await convnextv2(['verify', 'half', reference, '--tolerance', '0.02'], path)).code).to.equal(0);
  });

  it('says how two checkpoints differ', async () => {
    const { code, stdout } = await convnextv2(['verify', 'tiny', golden('checkpoints', 'hf')], path);
    expect(code).to.equal(1);
    expect(stdout).to.match(/^only in .*hf: classifier\.weight$/m);
    expect(stdout).to.match(/^another shape: embeddings\.patch_embeddings\.weight$/m);
    expect(stdout).to.match(/not the same; \d+ tensors have the same name\n$/);
  });

  it('refuses what it cannot do', async () => {
    const wrong = [
      ['convert', 'tiny'],
      ['convert', 'tiny', '--to', 'x', '--dtype', 'f8'],
      ['convert', 'tiny', '--to', 'x', '--naming', 'tim'],
      ['convert', 'convnextv2-atto', '--to', 'x'],
      ['verify', 'tiny'],
      ['verify', 'tiny', 'tiny', '--tolerance=-1'],
      ['verify', 'tiny', 'tiny', '--tolerance', ' '],
      ['convert', 'tiny', '--to', 'cat/x', '--format', 'timm'],
    ];
    const found = await Promise.all(wrong.map((args) => convnextv2(args, path)));
    expectFailure(found[0], 2, 'E_USAGE: --to: wanted a folder, got none');
    expectFailure(found[1], 2, 'E_ARGUMENT: dtype: wanted one of f32, f16, bf16, got "f8"');
    expectFailure(found[2], 2, /E_ARGUMENT: naming: .*did you mean "timm"/);
    expectFailure(found[3], 1, 'E_SOURCE: convnextv2-atto: wanted weights');
    expectFailure(found[4], 2, 'E_USAGE: SOURCE_A SOURCE_B: wanted 2 arguments, got 1');
    expectFailure(found[5], 2, 'E_USAGE: --tolerance: wanted a number of at least 0, got "-1"');
    expectFailure(found[6], 2, 'E_USAGE: --tolerance: wanted a number of at least 0, got " "');
    expectFailure(found[7], 1, 'E_WEIGHTS: .*: wanted names of timm');
    expect(readdirSync(path)).not.to.include('x');
  });
});

describe('cli: a checkpoint with a tensor that cannot be read', () => {
  const { path } = workFolder();

  it('is inspected and converted, and the tensor is named', async () => {
    writeFileSync(
      join(path, 'odd.safetensors'),
      await withUnreadable(golden('checkpoints', 'hf', 'model.safetensors'), []),
    );
    const inspected = await convnextv2(['inspect', 'odd.safetensors', '--size', '64'], path);
    expect(inspected.stdout).to.contain('\ncannot be read: extra, F8_E4M3 [2], a dtype that is not read here\n');
    const { code, stdout } = await convnextv2(['convert', 'odd.safetensors', '--to', 'converted'], path);
    expect([code, stdout.split('\n').slice(1)]).to.deep.equal([
      0,
      [
        'wrote 60 tensors to converted',
        'left out extra, which cannot be read: F8_E4M3 [2], a dtype that is not read here',
        '',
      ],
    ]);
  });
});

describe('cli: inspect of any checkpoint', () => {
  const { path } = workFolder();

  it('needs no config', async () => {
    const file = golden('checkpoints', 'timm-linear.safetensors');
    const { code, stdout } = await convnextv2(['inspect', file, '--size', '64', '--names'], path);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^convnextv2, from .*timm-linear\.safetensors$/m);
    expect(stdout).to.match(/^recognised: safetensors; names of timm$/m);
    expect(stdout).to.match(/^stages\.0\.blocks\.0\.mlp\.fc1\.weight {2}F32 \[12, 3\]$/m);
  });

  it('lets no name steer the terminal', async () => {
    const own = golden('checkpoints', 'hf', 'model.safetensors');
    const tensors = Array.from(readSafetensors(readFileSync(own), own), ([name, { shape, data }]) => {
      return { name, dtype: 'F32', shape, bytes: toBytes('F32', data) } as const;
    });
    const odd = { name: 'a\x1b[2J\x9b2J', dtype: 'F32', shape: [0], bytes: new Uint8Array() } as const;
    await writeSafetensors(join(path, 'odd.safetensors'), [...tensors, odd]);
    const { stdout } = await convnextv2(['inspect', 'odd.safetensors', '--names', '--size', '64'], path);
    expect(stdout).to.contain('\na\\u001b[2J\\u009b2J  F32 [0]\n');
  });
});

describe('cli: download', () => {
  const { path } = workFolder();
  let server: HubServer;
  const endpoint = process.env.HF_ENDPOINT;

  before(async () => {
    const [config, weights] = await Promise.all(
      ['config.json', 'model.safetensors'].map((name) => readBytes(golden('checkpoints', 'hf', name))),
    );
    server = await startHub({ 'config.json': config, 'model.safetensors': weights });
    process.env.HF_ENDPOINT = server.endpoint;
  });
  after(() => {
    if (endpoint === undefined) delete process.env.HF_ENDPOINT;
    else process.env.HF_ENDPOINT = endpoint;
    return server.close();
  });

  it('prints where the weights are, and fetches them once', async () => {
    const args = ['download', 'a/model', '--cache-dir', 'cache'];
    const first = await convnextv2(args, path);
    expect(first.code).to.equal(0);
    expect(first.stdout).to.match(/^cache\/models--a--model\/snapshots\/c{40}\/model\.safetensors\n$/);
    server.takeSeen();
    expect((await convnextv2(args, path)).stdout).to.equal(first.stdout);
    expect(server.takeSeen()).to.deep.equal(['HEAD /a/model/resolve/main/config.json']);
    const { stdout } = await convnextv2(
      ['inspect', 'a/model', '--cache-dir', 'cache', '--local-files-only', '--json'],
      path,
    );
    expect(JSON.parse(stdout).checkpoint.recognised).to.deep.equal(['safetensors', 'names of hf']);
    expect(server.takeSeen()).to.deep.equal([]);
  });

  it('says what it cannot find', async () => {
    expectFailure(await convnextv2(['download', 'b/model', '--cache-dir', 'cache'], path), 1, 'E_SOURCE: b/model: ');
    expectFailure(
      await convnextv2(['download', 'convnextv2-atto'], path),
      1,
      'E_SOURCE: convnextv2-atto: wanted a model',
    );
  });
});

describe('cli: a published checkpoint', () => {
  const { path } = workFolder();
  const source = 'facebook/convnextv2-atto-1k-224';
  const notice = 'licence of the weights: CC-BY-NC-4.0, not for commercial use';
  const cached = ['--cache-dir', 'cache', '--local-files-only'];

  before(() => {
    const folder = join(path, 'cache', 'models--facebook--convnextv2-atto-1k-224');
    cpSync(golden('checkpoints', 'hf'), join(folder, 'snapshots', COMMIT), { recursive: true });
    const config = join(folder, 'snapshots', COMMIT, 'config.json');
    const older = { ...JSON.parse(readFileSync(config, 'utf8')), dtype: undefined, torch_dtype: 'float32' };
    writeFileSync(config, JSON.stringify(older));
    mkdirSync(join(folder, 'refs'));
    writeFileSync(join(folder, 'refs', 'main'), COMMIT);
  });

  it('comes with its licence', async () => {
    expect((await convnextv2(['download', source, ...cached], path)).stderr).to.deep.equal([notice]);
    const inspected = await convnextv2(['inspect', source, '--size', '64', ...cached], path);
    expect(inspected.stdout.trimEnd().split('\n').at(-1)).to.equal(notice);
    const converted = await convnextv2(['convert', source, '--to', 'half', '--dtype', 'f16', ...cached], path);
    expect(converted.stdout.trimEnd().split('\n').at(-1)).to.equal(notice);
  });

  it('says in one word how a conversion wrote its numbers', () => {
    const config = JSON.parse(readFileSync(join(path, 'half', 'config.json'), 'utf8'));
    expect([config.dtype, config.torch_dtype]).to.deep.equal(['float16', undefined]);
  });
});

describe('cli: models', () => {
  const { path } = workFolder();

  it('lists and filters what is published', async () => {
    const all = await convnextv2(['models'], path);
    const lines = all.stdout.split('\n');
    expect(lines).to.have.length(2 * knownModels().length + 1);
    expect(Math.max(...lines.map(({ length }) => length))).to.be.at.most(100);
    const { stdout } = await convnextv2(['models', 'facebook/', 'base', '384', 'V2'], path);
    expect(stdout).to.equal(
      'facebook/convnextv2-base-22k-384\n' +
        '  convnextv2-base; hf; 384 px; FCMAE on IN-1k, then IN-22k, then IN-1k; top-1 87.7; CC-BY-NC-4.0\n',
    );
    expect(
      JSON.parse((await convnextv2(['models', 'facebook/convnextv2-huge-22k-512', '--json'], path)).stdout),
    ).to.deep.equal(knownModels().filter(({ source }) => source === 'facebook/convnextv2-huge-22k-512'));
    const none = await convnextv2(['models', 'convnextv2-tinny'], path);
    expect([none.code, none.stdout]).to.deep.equal([1, '']);
    expect(none.stderr).to.deep.equal([
      'no published checkpoint matches convnextv2-tinny (did you mean "convnextv2-tiny"?)',
    ]);
  });
});
