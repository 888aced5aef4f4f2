// Makes the package of the native kernels for this platform, which is published beside convnextv2, in the same version. It is an
// optional dependency of convnextv2, so npm installs it where `os`, `cpu` and `libc` fit, and no compiler is needed. Runs
// nothing when it is installed.
//
//   node native/package.mjs [DIR]     the folder to write, by default out/PLATFORM-ARCH. Prints its path
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HERE, PLATFORMS } from './platforms.mjs';

if (!PLATFORMS.includes(HERE)) {
  console.error(`there is no package for ${HERE}: add it to native/platforms.mjs, and publish one with each version`);
  process.exit(1);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = resolve(process.argv[2] ?? join('out', HERE));

const manifest = {
  name: `@convnextv2/${HERE}`,
  version,
  description: `The native kernels of convnextv2 for ${HERE}`,
  license,
  os: [process.platform],
  cpu: [process.arch],
  ...(process.platform === 'linux' && { libc: [HERE.endsWith('-musl') ? 'musl' : 'glibc'] }),
  engines: { node: '>=20' },
  main: 'convnextv2.node',
  files: ['convnextv2.node'],
};
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, 'native', 'build', 'Release', 'convnextv2.node'), join(folder, 'convnextv2.node'));
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(folder);
