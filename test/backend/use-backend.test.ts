import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import NodeModule, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { nativeIfBuilt } from '../../src/backend/simd/native.js';
import { loadTensorflowOnGpu } from '../../src/backend/tensorflow.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { ConvNextV2Error } from '../../src/errors.js';

const GPU = '@tensorflow/tfjs-node-gpu';
const CPU = '@tensorflow/tfjs-node';
const MODULE = new URL('../../src/backend/use-backend.ts', import.meta.url);

/** What the stand-ins for tfjs-node call, being files in folders of their own. */
interface FakeApi {
  register(device: 'gpu' | 'cpu'): void;
  readonly imported: string[];
  readonly tf: typeof tf;
}
const shared = globalThis as { fake?: FakeApi };

/** Node's, with the function by which `require` loads a file. */
const Module = NodeModule as unknown as { _load(name: string, ...rest: readonly unknown[]): unknown };

const isNative = (name: string) => /convnextv2\.node$|^@convnextv2\//.test(name);

function absent(name: string): never {
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
}

class FakeBackend extends tf.KernelBackend {
  override dispose(): void {}
}

function registerFake(name: string, factory: () => tf.KernelBackend | Promise<tf.KernelBackend>): void {
  tf.registerKernel({ kernelName: 'Identity', backendName: name, kernelFunc: ({ inputs }) => inputs.x! });
  tf.registerBackend(name, factory);
}

function removeFake(name: string): void {
  for (const { kernelName } of tf.getKernelsForBackend(name)) tf.unregisterKernel(kernelName, name);
  if (tf.engine().backendNames().includes(name)) tf.removeBackend(name);
}

