import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { ConvNextV2Error, show } from '../../errors.js';
import { openClient } from './http.js';
import { type HubOptions, hubSettings } from './settings.js';
import { exists, transfer } from './transfer.js';

/** Of a file, in characters: file systems take 255, and what is not whole yet has a longer one. */
const LONGEST_NAME = 100;

/**
 * The path of the file behind a plain URL, fetched where it is not there yet. Unencrypted addresses need a checksum, or to be of
 * this machine. Throws E_SOURCE where it is not there and nobody may be asked, E_ARGUMENT, E_NETWORK, E_OUTPUT, E_ABORTED.
 */
export async function fetchUrl(url: URL, options: HubOptions = {}): Promise<string> {
  const { sha256 } = options;
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'sha256', wanted: '64 hexadecimal digits', got: show(sha256) });
  }
  const isOwn = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'http:' && sha256 === undefined && !isOwn) {
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: `${url.origin}${url.pathname}`,
      wanted: 'an https address, or the option sha256',
      got: 'an address that anybody on the way can answer for',
    });
  }
  const settings = await hubSettings(options);
  // the whole address, and a checksum, since what is behind the same address can change
  const key = createHash('sha256')
    .update(`${url.href} ${sha256?.toLowerCase() ?? ''}`)
    .digest('hex')
    .slice(0, 32);
  const name =
    basename(url.pathname)
      .replaceAll(/[^\w.-]/g, '_')
      .slice(-LONGEST_NAME) || 'file';
  const path = join(settings.downloads, key, name);
  if (await exists(path)) return path;
  if (settings.isOffline) {
    throw new ConvNextV2Error('E_SOURCE', {
      path: `${url.origin}${url.pathname}`,
      wanted: 'a file that was fetched before, since nobody may be asked',
      got: 'none',
    });
  }
  const client = await openClient(settings);
  try {
    const lock = join(settings.downloads, '.locks', `${key}.lock`);
    await transfer(client, settings, { url, path, lock, name, checksum: sha256?.toLowerCase() });
    return path;
  } finally {
    await client.close();
  }
}
