import { setTimeout as pause } from 'node:timers/promises';
import { ConvNextV2Error } from '../../errors.js';

/** Milliseconds after which the lock of a process that was killed no longer counts; a living one renews it in time. */
const STALE = 10_000;

/** Milliseconds between looks at a lock that another process holds. */
const LOOK = 100;

/**
 * Runs `work` while no other process that asks for the same lock does; waits for it as long as the other lives.
 * Throws E_ABORTED, E_OUTPUT where no lock can be made.
 */
export async function whileLocked<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const { lock } = (await import('proper-lockfile')).default;
  const options = {
    realpath: false,
    lockfilePath: path,
    stale: STALE,
    // the file is whole or not there, whoever writes it: two at once are a waste, no harm
    onCompromised: () => {},
  };
  for (;;) {
    let release: () => Promise<void>;
    try {
      release = await lock(path, options);
    } catch (cause) {
      const { code } = Object(cause);
      if (code !== 'ELOCKED') {
        const got = String(code ?? cause);
        throw new ConvNextV2Error('E_OUTPUT', { path, wanted: 'a lock that can be made', got }, { cause });
      }
      await pause(LOOK, undefined, { signal }).catch(() => {
        const got = String(signal?.reason);
        throw new ConvNextV2Error('E_ABORTED', { path: 'signal', wanted: 'the work to go on', got }, { cause });
      });
      continue;
    }
    try {
      return await work();
    } finally {
      await release().catch(() => {}); // it was taken over meanwhile
    }
  }
}
