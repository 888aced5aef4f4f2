import { ConvNextV2Error } from '../errors.js';

/** sharp, loaded on first use, so that all that needs no picture files runs without it. Throws E_PEER. */
export async function loadSharp(): Promise<typeof import('sharp').default> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_PEER',
      {
        path: 'sharp',
        wanted: 'the package sharp, which decodes and encodes pictures',
        got: (cause as Error).message.trim().split('\n')[0],
        suggestion: 'npm install sharp',
      },
      { cause },
    );
  }
}
