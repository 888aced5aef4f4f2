// Makes the package of the native half for this platform, to be published beside convnextv2: whose optional dependency it then is,
// so that npm installs it where `os`, `cpu` and `libc` fit, and nobody needs a compiler. Runs nothing when it is installed.
//
//   node native/package.mjs [DIR]     the folder to write, by default out/PLATFORM-ARCH; `npm pack` or `npm publish` it
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { platform, arch } = process;
const folder = process.argv[2] ?? join('out', `${platform}-${arch}`);
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';

const manifest = {
  name: `@convnextv2/${platform}-${arch}`,
  version,
  description: `The native kernels of convnextv2 for ${platform} ${arch}`,
  license,
  os: [platform],
  cpu: [arch],
  ...(platform === 'linux' && { libc: [libc] }),
  engines: { node: '>=20' },
  main: 'convnextv2.node',
  files: ['convnextv2.node'],
};
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, 'native', 'build', 'Release', 'convnextv2.node'), join(folder, 'convnextv2.node'));
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(folder);
