// What `npm pack` does in a clone: the packed package.json names the packages of native kernels as optional dependencies. That of
// the clone does not, or `npm ci` would ask the registry for them before they are published.
//
//   node native/pack.mjs prepack      builds, and writes the package.json to pack
//   node native/pack.mjs postpack     puts the clone's package.json back
//   node native/pack.mjs watch PID    the same where npm ended without `postpack`, as when it could not write its file
//   node native/pack.mjs publish      refuses to publish a clone
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PLATFORMS } from './platforms.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const MANIFEST = 'package.json';
const SAVED = 'out/package.json';

const steps = { prepack, postpack, watch, publish };
await steps[process.argv[2]]();

function prepack() {
  if (existsSync(SAVED)) fail('another npm pack is at work. If none is: node native/pack.mjs postpack');
  const target = process.env.npm_config_pack_destination ?? '.';
  if (!existsSync(target)) fail(`there is no folder ${target} to pack into`);
  // what is printed goes to stderr, for npm pack --json
  const build = [process.env.npm_execpath, 'run', 'build'];
  if (spawnSync(process.execPath, build, { stdio: ['ignore', 2, 2] }).status !== 0) fail('the build failed');
  const npm = processOfNpm();
  const original = readFileSync(MANIFEST);
  mkdirSync('out', { recursive: true });
  writeFileSync(SAVED, original, { flag: 'wx' });
  if (npm !== undefined) {
    spawn(process.execPath, [process.argv[1], 'watch', npm], { detached: true, stdio: 'ignore' }).unref();
  }
  writeFileSync(MANIFEST, packedManifest(JSON.parse(original)));
}

/** The id of npm's process: the parent of this one or, where that is a shell, its parent. Not known without `ps`, as on Windows. */
function processOfNpm() {
  const { stdout } = spawnSync('ps', ['-o', 'ppid=', '-o', 'args=', '-p', String(process.ppid)], { encoding: 'utf8' });
  const [, parent, command] = /^\s*(\d+) (.*)/.exec(stdout ?? '') ?? [];
  return command?.includes('pack.mjs') ? parent : command && String(process.ppid);
}

function packedManifest({ scripts, devDependencies, ...manifest }) {
  const packages = PLATFORMS.map((platform) => [`@convnextv2/${platform}`, manifest.version]);
  return `${JSON.stringify({ ...manifest, optionalDependencies: Object.fromEntries(packages) }, null, 2)}\n`;
}

function postpack() {
  if (!existsSync(SAVED)) fail('package.json was put back before it was packed: the file that npm made is wrong');
  renameSync(SAVED, MANIFEST);
}

async function watch() {
  while (existsSync(SAVED) && isAlive(Number(process.argv[3]))) await sleep(20);
  if (existsSync(SAVED)) renameSync(SAVED, MANIFEST);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch ({ code }) {
    return code === 'EPERM';
  }
}

function publish() {
  fail('publish the file that npm pack makes: npm tells the registry what package.json says after postpack');
}

function fail(message) {
  console.error(`convnextv2: ${message}`);
  process.exit(1);
}
