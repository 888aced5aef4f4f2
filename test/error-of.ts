import { ConvNextV2Error } from '../src/errors.js';

/** The error of this package that a call throws; any other outcome fails the test. */
export async function errorOf(call: () => unknown): Promise<ConvNextV2Error> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ConvNextV2Error) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
