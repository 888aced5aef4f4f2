import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../helpers.js';
import { FOLDER, needed, node, type Packed, pack, run } from './helpers.js';

const ADDON = 'native/build/Release/convnextv2.node';

/** Prints what computes, and why the native kernels do not. */
const PROGRAM = `import { useBackend } from 'convnextv2';
import { registerSimd } from 'convnextv2/backend';
const { name } = await useBackend(); // the fastest that is there
console.log(name);
await registerSimd().catch(({ message }) => console.log(message));
`;

describe('npm pack', () => {
  let clone: string;
  let manifest: Packed['manifest'];
  const original = readFileSync('package.json', 'utf8');
  const now = () => readFileSync(join(clone, 'package.json'), 'utf8');
  const npmPack = (target: string) => run('npm', ['pack', '--pack-destination', target], clone);

  before(async () => {
    ({ clone, manifest } = await pack());
  });

  it('names the packages of native kernels, of the very version, and leaves package.json as it was', () => {
    const names = Object.keys(manifest.optionalDependencies);
    expect(names).to.include.members(['@convnextv2/linux-x64', '@convnextv2/darwin-arm64', '@convnextv2/win32-x64']);
    expect(new Set(Object.values(manifest.optionalDependencies))).to.deep.equal(new Set([manifest.version]));
    expect(now()).to.equal(original);
    expect(original).not.to.include('@convnextv2/'); // npm ci in a clone would ask for them
    expect(readFileSync('package-lock.json', 'utf8')).not.to.include('@convnextv2/');
  });

  it('changes nothing where there is no folder to write to', async () => {
    const { code, stderr } = await npmPack(join(FOLDER, 'nowhere'));
    expect([code, now()]).to.deep.equal([1, original]);
    expect(stderr).to.include(`there is no folder ${join(FOLDER, 'nowhere')} to pack into`);
  });

  it('changes nothing where the sources do not compile', async () => {
    const broken = join(clone, 'src', 'broken.ts');
    writeFileSync(broken, "export const count: number = 'one';\n");
    const { code, stderr } = await npmPack(FOLDER);
    rmSync(broken);
    expect([code, now()]).to.deep.equal([1, original]);
    expect(stderr).to.include("src/broken.ts(1,14): error TS2322: Type 'string' is not assignable to type 'number'.");
  });

  it('puts package.json back where npm fails after it has changed', async function () {
    if (process.platform === 'win32') return this.skip(); // it says then how to put it back
    const target = join(FOLDER, 'taken');
    mkdirSync(join(target, `convnextv2-${manifest.version}.tgz`), { recursive: true }); // a folder of the file's name
    const { stderr } = await npmPack(target);
    expect(stderr).to.include('EISDIR');
    await eventually(() => !existsSync(join(clone, 'out', 'package.json')));
    expect(now()).to.equal(original);
  });

  it('does not work on a clone twice at a time', async () => {
    mkdirSync(join(clone, 'out'), { recursive: true });
    writeFileSync(join(clone, 'out', 'package.json'), original);
    const { stderr } = await npmPack(FOLDER);
    expect(stderr).to.include('another npm pack is at work. If none is: node native/pack.mjs postpack');
    await run(process.execPath, ['native/pack.mjs', 'postpack'], clone);
    expect([existsSync(join(clone, 'out', 'package.json')), now()]).to.deep.equal([false, original]);
  });

  it('is how a release is made: npm publish refuses a clone', async () => {
    const { code, stderr } = await run('npm', ['publish', '--dry-run'], clone);
    expect(code).to.equal(1);
    expect(stderr).to.include('publish the file that npm pack makes');
  });
});

describe('the built command', () => {
  it('may be run', async function () {
    if (process.platform === 'win32') return this.skip();
    const { clone } = await pack(); // which has just built it
    expect(statSync(join(clone, 'dist/src/cli/main.js')).mode & 0o111).to.equal(0o111);
  });
});

