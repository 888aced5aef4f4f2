// tfjs-core's own test suite, which ships with it, on one of our backends: npm run test:tfjs-core [-- BACKEND]
//
// Backend `simd`, the default, is tried on every instruction set that the CPU has, unless CONVNEXTV2_ISA names one. The
// suite's files import each other without endings, so Node needs a bundle; everything that knows tfjs-core goes into it, so
// that there is one copy.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const bundle = fileURLToPath(new URL('../../out/tfjs-core/bundle.cjs', import.meta.url));
const backend = process.argv[2] ?? 'simd';

await esbuild.build({
  stdin: { contents: `export { ready } from './setup.ts'; import './tests.ts';`, resolveDir: here, loader: 'ts' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  outfile: bundle,
  mainFields: ['module', 'main'],
  external: ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-layers'],
  // without it the tests are dropped: the package says that its files have no side effects
  ignoreAnnotations: true,
  define: { 'import.meta.url': 'fileUrl' },
  banner: { js: "const fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'error',
});

function instructionSets() {
  if (backend !== 'simd' || process.env.CONVNEXTV2_ISA) return [process.env.CONVNEXTV2_ISA];
  try {
    const addon = createRequire(import.meta.url)('../../native/build/Release/convnextv2.node');
    return addon.kernels().map(({ isa }) => isa);
  } catch {
    console.log('the native kernels are not built: nothing to try');
    return [];
  }
}

for (const isa of instructionSets()) {
  const env = { ...process.env, BACKEND: backend, ...(isa && { CONVNEXTV2_ISA: isa }) };
  const { status } = spawnSync(process.execPath, [`${here}suite.mjs`, bundle], { env, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
