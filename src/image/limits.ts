import { ConvNextV2Error, checkKnown, requireThat, show } from '../errors.js';

/** How much a picture from a stranger may ask for. Raise one for pictures you trust; Infinity lifts it. */
export interface ImageLimits {
  /** Width times height, of the file and of what is made from it. Default 100 million. */
  readonly maxPixels?: number;
  /** Size of the file. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Channels of the file. Default 5: CMYK and alpha. */
  readonly maxChannels?: number;
  /** Time to decode one picture, and time to read one that comes from a server or a stream. Default 60 seconds. */
  readonly timeoutSeconds?: number;
}

const DEFAULTS: Required<ImageLimits> = {
  maxPixels: 100_000_000,
  maxBytes: 256 * 2 ** 20,
  maxChannels: 5,
  timeoutSeconds: 60,
};

/** The names of all limits. */
export const LIMITS: readonly string[] = Object.keys(DEFAULTS);

/** The limits with their defaults. Throws E_ARGUMENT for one that there is not, or that is not a number above 0. */
export function readLimits(limits: ImageLimits): Required<ImageLimits> {
  requireThat('limits', typeof (limits ?? {}) === 'object', 'an object of limits, as { maxPixels: 1e6 }', limits);
  const given = Object.entries(limits ?? {}).filter(([, value]) => value != null);
  checkKnown(Object.fromEntries(given), LIMITS);
  for (const [path, value] of given) {
    if (!(typeof value === 'number' && value > 0)) {
      throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'a number above 0', got: show(value) });
    }
  }
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

/** Throws the E_LIMIT of a picture that asks for more than this option allows. */
export function overLimit(option: keyof ImageLimits, path: string, wanted: string, got: string): never {
  throw new ConvNextV2Error('E_LIMIT', { path, wanted, got, suggestion: `raise ${option} if you trust it` });
}

/** Throws E_LIMIT where a picture of this size is beyond `maxPixels`. Called before anything of the size is allocated. */
export function checkPixels(path: string, height: number, width: number, { maxPixels }: Required<ImageLimits>): void {
  const pixels = height * width;
  if (pixels > maxPixels) {
    overLimit('maxPixels', path, `at most ${maxPixels} pixels`, `${height} x ${width} = ${pixels}`);
  }
}
