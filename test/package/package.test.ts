import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { expect } from 'chai';
import { proseOf, readPage } from '../docs/pages.js';
import { install, link, needed, node, type Packed, pack, run, withoutNodesWarnings } from './helpers.js';

/** The rest of a script, after its imports: a small backbone, its maps, and one field of a shipped config. */
const USE = `
const main = async () => {
  await useBackend('cpu');
  const config = new ConvNextV2Config({ depths: [1, 1, 1, 1], hiddenSizes: [8, 8, 8, 8] });
  const outFeatures = config.stageNames;
  const backbone = await ConvNextV2Backbone.fromConfig(config.with({ outFeatures }), { seed: 0 });
  const maps = backbone.forward(tf.zeros([1, 64, 96, 3]));
  for (const [name, map] of Object.entries(maps)) console.log(name, map.shape.join(' x '));
  console.log(convNextV2.type, typeof backboneContract, atto.hidden_sizes.join(' '));
};
main();
`;
// stem and stage1: 64 / 4 and 96 / 4; each later stage half of the one before
const PRINTED = `stem 1 x 16 x 24 x 8
stage1 1 x 16 x 24 x 8
stage2 1 x 8 x 12 x 8
stage3 1 x 4 x 6 x 8
stage4 1 x 2 x 3 x 8
convnextv2 function 40 80 160 320
`;

