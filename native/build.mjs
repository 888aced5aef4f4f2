// Builds the native half where a compiler is found, says in one line what it did, and never fails an installation.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
// npm brings a node-gyp of its own and names it to the scripts it runs
const gyp = process.env.npm_config_node_gyp;
const [program, before] = gyp ? [process.execPath, [gyp]] : ['node-gyp', []];
const start = performance.now();
const { status, error, stderr, stdout } = spawnSync(program, [...before, 'rebuild', '--silent'], {
  cwd: folder,
  encoding: 'utf8',
});
if (status === 0) {
  console.error(`convnextv2: built the native kernels in ${((performance.now() - start) / 1000).toFixed(1)} s`);
} else {
  const reason = error?.message ?? /error:? .*/i.exec(`${stderr}\n${stdout}`)?.[0] ?? `node-gyp ended with ${status}`;
  console.error(
    `convnextv2: the native kernels were not built (${reason}): backend "simd" is not there, everything else works`,
  );
}
