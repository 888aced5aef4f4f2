// The native kernels under AddressSanitizer and UndefinedBehaviorSanitizer: npm run test:sanitized
//
// Builds them with both in a copy of the project, out/sanitized, and runs their tests there, on every instruction set of the CPU. For
// GCC on Linux; where that, or one of its libraries, is missing, says so and does nothing.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../..', import.meta.url));
const copy = `${project}out/sanitized`;
const SANITIZE = '-fsanitize=address,undefined';
const PARTS = ['package.json', 'tsconfig.json', 'backbones', 'configs', 'heads', 'native', 'src', 'test'];

/** Where the compiler has a library; undefined for none. */
function library(name) {
  const { stdout } = spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim();
  return path && existsSync(path) ? path : undefined;
}

const libraries = [library('libasan.so'), library('libubsan.so')];
if (process.platform !== 'linux' || libraries.includes(undefined)) {
  console.log('GCC and its sanitizers are not here: nothing to try');
  process.exit();
}

rmSync(copy, { recursive: true, force: true });
mkdirSync(copy, { recursive: true });
const isOurs = (path) => !path.endsWith('/native/build') && !path.endsWith('/test/golden');
for (const part of PARTS) cpSync(project + part, `${copy}/${part}`, { recursive: true, filter: isOurs });
symlinkSync(`${project}node_modules`, `${copy}/node_modules`);

const run = (command, args, env) =>
  spawnSync(command, args, { cwd: copy, stdio: 'inherit', env: { ...process.env, ...env } }).status;
run('npm', ['run', '--silent', 'native'], {
  CXX: 'g++',
  CXXFLAGS: `${SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all`,
  LDFLAGS: SANITIZE,
});
if (!existsSync(`${copy}/native/build/Release/convnextv2.node`)) process.exit(1);
const mocha = [
  'node_modules/mocha/bin/mocha.js',
  '--no-config',
  '--timeout',
  '600000',
  '--import=tsx',
  '--extension',
  'ts',
];
const tests = ['test/backend/simd/*.test.ts', 'test/image/resize-pass.test.ts'];
process.exitCode = run(process.execPath, [...mocha, '--reporter', 'test/reporter.cjs', ...tests], {
  LD_PRELOAD: libraries.join(' '),
  ASAN_OPTIONS: 'detect_leaks=0', // Node keeps much until it ends
});
