/** The platforms whose native kernels are published, each as a package @convnextv2/PLATFORM. */
export const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64',
  'linux-arm64-musl',
  'linux-x64',
  'linux-x64-musl',
  'win32-x64',
];

process.report.excludeNetwork = true; // otherwise it looks up the names of all open connections
const isMusl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;

/** The one that this process runs on. src/backend/simd/native.ts looks for its package by the same name. */
export const HERE = `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