describe('the package, packed and installed', () => {
  let tarball: string;
  let packed: readonly string[];
  let manifest: Packed['manifest'];
  let app: string;
  let size: number;
  let unpackedSize: number;

  before(async () => {
    const all = await pack();
    ({ tarball, files: packed, manifest, size, unpackedSize } = all);
    app = await install('app', tarball);
    link(app, ...needed(all));
  });

  it('holds what it must, and nothing else', () => {
    const inDist = packed.filter((path) => path.startsWith('dist/'));
    for (const path of inDist) {
      expect(path).to.match(/^dist\/(src|backbones|heads|configs)\/.*(\.js|\.d\.ts)$/);
      const source = path.replace(/^dist\//, '').replace(/(\.js|\.d\.ts)$/, '.ts');
      expect(existsSync(source), `${path} comes from a source`).to.equal(true);
    }
    const others = packed.filter((path) => !inDist.includes(path) && !path.startsWith('configs/'));
    const wanted = [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'],
      ...readdirSync('docs')
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
      ...readdirSync('docs/images').map((name) => `docs/images/${name}`),
      ...readdirSync('examples')
        .filter((name) => /\.(md|ts)$/.test(name))
        .map((name) => `examples/${name}`),
      'examples/pictures/README.md',
    ];
    expect([...others].sort()).to.deep.equal(wanted.sort());
    const configs = readdirSync('configs', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    );
    expect(packed.filter((path) => path.startsWith('configs/'))).to.have.members(
      configs.map((name) => posix.join('configs', name.replaceAll('\\', '/'))),
    );
  });

  it('is small', () => {
    expect(size).to.be.below(1_000_000);
    expect(unpackedSize).to.be.below(3_500_000);
  });

  it('has all that its pages link to', () => {
    const links = packed
      .filter((path) => path.endsWith('.md'))
      .flatMap((page) =>
        Array.from(proseOf(readPage(page)).matchAll(/\]\(([^)#]+)[^)]*\)/g), ([, link]) => ({ page, link })),
      );
    const relative = links.filter(({ link }) => !link.startsWith('https://'));
    expect(relative).to.have.length.above(50);
    for (const { page, link } of relative) expect(packed, page).to.include(posix.join(posix.dirname(page), link));
  });

  it('runs nothing when it is installed, and names nothing of a clone', () => {
    expect(manifest).not.to.have.any.keys('scripts', 'devDependencies');
    expect(packed.filter((path) => path.endsWith('.gyp'))).to.deep.equal([]); // npm would build it
  });

  it('has every file that its exports and its bin name', () => {
    const { exports, bin, main, types } = manifest;
    const names = JSON.stringify([exports, bin, main, types]).matchAll(/"(?:\.\/)?([^"*]+\.(?:js|ts|json))"/g);
    const files = [...names].map(([, file]) => file);
    expect(files).to.have.length.above(8);
    for (const file of files) expect(packed).to.include(file);
  });

  it('is imported from JavaScript', async () => {
    const { stdout, stderr, code } = await node(
      app,
      'script.mjs',
      `import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Backbone, ConvNextV2Config, useBackend } from 'convnextv2';
import { convNextV2 } from 'convnextv2/backbones/convnext';
import { backboneContract } from 'convnextv2/testing';
import atto from 'convnextv2/configs/backbones/convnextv2-atto.json' with { type: 'json' };
${USE}`,
    );
    expect(withoutNodesWarnings(stderr)).to.equal('');
    expect(stdout).to.equal(PRINTED);
    expect(code).to.equal(0);
  });

  it('is required from CommonJS', async () => {
    const { stdout, stderr, code } = await node(
      app,
      'script.cjs',
      `const tf = require('@tensorflow/tfjs-core');
const { ConvNextV2Backbone, ConvNextV2Config, useBackend } = require('convnextv2');
const { convNextV2 } = require('convnextv2/backbones/convnext');
const { backboneContract } = require('convnextv2/testing');
const atto = require('convnextv2/configs/backbones/convnextv2-atto.json');
${USE}`,
    );
    expect(withoutNodesWarnings(stderr)).to.equal('');
    expect(stdout).to.equal(PRINTED);
    expect(code).to.equal(0);
  });

  for (const [kind, file] of [
    ['modules', 'typed.mts'],
    ['CommonJS', 'typed.cts'],
  ]) {
    it(`is typed, for TypeScript's ${kind}`, async () => {
      const json = kind === 'modules' ? " with { type: 'json' }" : '';
      writeFileSync(
        join(app, file),
        `import * as tf from '@tensorflow/tfjs-core';
import { ConvNextV2Backbone, ConvNextV2Config, type FeatureMaps, type FeatureSpec } from 'convnextv2';
import { registerSimd, simdThreads } from 'convnextv2/backend';
import { convNextV2 } from 'convnextv2/backbones/convnext';
import { backboneContract, type TestRunner } from 'convnextv2/testing';
import * as tirb from 'convnextv2/tirb';
import atto from 'convnextv2/configs/backbones/convnextv2-atto.json'${json};

export async function main(pixels: tf.Tensor4D, runner: TestRunner): Promise<FeatureMaps> {
  const depths: readonly number[] = atto.depths;
  const backbone: ConvNextV2Backbone = await ConvNextV2Backbone.fromConfig(new ConvNextV2Config({ depths }));
  const specs: readonly FeatureSpec[] = backbone.featureSpecs;
  const type: string = convNextV2.type;
  backboneContract(runner, { plugin: convNextV2, config: { model_type: type, depths: specs.map(() => 1) } });
  const isa: string = (await registerSimd()).isa;
  simdThreads(isa.length);
  const net = new tirb.ConvNextV2Net();
  const { stage4 }: FeatureMaps = await net.forward(pixels);
  const input: tirb.NetInput = await tirb.toNetInput(stage4);
  const box: tirb.Box = new tirb.Rect(0, 0, input.batchSize, 1);
  const found: tirb.ObjectDetection[] = await new tirb.DetectorNet().detect('cat.png');
  new tirb.draw.DrawBox(found[0]?.box ?? box, { label: 'cat' }).draw(tirb.createCanvas({ width: 1, height: 1 }));
  class Own extends tirb.NeuralNetwork<{ readonly bias: tf.Tensor1D }> {
    protected getDefaultModelName = () => 'own';
    protected extractParams = (weights: Float32Array) => ({ params: { bias: tf.tensor1d(weights) }, paramMappings: [] });
    protected extractParamsFromWeigthMap = (map: tf.NamedTensorMap) => ({
      params: { bias: map.bias as tf.Tensor1D },
      paramMappings: [{ paramPath: 'bias' }],
    });
  }
  new Own('own').freeze();
  // @ts-expect-error: a score is a number
  await new tirb.DetectorNet().detect('cat.png', { scoreThreshold: 'high' });
  // @ts-expect-error: depths are numbers
  new ConvNextV2Config({ depths: 'tiny' });
  // @ts-expect-error: pixels have four dimensions
  backbone.forward(tf.zeros([224, 224, 3]) as tf.Tensor3D);
  // @ts-expect-error: the shipped config is typed, too
  atto.depth;
  return backbone.forward(pixels);
}
`,
      );
      const options = { module: 'NodeNext', strict: true, resolveJsonModule: true, noEmit: true, skipLibCheck: false };
      writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [file] }));
      const { stdout } = await run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', app], app);
      // tfjs-core's own declarations do not pass, so others are left out; that ours were seen shows in the marked errors
      const ours = stdout.split('\n').filter((line) => /^(typed|node_modules.convnextv2)\b/.test(line));
      expect(ours.join('\n')).to.equal('');
    });
  }

  it('has the backend alone, which says what it misses when that is needed', async () => {
    const { stdout, stderr } = await node(
      app,
      'backend.mjs',
      `import { registerSimd, simdThreads, useBackend } from 'convnextv2/backend';
const refusal = (call) => new Promise((done) => done(call())).catch(({ code, got }) => \`\${code} \${got}\`);
console.log(await refusal(registerSimd));
console.log(await refusal(simdThreads));
console.log((await useBackend('cpu')).name);
`,
    );
    expect(withoutNodesWarnings(stderr)).to.equal('');
    const refused = 'E_BACKEND the native kernels are not built\n';
    expect(stdout).to.equal(`${refused}${refused}cpu\n`);
  });

  it('has a command', async () => {
    const main = join(app, 'node_modules/convnextv2', manifest.bin.convnextv2);
    expect(readFileSync(main, 'utf8')).to.match(/^#!\/usr\/bin\/env node\n/);
    const version = await run(process.execPath, [main, '--version'], app);
    expect(version).to.deep.equal({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
    const inspection = await run(process.execPath, [main, 'inspect', 'convnextv2-atto', '--json'], app);
    expect(inspection.stderr).to.equal('');
    expect(JSON.parse(inspection.stdout).stages).to.have.length(5);
  });

  it('has a command that runs as npm links it', async function () {
    if (process.platform === 'win32') return this.skip();
    const main = join(app, 'node_modules/convnextv2', manifest.bin.convnextv2);
    const bin = join(app, 'node_modules/.bin');
    mkdirSync(bin);
    symlinkSync(main, join(bin, 'convnextv2'));
    expect((await run(join(bin, 'convnextv2'), ['--version'], app)).stdout).to.equal(`${manifest.version}\n`);
  });

  it('loads with tfjs-core alone, and says what it misses when that is needed', async () => {
    const bare = await install('core-alone', tarball);
    link(bare, '@tensorflow/tfjs-core', 'ajv', 'fastest-levenshtein');
    const { stdout, stderr } = await node(
      bare,
      'script.mjs',
      `import { ConvNextV2Config, decodeImage, inspectModel, useBackend } from 'convnextv2';
import 'convnextv2/backbones/convnext';
import 'convnextv2/testing';
console.log((await inspectModel('convnextv2-atto', { height: 224, width: 224 })).parameters);
const report = ({ code, suggestion }) => console.log(code, suggestion);
await decodeImage(${JSON.stringify(resolve('examples/pictures/chelsea.png'))}).catch(report);
await ConvNextV2Config.fromPretrained(${JSON.stringify(resolve('test/golden/checkpoints/tf/tf_model.h5'))}).catch(report);
await useBackend('cpu').catch(report);
`,
    );
    expect(withoutNodesWarnings(stderr)).to.equal('');
    expect(stdout).to.match(
      /^3386760\nE_PEER npm install sharp\nE_PEER npm install h5wasm\nE_BACKEND npm install @tensorflow\/tfjs-backend-cpu@4\.\d+\.\d+\n$/,
    );
  });
});