describe('the package and that of its native kernels', () => {
  let all: Packed;
  let place: string;
  let native: string;

  before(async function () {
    if (!existsSync(ADDON)) return this.skip();
    all = await pack();
    place = join(FOLDER, 'native');
    const made = await run(process.execPath, ['native/package.mjs', place]);
    expect(made.stdout.trim(), made.stderr).to.equal(place);
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', FOLDER, place]);
    native = join(FOLDER, JSON.parse(stdout)[0].filename);
  });

  /** Installs into an empty folder; what is not ours from the packages of this clone, without the network. */
  async function npmInstall(name: string, dependencies: object, ...flags: readonly string[]): Promise<string> {
    const app = join(FOLDER, name);
    mkdirSync(app);
    const others = needed(all).map((other) => [other, `file:${resolve('node_modules', other)}`]);
    const manifest = { private: true, dependencies: { ...Object.fromEntries(others), ...dependencies } };
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
    // npm would run the `prepare` of a package that it only links to; ours have no scripts
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--cache', join(FOLDER, 'cache')];
    const { code, stderr } = await run('npm', ['install', ...quiet, ...flags], app);
    expect([code, stderr]).to.deep.equal([0, '']); // no warning either
    return app;
  }

  it('compute natively, both installed from their files', async () => {
    const own = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    expect(own).not.to.have.any.keys('scripts', 'dependencies');
    expect([own.version, own.os, own.cpu]).to.deep.equal([all.manifest.version, [process.platform], [process.arch]]);
    const files = { convnextv2: `file:${all.tarball}`, [own.name]: `file:${native}` };
    const app = await npmInstall('both', files, '--offline');
    expect(await node(app, 'program.mjs', PROGRAM)).to.deep.equal({ code: 0, stdout: 'simd\n', stderr: '' });

    // a file that is no addon is named as the reason
    writeFileSync(join(app, 'node_modules', own.name, 'convnextv2.node'), 'not one');
    const broken = await node(app, 'program.mjs', PROGRAM);
    expect(broken.stdout).to.match(/^cpu\nE_BACKEND: .*(invalid ELF header|file too short|not a)/);
  });

  it('compute in JavaScript without the latter, and npm does not mind that nobody has it', async () => {
    const app = await npmInstall('one', { convnextv2: `file:${all.tarball}` }, '--offline');
    const { code, stdout } = await node(app, 'program.mjs', PROGRAM);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^cpu\nE_BACKEND: .*got the native kernels are not built \(install @convnextv2\//);
  });

  it('compute natively where npm finds the latter by itself', async () => {
    const asked: string[] = [];
    const versions = all.manifest.optionalDependencies;
    const server = createServer(({ url }, response) => {
      asked.push(decodeURIComponent(url!.slice(1)));
      const name = asked.at(-1)!;
      if (name === 'native.tgz') return response.end(readFileSync(native));
      const version = versions[name];
      if (version === undefined) return response.writeHead(404).end();
      const [, os, cpu, musl] = /^@convnextv2\/(\w+)-(\w+)(-musl)?$/.exec(name)!;
      const libc = os === 'linux' ? [musl ? 'musl' : 'glibc'] : undefined;
      const dist = { tarball: `http://${request()}/native.tgz` };
      const versionsThere = { [version]: { name, version, os: [os], cpu: [cpu], libc, dist } };
      return response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: versionsThere }));
    });
    const request = () => `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    try {
      const registry = `--@convnextv2:registry=http://${request()}`;
      const app = await npmInstall('found', { convnextv2: `file:${all.tarball}` }, registry);
      const own = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')).name;
      expect(readdirSync(join(app, 'node_modules', '@convnextv2')).map((name) => `@convnextv2/${name}`)).to.deep.equal([
        own,
      ]);
      expect(asked.filter((name) => name.endsWith('.tgz'))).to.deep.equal(['native.tgz']);
      expect(await node(app, 'program.mjs', PROGRAM)).to.deep.equal({ code: 0, stdout: 'simd\n', stderr: '' });
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
