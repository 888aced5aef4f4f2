import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** The flags of Node for a worker of ours; undefined for those of this process. */
export function workerFlags(): string[] | undefined {
  // tsx, for who runs the TypeScript sources, does not reach into workers by itself on Node 20
  if (import.meta.url.endsWith('.ts')) {
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
    const api = JSON.stringify(new URL('dist/esm/api/index.mjs', tsx));
    return ['--import', `data:text/javascript,import { register } from ${api}; register();`];
  }
  // with --eval: it is about this process' program, and a worker refuses it
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? [] : undefined;
}
