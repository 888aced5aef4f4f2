import { ConvNextV2Error, didYouMean, requireThat, show } from '../errors.js';
import type { ImageLimits } from '../image/limits.js';
import type { RawImage } from '../image/raw-image.js';
import type { SegformerImageProcessor } from '../image/segformer-processor.js';
import { readCallOptions } from './call-options.js';
import type { Size } from './windows.js';

/** How a picture is segmented. */
export interface SegmentOptions {
  /**
   * `whole` (default): at once, at the size that the image processor gives it. `slide`: by windows over it, at its own size or
   * that of `shortestEdge`, and the mean where they overlap, in bounded memory.
   */
  readonly mode?: 'whole' | 'slide';
  /** The sides of the windows, in pixels. Default 512. */
  readonly crop?: number;
  /** From window to window, in pixels. Default two thirds of `crop`: 341 for 512. */
  readonly stride?: number;
  /** `slide` brings the shorter side to this first, but the longer one to no more than four times this. Default: as it is. */
  readonly shortestEdge?: number;
  /** Looks at the picture at several sizes, as multiples of the one, and takes the mean of the probabilities. Default 1 alone. */
  readonly scales?: readonly number[];
  /** `horizontal` looks at it mirrored as well. Default `none`. */
  readonly flip?: 'none' | 'horizontal';
  /** Called after each window, of all sizes and views. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Stops the work: E_ABORTED. */
  readonly signal?: AbortSignal;
  /** How much a picture from a stranger may ask for. */
  readonly limits?: ImageLimits;
}

export type CheckedOptions = Required<Pick<SegmentOptions, 'mode' | 'crop' | 'stride' | 'scales' | 'flip'>> &
  SegmentOptions;

const KNOWN = [
  'mode',
  'crop',
  'stride',
  'shortestEdge',
  'scales',
  'flip',
  'onProgress',
  'signal',
  'limits',
] as const satisfies readonly (keyof SegmentOptions)[];

/** The options with their defaults. Throws E_ARGUMENT for one that cannot be. */
export function readSegmentOptions(given: SegmentOptions, smallest: number): CheckedOptions {
  const options = readCallOptions<SegmentOptions>(given, KNOWN);
  const { mode = 'whole', crop = 512, scales = [1], flip = 'none', shortestEdge } = options;
  const { stride = Math.max(1, Math.floor((2 * crop) / 3)) } = options;
  oneOf('mode', mode, ['whole', 'slide']);
  oneOf('flip', flip, ['none', 'horizontal']);
  whole('crop', crop, smallest);
  whole('stride', stride, 1, crop);
  if (shortestEdge !== undefined) whole('shortestEdge', shortestEdge, 1);
  const isScale = (scale: unknown) => typeof scale === 'number' && scale > 0 && scale <= 100;
  if (!Array.isArray(scales) || scales.length === 0 || !scales.every(isScale)) {
    const wanted = 'at least one number, each above 0 and at most 100';
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'scales', wanted, got: show(scales) });
  }
  const { onProgress } = options;
  requireThat('onProgress', onProgress === undefined || typeof onProgress === 'function', 'a function', onProgress);
  return { ...options, mode, crop, stride, scales, flip };
}

function oneOf(path: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  const suggestion = didYouMean(String(value), known);
  throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: known.join(' or '), got: show(value), suggestion });
}

function whole(path: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const wanted = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: `a whole number ${wanted}`, got: show(value) });
}

/** mmsegmentation's test scale is 2048 x 512: the longer side is four times the shorter one. */
const LONGEST_TO_SHORTEST = 4;

/** The size at which a picture goes through the network, times `scale`; no side is shorter than the network takes. */
export function gridSize(
  { height, width }: Pick<RawImage, 'height' | 'width'>,
  { doResize, size }: Pick<SegformerImageProcessor, 'doResize' | 'size'>,
  { mode, shortestEdge }: CheckedOptions,
  scale: number,
  smallest: number,
): Size {
  const side = (length: number) => Math.max(smallest, Math.floor(length * scale + 0.5));
  if (mode === 'whole') return doResize ? [side(size.height), side(size.width)] : [side(height), side(width)];
  const ratio =
    shortestEdge === undefined
      ? 1
      : Math.min(
          shortestEdge / Math.min(height, width),
          (LONGEST_TO_SHORTEST * shortestEdge) / Math.max(height, width),
        );
  return [side(height * ratio), side(width * ratio)];
}
