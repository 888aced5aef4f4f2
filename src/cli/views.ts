import { ConvNextV2Error, show } from '../errors.js';
import type { SegmentOptions } from '../tasks/segment-options.js';
import { readCount, readNames } from './command.js';

/** The options of the commands that segment: how they look at a picture. */
export const VIEW_OPTIONS = {
  slide: { type: 'boolean', default: false },
  crop: { type: 'string' },
  stride: { type: 'string' },
  'shortest-edge': { type: 'string' },
  scales: { type: 'string' },
  flip: { type: 'boolean', default: false },
} as const;

/** Their help. */
export const VIEW_HELP = `\
  --slide              by windows over the picture at its own size, the mean where they overlap; default: at once, at
                       the size that the image processor of the model gives it
  --crop N             the sides of the windows, in pixels; default 512
  --stride N           from window to window; default two thirds of --crop
  --shortest-edge N    --slide brings the shorter side to this first
  --scales LIST        the mean over several sizes, as 0.75,1,1.25
  --flip               the mean with the picture mirrored`;

interface ViewValues {
  readonly slide: boolean;
  readonly crop?: string;
  readonly stride?: string;
  readonly 'shortest-edge'?: string;
  readonly scales?: string;
  readonly flip: boolean;
}

/** Reads the options. Throws E_USAGE. */
export function readViews(values: ViewValues): SegmentOptions {
  const count = (name: 'crop' | 'stride' | 'shortest-edge') => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (values.slide) return readCount(`--${name}`, text);
    throw new ConvNextV2Error('E_USAGE', { path: `--${name}`, wanted: '--slide, which it is for', got: 'none' });
  };
  return {
    mode: values.slide ? 'slide' : 'whole',
    crop: count('crop'),
    stride: count('stride'),
    shortestEdge: count('shortest-edge'),
    scales: values.scales === undefined ? undefined : readNames('--scales', values.scales).map(readScale),
    flip: values.flip ? 'horizontal' : 'none',
  };
}

function readScale(text: string): number {
  const scale = Number(text);
  if (scale > 0 && scale <= 100) return scale;
  const wanted = 'numbers above 0, at most 100, separated by commas';
  throw new ConvNextV2Error('E_USAGE', { path: '--scales', wanted, got: show(text) });
}
