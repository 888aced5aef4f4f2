import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], cwd = '.'): Promise<Finished> {
  return new Promise((done) => {
    execFile(command, args, { cwd, shell: process.platform === 'win32' }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** Node 20 and 22 say this of JSON imports and of require(esm). */
const withoutNodesWarnings = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => !/ExperimentalWarning|--trace-warnings/.test(line))
    .join('\n');

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
  const folder = mkdtempSync(join(tmpdir(), 'convnextv2-package-'));
  let tarball: string;
  let packed: readonly string[];
  let manifest: { readonly [field: string]: Readonly<Record<string, string>> };
  let app: string;

  before(async function () {
    this.timeout(120_000);
    const { stdout, stderr } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
    const [{ filename, files }] = JSON.parse(stdout || `"${stderr}"`);
    tarball = join(folder, filename);
    packed = files.map(({ path }: { readonly path: string }) => path);
    app = await install('app');
    manifest = JSON.parse(readFileSync(join(app, 'node_modules/convnextv2/package.json'), 'utf8'));
    for (const name of needed()) link(app, name);
  });

  after(() => rmSync(folder, { recursive: true }));

  /** A new folder with the package alone in node_modules. */
  async function install(name: string): Promise<string> {
    const target = join(folder, name, 'node_modules', 'convnextv2');
    mkdirSync(target, { recursive: true });
    const { code, stderr } = await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
    expect(code, stderr).to.equal(0);
    return join(folder, name);
  }

  /** What npm would install with it. */
  function needed(): readonly string[] {
    const peers = Object.keys(manifest.peerDependencies).filter((name) => !(name in manifest.peerDependenciesMeta));
    return [...Object.keys(manifest.dependencies), ...peers];
  }

  /** Adds a package to an app without the network: ours, whose own dependencies Node finds beside it. */
  function link(app: string, name: string): void {
    const target = join(app, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(resolve('node_modules', name), target, 'junction');
  }

  function node(app: string, script: string, source: string): Promise<Finished> {
    writeFileSync(join(app, script), source);
    return run(process.execPath, [script], app);
  }

  it('holds what it must, and nothing else', () => {
    const folders = new Set(packed.map((path) => (path.includes('/') ? path.split('/', 2).join('/') : path)));
    expect([...folders].filter((path) => !path.startsWith('dist/')).sort()).to.deep.equal([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'configs/backbones',
      'configs/detectors',
      'configs/known-models.json',
      'configs/preprocessors',
      'configs/schemas',
      'configs/segmenters',
      'package.json',
    ]);
    for (const path of packed.filter((path) => path.startsWith('configs/'))) expect(path).to.match(/\.json$/);
    for (const path of packed.filter((path) => path.startsWith('dist/'))) {
      expect(path).to.match(/^dist\/(src|backbones|heads|configs)\/.*(\.js|\.d\.ts)$/);
      const source = path.replace(/^dist\//, '').replace(/(\.js|\.d\.ts)$/, '.ts');
      expect(existsSync(source), `${path} comes from a source`).to.equal(true);
    }
  });

  it('runs nothing when it is installed', () => {
    expect(manifest.scripts).not.to.have.any.keys('preinstall', 'install', 'postinstall');
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

  it('computes natively where the package for this platform lies beside it', async function () {
    if (!existsSync('native/build/Release/convnextv2.node')) this.skip();
    const source = `import { useBackend } from 'convnextv2';
import { registerSimd } from 'convnextv2/backend';
const { name, detail } = await useBackend(); // the fastest that is there
console.log(name, detail.length > 0);
await registerSimd().then(() => console.log('native'), ({ message }) => console.log(message));
`;
    const without = await node(app, 'native.mjs', source);
    expect(without.stdout).to.match(/^cpu true\nE_BACKEND: .*the native kernels are not built/);
    const place = join(app, 'node_modules', '@convnextv2', `${process.platform}-${process.arch}`);
    const made = await run(process.execPath, ['native/package.mjs', place]);
    expect(made.stdout.trim(), made.stderr).to.equal(place);
    const own = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    expect([own.version, own.os, own.cpu]).to.deep.equal([manifest.version, [process.platform], [process.arch]]);
    expect(own).not.to.have.any.keys('scripts', 'dependencies');
    const beside = await node(app, 'native.mjs', source);
    expect(beside.stdout, beside.stderr).to.equal('simd true\nnative\n');
    writeFileSync(join(place, 'convnextv2.node'), 'not one');
    const broken = await node(app, 'native.mjs', source);
    expect(broken.stdout).to.match(/^cpu true\nE_BACKEND: .*(invalid ELF header|file too short|not a)/);
    rmSync(place, { recursive: true });
  }).timeout(60_000);

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
    }).timeout(60_000);
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
    chmodSync(main, 0o755);
    symlinkSync(main, join(bin, 'convnextv2'));
    expect((await run(join(bin, 'convnextv2'), ['--version'], app)).stdout).to.equal(`${manifest.version}\n`);
  });

  it('loads with tfjs-core alone, and says what it misses when that is needed', async () => {
    const bare = await install('bare');
    for (const name of ['@tensorflow/tfjs-core', 'ajv', 'fastest-levenshtein']) link(bare, name);
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