async function failure(promise: Promise<unknown>): Promise<ConvNextV2Error> {
  const error = await promise.then(
    (value) => expect.fail(`wanted an error, got ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  expect(error).to.be.instanceOf(ConvNextV2Error);
  expect(error.code).to.equal('E_BACKEND');
  return error;
}

/** What the work printed as warnings, in place of printing it. */
async function warnings(work: () => Promise<unknown>): Promise<readonly string[]> {
  const { warn } = console;
  const lines: string[] = [];
  console.warn = (line: string) => lines.push(line);
  await work().finally(() => {
    console.warn = warn;
  });
  return lines;
}

describe('useBackend', () => {
  let folder: string;

  /** Node's own import, from a folder in which these packages are installed. */
  async function installed(packages: Readonly<Record<string, string>>): Promise<(name: string) => Promise<unknown>> {
    for (const [name, source] of Object.entries(packages)) {
      const home = join(folder, 'node_modules', name);
      mkdirSync(home, { recursive: true });
      writeFileSync(join(home, 'package.json'), JSON.stringify({ name, main: 'index.js' }));
      writeFileSync(join(home, 'index.js'), `fake.imported.push('${name}');\n${source}`);
    }
    writeFileSync(join(folder, 'load.mjs'), 'export const load = (name) => import(name);');
    return (await import(pathToFileURL(join(folder, 'load.mjs')).href)).load;
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'convnextv2-backend-'));
    await useBackend('cpu');
    shared.fake = {
      tf,
      imported: [],
      register: (device) =>
        registerFake('tensorflow', () =>
          Object.assign(new FakeBackend(), {
            isUsingGpuDevice: device === 'gpu',
            binding: { TF_Version: '2.9.1' },
          }),
        ),
    };
  });

  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await tf.setBackend('cpu');
    for (const name of ['tensorflow', 'mine']) removeFake(name);
    delete shared.fake;
  });

  it('takes cpu when asked', async () => {
    expect(await useBackend('cpu')).to.deep.equal({ name: 'cpu', detail: 'plain JavaScript' });
    expect(tf.getBackend()).to.equal('cpu');
    expect(tf.getKernel('ConvNextV2Gelu', 'cpu')).to.not.equal(undefined);
  });

  it('refuses a name that nobody knows, and lists those it knows', async () => {
    const error = await failure(useBackend('tensorflw'));
    expect(error.message).to.equal(
      'E_BACKEND: backend: wanted one of auto, tensorflow, simd, cpu, got "tensorflw" (did you mean "tensorflow"?)',
    );
    for (const name of ['', 'CUDA', 'constructor', '__proto__', null as unknown as string]) {
      expect((await failure(useBackend(name))).got).to.equal(JSON.stringify(name));
    }
    expect(tf.getBackend()).to.equal('cpu');
  });

  describe('with backends that the program registered', () => {
    it('takes one by name', async () => {
      registerFake('mine', () => new FakeBackend());
      expect(await useBackend('mine')).to.deep.equal({ name: 'mine', detail: 'registered by the program' });
      expect(tf.getBackend()).to.equal('mine');
      expect((await failure(useBackend('mime'))).suggestion).to.equal('did you mean "mine"?');
    });

    it('waits for one that starts later', async () => {
      registerFake('mine', () => Promise.resolve(new FakeBackend()));
      await useBackend('mine');
      expect(tf.backend()).to.be.instanceOf(FakeBackend);
    });

    it('stays with the active backend where one does not start', async () => {
      registerFake('mine', () => {
        throw new Error('no device');
      });
      const printed = await warnings(async () => {
        expect((await failure(useBackend('mine'))).got).to.equal('a backend that did not start');
      });
      expect(printed.join()).to.include('no device');
      expect(tf.getBackend()).to.equal('cpu');
      expect(tf.backend()).to.equal(tf.findBackend('cpu'));
    });
  });

  describe('with tfjs-node', () => {
    // what `auto` does without our own kernels
    const { _load } = Module;
    before(() => {
      Module._load = (name, ...rest) => (isNative(name) ? absent(name) : _load(name, ...rest));
    });
    after(() => {
      Module._load = _load;
    });

    it('takes a GPU first', async () => {
      const load = await installed({ [GPU]: 'fake.register("gpu")', [CPU]: 'fake.register("cpu")' });
      expect(await useBackend('auto', { load })).to.deep.equal({
        name: 'tensorflow',
        detail: 'TensorFlow 2.9.1 on a GPU',
      });
      expect(tf.getBackend()).to.equal('tensorflow');
      expect(shared.fake?.imported).to.deep.equal([GPU]);
    });

    it('takes the gpu package where it finds no GPU, too, and imports no second one', async () => {
      const load = await installed({ [GPU]: 'fake.register("cpu")', [CPU]: 'fake.register("cpu")' });
      for (const wish of ['auto', 'tensorflow']) {
        const printed = await warnings(async () => {
          expect((await useBackend(wish, { load })).detail).to.equal('TensorFlow 2.9.1 on the CPU');
        });
        expect(printed).to.deep.equal([]);
        expect(tf.getBackend()).to.equal('tensorflow');
      }
      expect(shared.fake?.imported).to.deep.equal([GPU]);
    });

    it('takes tfjs-node where the gpu package is absent', async () => {
      const load = await installed({ [CPU]: 'fake.register("cpu")' });
      expect((await useBackend('auto', { load })).detail).to.equal('TensorFlow 2.9.1 on the CPU');
    });

    it('takes tfjs-node where the gpu package is broken, and nothing of that stays', async () => {
      const load = await installed({
        [GPU]: `fake.tf.registerKernel({ kernelName: 'Abs', backendName: 'tensorflow', kernelFunc() {} });
          throw new Error('libcudart.so.11.0: cannot open shared object file');`,
        [CPU]: 'fake.register("cpu")',
      });
      expect((await useBackend('tensorflow', { load })).name).to.equal('tensorflow');
      expect(tf.getKernel('Abs', 'tensorflow')).to.equal(undefined);
    });

    it('knows a GPU from none', async () => {
      shared.fake?.register('cpu');
      const error = await failure(loadTensorflowOnGpu(await installed({})));
      expect([error.wanted, error.got]).to.deep.equal(['a GPU', 'TensorFlow 2.9.1 on the CPU']);
    });

    it('says that it did not start, and stays with the active backend', async () => {
      const load = await installed({
        [CPU]: `fake.tf.registerBackend('tensorflow', () => { throw new Error('no device'); });
          fake.tf.setBackend('tensorflow');`,
      });
      await warnings(async () => {
        expect((await failure(useBackend('tensorflow', { load }))).got).to.equal('a backend that did not start');
      });
      expect(tf.getBackend()).to.equal('cpu');
    });

    it('takes what the program imported itself', async () => {
      shared.fake?.register('gpu');
      const load = () => expect.fail('nothing to import');
      expect((await useBackend('auto', { load })).detail).to.equal('TensorFlow 2.9.1 on a GPU');
      expect(await useBackend('cpu', { load })).to.have.property('name', 'cpu');
    });

    it('says that it is not installed', async () => {
      const require = createRequire(join(folder, 'main.js'));
      for (const load of [await installed({}), async (name: string) => require(name)]) {
        expect((await failure(useBackend('tensorflow', { load }))).message).to.equal(
          `E_BACKEND: backend: wanted tensorflow, got ${GPU} is not installed, ${CPU} is not installed ` +
            `(npm install ${CPU}@${tf.version_core})`,
        );
      }
    });

    it('says why it failed to load, on one line', async () => {
      const load = await installed({ [GPU]: 'throw new Error("no addon at /x. \\nPlease run this and that")' });
      const error = await failure(useBackend('tensorflow', { load }));
      expect(error.got).to.equal(`${GPU} failed to load: no addon at /x., ${CPU} is not installed`);
      expect(error.suggestion).to.equal(`let npm run its install script, then: npm rebuild ${GPU}`);
      expect(error.cause).to.be.instanceOf(Error);
    });

    it('tells a missing dependency from a missing package', async () => {
      const load = await installed({ [CPU]: 'require("@mapbox/absent")' });
      const error = await failure(useBackend('tensorflow', { load }));
      expect(error.got).to.match(/tfjs-node failed to load: Cannot find (module|package) '@mapbox\/absent'/);
    });

    it('gives it the functions that Node 23 dropped, and a quiet log', async () => {
      const dropped = util as { isArray?: unknown; isNullOrUndefined?: unknown };
      const level = process.env.TF_CPP_MIN_LOG_LEVEL;
      delete dropped.isArray;
      delete dropped.isNullOrUndefined;
      delete process.env.TF_CPP_MIN_LOG_LEVEL;
      try {
        const load = await installed({
          [CPU]: `const { isArray, isNullOrUndefined } = require('util');
            const seen = [[], 'a'].map(isArray) + [null, undefined, 0].map(isNullOrUndefined);
            throw new Error([seen, process.env.TF_CPP_MIN_LOG_LEVEL]);`,
        });
        const { got } = await failure(useBackend('tensorflow', { load }));
        expect(got).to.include('failed to load: true,falsetrue,true,false,2');
        process.env.TF_CPP_MIN_LOG_LEVEL = '0';
        await failure(useBackend('tensorflow', { load }));
        expect(process.env.TF_CPP_MIN_LOG_LEVEL).to.equal('0');
      } finally {
        delete process.env.TF_CPP_MIN_LOG_LEVEL;
        if (level !== undefined) process.env.TF_CPP_MIN_LOG_LEVEL = level;
      }
    });
  });

  describe('with more than one tfjs-core', () => {
    it('says that tfjs-node registered with another', async () => {
      const error = await failure(useBackend('tensorflow', { load: await installed({ [CPU]: '' }) }));
      expect(error.wanted).to.equal('one copy of @tensorflow/tfjs-core, of version 4');
      expect(error.got).to.equal(`a second one, with which ${CPU} registered its backend`);
    });

    it('refuses the engine of tfjs 1', async () => {
      const engine = tf.engine() as { runKernel?: unknown };
      engine.runKernel = (_a: unknown, _b: unknown, _c: unknown, _d: unknown, _e: unknown) => {};
      try {
        for (const wish of ['auto', 'cpu']) {
          expect((await failure(useBackend(wish))).got).to.equal('the engine of an older copy');
        }
      } finally {
        // the own property hid the method of the class
        delete engine.runKernel;
      }
    });

    it('refuses a backend of tfjs 1', async () => {
      tf.registerBackend('mine', () => new FakeBackend());
      expect((await failure(useBackend('mine'))).got).to.equal('a backend "mine" without kernels');
      expect(tf.getBackend()).to.equal('cpu');
    });
  });

  describe('where simd does not compute', () => {
    const { _load } = Module;
    let fresh = 0;
    afterEach(() => {
      Module._load = _load;
    });

    /** What `auto` takes and prints as the first in a process, without tfjs-node or with what `load` finds. */
    async function first(env: Readonly<Record<string, string>>, load: (name: string) => Promise<unknown> = absent) {
      Object.assign(process.env, env);
      try {
        const { useBackend } = await import(`${MODULE.href}?${fresh++}`);
        const names: string[] = [];
        const take = async () => names.push((await useBackend('auto', { load })).name);
        const lines = await warnings(async () => {
          await take();
          await take();
        });
        expect(names[1]).to.equal(names[0]);
        return { name: names[0], lines };
      } finally {
        for (const variable of Object.keys(env)) delete process.env[variable];
      }
    }

    const THREADS = 'CONVNEXTV2_THREADS: wanted a whole number from 1 to 1024, got "all" (or unset it)';

    it('says first which variable is wrong, and recommends no other backend', async () => {
      for (const [env, reason] of [
        [{ CONVNEXTV2_THREADS: 'all' }, THREADS],
        [
          { CONVNEXTV2_FORCE: 'winogard' },
          'CONVNEXTV2_FORCE: wanted one of winograd, fused, direct, got "winogard" (did you mean "winograd"?)',
        ],
        [
          { CONVNEXTV2_WINOGRAD_MB: '-1' },
          'CONVNEXTV2_WINOGRAD_MB: wanted a number from 0 to 1048576, got "-1" (or unset it)',
        ],
      ] as const) {
        expect(await first(env)).to.deep.equal({
          name: 'cpu',
          lines: [`convnextv2: running on the slow backend "cpu", not on "simd": ${reason}`],
        });
      }
    });

    it('names the instruction sets that the CPU has', async function () {
      if (!nativeIfBuilt()) this.skip();
      const { lines } = await first({ CONVNEXTV2_ISA: 'sse9' });
      expect(lines.join('\n')).to.match(
        /^convnextv2: [^:]*"cpu", not on "simd": CONVNEXTV2_ISA: wanted one of [\w, ]*baseline, which this CPU has, got "sse9"/,
      );
    });

    it('says it with TensorFlow in its place, too, but nothing where simd is not there', async () => {
      const load = await installed({ [CPU]: 'fake.register("cpu")' });
      expect(await first({ CONVNEXTV2_THREADS: 'all' }, load)).to.deep.equal({
        name: 'tensorflow',
        lines: [`convnextv2: running on backend "tensorflow", not on "simd": ${THREADS}`],
      });
      Module._load = (name, ...rest) => (isNative(name) ? absent(name) : _load(name, ...rest));
      expect(await first({}, load)).to.deep.equal({ name: 'tensorflow', lines: [] });
    });

    it('says how to get simd before it names TensorFlow', async () => {
      Module._load = (name, ...rest) => (isNative(name) ? absent(name) : _load(name, ...rest));
      const { name, lines } = await first({});
      expect([name, ...lines]).to.deep.equal([
        'cpu',
        'convnextv2: running on the slow backend "cpu", not on "simd": the native kernels are not built ' +
          `(install @convnextv2/${process.platform}-${process.arch} of the same version, or in a clone a C++ compiler ` +
          `and run npm ci); nor on "tensorflow": ${GPU} is not installed, ${CPU} is not installed ` +
          `(npm install ${CPU}@${tf.version_core})`,
      ]);
    });

    it('says why the native kernels do not load', async () => {
      Module._load = (name, ...rest) => {
        if (isNative(name)) throw new Error('/a/convnextv2.node: invalid ELF header\nRequire stack:');
        return _load(name, ...rest);
      };
      const { lines } = await first({});
      expect(lines.join('\n')).to.match(
        /^convnextv2: [^:]*"cpu", not on "simd": \/a\/convnextv2.node: invalid ELF header \(/,
      );
    });
  });

  describe('in a process of its own', () => {
    const run = (code: string) =>
      spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
        encoding: 'utf8',
        env: { ...process.env, CONVNEXTV2_THREADS: 'all' },
      });
    const start = `import * as tf from '@tensorflow/tfjs-core';
      const { useBackend } = await import(${JSON.stringify(MODULE.href)});`;

    it('warns once, on one line, that cpu is slow', () => {
      const { status, stdout, stderr } = run(`${start}
        const load = async (name) => {
          throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
        };
        for (const wish of ['auto', 'auto', 'cpu']) {
          const { name } = await useBackend(wish, { load });
          if (name !== 'cpu') throw new Error(name);
          tf.ones([2]);
        }`);
      expect(stderr).to.match(
        /^convnextv2: running on the slow backend "cpu", not on "simd": CONVNEXTV2_THREADS: .*\n$/,
      );
      expect(stdout).to.equal('');
      expect(status).to.equal(0);
    });

    it('loads no backend before one is asked for, and prints nothing where cpu is', () => {
      const { stdout, stderr } = run(`${start}
        import { createRequire } from 'node:module';
        const loaded = () =>
          Object.keys(createRequire(import.meta.url).cache).filter((file) => /tfjs-(node|backend)/.test(file)).length;
        const before = [loaded(), tf.engine().backendNames().length];
        await useBackend('cpu');
        tf.ones([2]);
        console.log(...before, loaded() > 0, tf.engine().backendNames().length);`);
      expect(stderr).to.equal('');
      expect(stdout).to.equal('0 0 true 1\n');
    });

    it('looks for tfjs-node beside this package', () => {
      const { stdout } = run(`${start}
        const isInstalled = (name) => {
          try {
            return Boolean(import.meta.resolve(name));
          } catch {
            return false;
          }
        };
        const wanted = isInstalled('${CPU}') || isInstalled('${GPU}') ? 'tensorflow' : '${CPU} is not installed';
        const got = await useBackend('tensorflow').then(({ name }) => name, ({ got }) => got);
        console.log(got.endsWith(wanted) ? 'as wanted' : 'wanted ' + wanted + ', got ' + got);`);
      expect(stdout).to.equal('as wanted\n');
    });
  });
});
