import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { expect } from 'chai';
import { type BuildOptions, build } from 'esbuild';
import { FOLDER, install, link, needed, type Packed, pack, run } from './helpers.js';

/** Uses what has files of its own: schemas, both workers, the native kernels. Each line says how it went. */
const PROGRAM = `
import * as tf from '@tensorflow/tfjs-core';
import { AutoBackbone, ConvNextV2Config, openCheckpoint, pipeline, useBackend } from 'convnextv2';
import { registerSimd } from 'convnextv2/backend';

async function attempt(what, work) {
  console.log(what, await work().catch(({ code, message }) => code ? message : 'BROKEN ' + message));
}

async function main([, , model, hdf5]) {
  await useBackend('cpu');
  await attempt('gradient', async () => tf.grad((x) => tf.sum(tf.square(x)))(tf.scalar(3)).dataSync()[0]);
  await attempt('backbone', async () => {
    const config = new ConvNextV2Config({ depths: [1, 1], hiddenSizes: [4, 8], outFeatures: ['stage2'] });
    const backbone = await AutoBackbone.fromConfig(config, { seed: 0 });
    await backbone.savePretrained(model);
    return backbone.forward(tf.zeros([1, 16, 24, 3])).stage2.shape.join(' x ');
  });
  await attempt('worker', async () => {
    const features = await pipeline('image-feature-extraction', model, { worker: true });
    const [{ shape }] = await features({ data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 });
    await features.dispose();
    return shape.join(' x ');
  });
  await attempt('hdf5', async () => {
    const checkpoint = await openCheckpoint(hdf5);
    await checkpoint.close();
    return checkpoint.tensors.size > 0;
  });
  await attempt('simd', async () => typeof (await registerSimd()).isa);
}
main(process.argv);
`;
// 16 and 24 divided by the stride of stage2, 8; d(x * x) / dx is 2 x; the processor makes 224 x 224 of any picture
const COMPUTED = 'gradient 6\nbackbone 1 x 2 x 3 x 8\n';
const WORKED = `${COMPUTED}worker 28 x 28 x 8\nhdf5 true\n`;
const HDF5 = resolve('test/golden/checkpoints/tf/tf_model.h5');

/** What esbuild's documentation has programs put before ESM that CommonJS packages are bundled into. */
const BANNER = "import { createRequire } from 'module'; const require = createRequire(import.meta.url);";

const FORMATS = {
  ESM: { format: 'esm', outExtension: { '.js': '.mjs' }, banner: { js: BANNER } },
  CommonJS: { format: 'cjs', outExtension: { '.js': '.cjs' } },
} as const;

