import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(command: string, args: readonly string[], cwd = '.'): Promise<Finished> {
  return new Promise((done) => {
    execFile(command, args, { cwd, shell: process.platform === 'win32' }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** Writes a script into an app, and runs it there. */
export function node(app: string, script: string, source: string): Promise<Finished> {
  writeFileSync(join(app, script), source);
  return run(process.execPath, [script], app);
}

/** Node 20 and 22 say this of JSON imports and of require(esm). */
export const withoutNodesWarnings = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => !/ExperimentalWarning|--trace-warnings/.test(line))
    .join('\n');

/** For all that these tests write. */
export const FOLDER = mkdtempSync(join(tmpdir(), 'convnextv2-package-'));
process.once('exit', () => rmSync(FOLDER, { recursive: true }));

/** What a clone has beside its own files. */
const NOT_CLONED = ['.git', 'node_modules', 'dist', 'out', 'coverage'];

/** A copy of the clone, for `npm pack` writes into it; with the dependencies of this one. */
function copyOfClone(): string {
  const clone = join(FOLDER, 'clone');
  const build = join('native', 'build');
  for (const name of readdirSync('.').filter((name) => !NOT_CLONED.includes(name) && name !== 'test')) {
    cpSync(name, join(clone, name), { recursive: true, filter: (source) => source !== build });
  }
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'), 'junction');
  return clone;
}

export interface Packed {
  readonly clone: string;
  readonly tarball: string;
  readonly files: readonly string[];
  readonly size: number;
  readonly unpackedSize: number;
  readonly manifest: { readonly [field: string]: Readonly<Record<string, string>> };
}

let packed: Promise<Packed> | undefined;

/** The package, packed once for all tests as a user does it. */
export function pack(): Promise<Packed> {
  packed ??= (async () => {
    const clone = copyOfClone();
    const { code, stdout, stderr } = await run('npm', ['pack', '--json', '--pack-destination', FOLDER], clone);
    expect(code, stderr).to.equal(0);
    const [{ filename, files, size, unpackedSize }] = JSON.parse(stdout);
    const tarball = join(FOLDER, filename);
    const app = await install('bare', tarball);
    const manifest = JSON.parse(readFileSync(join(app, 'node_modules/convnextv2/package.json'), 'utf8'));
    return {
      clone,
      tarball,
      files: files.map(({ path }: { readonly path: string }) => path),
      size,
      unpackedSize,
      manifest,
    };
  })();
  return packed;
}

/** A new folder with the package alone in node_modules. */
export async function install(name: string, tarball: string): Promise<string> {
  const target = join(FOLDER, name, 'node_modules', 'convnextv2');
  mkdirSync(target, { recursive: true });
  const { code, stderr } = await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  expect(code, stderr).to.equal(0);
  return join(FOLDER, name);
}

/** What npm would install with it. */
export function needed({ manifest }: Packed): readonly string[] {
  const peers = Object.keys(manifest.peerDependencies).filter((name) => !(name in manifest.peerDependenciesMeta));
  return [...Object.keys(manifest.dependencies), ...peers];
}

/** Adds packages to an app without the network: ours, whose own dependencies Node finds beside them. */
export function link(app: string, ...names: readonly string[]): void {
  for (const name of names) {
    const target = join(app, 'node_modules', name);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(resolve('node_modules', name), target, 'junction');
  }
}