describe('a bundle', () => {
  let app: string;
  let all: Packed;

  before(async () => {
    all = await pack();
    app = await install('bundled', all.tarball);
    link(app, ...needed(all), 'h5wasm');
  });

  /** Bundles into a folder, and gives the files that came into the bundle, in this package. */
  async function bundle(options: BuildOptions): Promise<readonly string[]> {
    const { metafile, warnings } = await build({
      absWorkingDir: app,
      bundle: true,
      platform: 'node',
      external: ['sharp', 'h5wasm'],
      logLevel: 'silent',
      metafile: true,
      ...options,
    });
    expect(warnings).to.deep.equal([]);
    const used = Object.values(metafile!.outputs).flatMap(({ inputs }) => Object.entries(inputs));
    const folder = 'node_modules/convnextv2/';
    return used
      .filter(([path, { bytesInOutput }]) => path.startsWith(folder) && bytesInOutput > 0)
      .map(([path]) => path.slice(folder.length));
  }

  const stdin = (contents: string) => ({ stdin: { contents, resolveDir: app } });

  async function output(file: string): Promise<string> {
    const { stdout, stderr, code } = await run(process.execPath, [file, join(FOLDER, 'model'), HDF5]);
    expect([code, stderr]).to.deep.equal([0, '']);
    return stdout;
  }

  for (const [name, format] of Object.entries(FORMATS)) {
    const ending = format.outExtension['.js'];

    it(`as ${name} finds the package that is installed beside it`, async () => {
      await bundle({ ...format, ...stdin(PROGRAM), outfile: join(app, `app${ending}`) });
      expect(await output(join(app, `app${ending}`))).to.match(
        new RegExp(`^${WORKED}simd E_BACKEND: .*the native kernels are not built.*\n$`),
      );
    });

    it(`as ${name} says what to do where the package is not there, and does what it can`, async () => {
      const alone = join(FOLDER, `alone-${format.format}`);
      const file = join(alone, `app${ending}`);
      await bundle({ ...format, ...stdin(PROGRAM), outfile: file });
      const lines = (await output(file)).split('\n');
      expect(lines[0]).to.equal('gradient 6');
      expect(lines[1]).to.equal(
        'backbone E_PEER: convnextv2: wanted the package convnextv2, for its file configs/schemas/convnextv2.schema.json, ' +
          `got none that ${file} can reach (install convnextv2 beside the bundle, or copy its package.json and configs/ ` +
          'to node_modules/convnextv2 there)',
      );
      expect(lines[3]).to.equal(
        `hdf5 E_PEER: worker: wanted convnextv2-hdf5-worker.js in ${alone}, or the package convnextv2 installed there, ` +
          'got neither (bundle convnextv2/hdf5-worker as an entry point of its own, with an output of that name)',
      );
      expect(lines[4]).to.match(/^simd E_BACKEND: .*the native kernels are not built/);
    });

    it(`as ${name} takes its workers from beside it, and data from a copy`, async () => {
      const whole = join(FOLDER, `whole-${format.format}`);
      await bundle({ ...format, ...stdin(PROGRAM), outfile: join(whole, `app${ending}`) });
      const entryPoints = {
        'convnextv2-worker': 'convnextv2/worker',
        'convnextv2-hdf5-worker': 'convnextv2/hdf5-worker',
      };
      await bundle({ ...format, entryPoints, outdir: whole });
      const copy = join(whole, 'node_modules', 'convnextv2');
      mkdirSync(copy, { recursive: true });
      for (const part of ['package.json', 'configs']) {
        cpSync(join(app, 'node_modules/convnextv2', part), join(copy, part), { recursive: true });
      }
      link(whole, 'sharp', 'h5wasm');
      expect(await output(join(whole, `app${ending}`))).to.match(new RegExp(`^${WORKED}simd E_BACKEND: `));
    });
  }

  it('says that the program of a worker is not to be imported', async () => {
    const { stderr } = await run(process.execPath, [join(app, 'node_modules/convnextv2/dist/src/worker.js')]);
    expect(stderr).to.include('E_ARGUMENT: worker: wanted a thread that convnextv2 started, got the main thread');
  });

  describe('of a part', () => {
    const filesFor = (contents: string) =>
      bundle({
        ...FORMATS.ESM,
        ...stdin(contents),
        write: false,
        outfile: 'x.js',
      });

    it('leaves out what is not used, and keeps the built-in models and the gradients', async () => {
      const files = await filesFor("import { ConvNextV2Backbone } from 'convnextv2'; console.log(ConvNextV2Backbone);");
      expect(files).to.include.members([
        'dist/src/index.js',
        'dist/src/backend/gradients.js',
        'dist/heads/upernet/model.js',
      ]);
      for (const part of [
        'metrics/',
        'train/',
        'data/',
        'cli/',
        'testing/',
        'tirb/',
        'tasks/',
        'image/pil-resize.js',
      ]) {
        expect(files.filter((file) => file.startsWith(`dist/src/${part}`))).to.deep.equal([]);
      }
    });

    it('leaves out the built-in heads, too, where a family is imported by itself', async () => {
      const files = await filesFor(
        "import { ConvNextV2Backbone } from 'convnextv2/backbones/convnext'; console.log(ConvNextV2Backbone);",
      );
      expect(files).to.include('dist/src/backend/gradients.js');
      expect(files.filter((file) => file.startsWith('dist/heads/') || file === 'dist/src/index.js')).to.deep.equal([]);
    });

    it('is right in that exactly the files that do something when they are imported are listed', () => {
      const root = join(app, 'node_modules/convnextv2');
      const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.js'))
        .map((file) => posix.join('dist', file.replaceAll('\\', '/')));
      expect(files).to.have.length.above(200);
      const effective = files.filter((file) => doesSomething(readFileSync(join(root, file), 'utf8')));
      expect(effective.map((file) => `./${file}`).sort()).to.deep.equal([...Object(all.manifest.sideEffects)].sort());
    });
  });
});

/**
 * Whether a file, as tsc prints it, has a statement at its top that is no declaration, or imports a package for its effects alone.
 */
function doesSomething(code: string): boolean {
  const lines = code
    .replace(/`[^`]*`/g, '``')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n');
  return lines.some(
    (line) =>
      /^import '[^.]/.test(line) ||
      (/^[\w(]/.test(line) && !/^(import|export|const|let|class|(async )?function)\b/.test(line)),
  );
}
