import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { checkRawImage, newBytes, type RawImage } from './raw-image.js';
import { PRECISION_BITS, resizePass, type Weights } from './resize-pass.js';

/** PIL's filters for resizing, placed so that the index of each is PIL's own number for it. */
export const PIL_FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
/** One of PIL's filters, by name. */
export type PilFilter = (typeof PIL_FILTERS)[number];

/** A filter from its name or PIL's number. Throws E_ARGUMENT. */
export function readPilFilter(value: unknown, path = 'resample'): PilFilter {
  const filter = typeof value === 'number' ? PIL_FILTERS[value] : PIL_FILTERS.find((name) => name === value);
  if (filter) return filter;
  throw new ConvNextV2Error('E_ARGUMENT', {
    path,
    wanted: `one of ${PIL_FILTERS.map((name, number) => `${number} (${name})`).join(', ')}`,
    got: show(value),
    suggestion: typeof value === 'string' ? didYouMean(value, PIL_FILTERS) : undefined,
  });
}

/**
 * Resizes as PIL does, to the bit: `Image.fromarray(image).resize((width, height), filter)` of Pillow 13.
 * Two and four channels end in alpha, by which the others are multiplied while they are averaged, as PIL does it.
 * Throws E_IMAGE for data that are no picture, E_ARGUMENT for a size or a filter that is none, and E_LIMIT for a size that no
 * memory can hold.
 */
export function resizePil(image: RawImage, height: number, width: number, filter: PilFilter): RawImage {
  checkRawImage(image);
  const known = readPilFilter(filter, 'filter');
  for (const [path, size] of Object.entries({ height, width })) {
    if (!Number.isInteger(size) || size < 1) {
      throw new ConvNextV2Error('E_ARGUMENT', { path, wanted: 'a whole number of at least 1', got: show(size) });
    }
  }
  if (image.height === height && image.width === width) return { ...image, data: new Uint8Array(image.data) };
  if (known === 'nearest') return nearest(image, height, width);
  const hasAlpha = image.channels === 2 || image.channels === 4;
  return hasAlpha
    ? unpremultiply(resample(premultiply(image), height, width, known))
    : resample(image, height, width, known);
}

/** Where the vertical pass comes first; from Pillow 13 on, while 12 and older always begin with the horizontal one. */
function isVerticalFirst(image: RawImage, height: number, width: number): boolean {
  return image.height > height && image.height - height > 2 * (image.width - width);
}

function resample(image: RawImage, height: number, width: number, filter: WeightedFilter): RawImage {
  const horizontal = (from: RawImage) => (from.width === width ? from : resizeAlong('width', from, width, filter));
  const vertical = (from: RawImage) => (from.height === height ? from : resizeAlong('height', from, height, filter));
  return isVerticalFirst(image, height, width) ? horizontal(vertical(image)) : vertical(horizontal(image));
}

function nearest(image: RawImage, height: number, width: number): RawImage {
  const { channels } = image;
  const data = newBytes(height, width, channels);
  const rows = nearestPositions(image.height, height);
  const columns = nearestPositions(image.width, width);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * image.width + column) * channels;
      for (let c = 0; c < channels; c++) data[at++] = image.data[from + c];
    }
  }
  return { data, width, height, channels };
}

/** Adds up the step, as PIL does: multiplying would round elsewhere. */
function nearestPositions(from: number, to: number): Int32Array {
  const step = from / to;
  let position = step / 2;
  return Int32Array.from({ length: to }, () => {
    const whole = Math.trunc(position);
    position += step;
    return whole;
  });
}

export type WeightedFilter = Exclude<PilFilter, 'nearest'>;

/** Each filter's half width in source pixels, and its weight at a distance from the centre. */
const FILTERS: Readonly<Record<WeightedFilter, { readonly support: number; weight(x: number): number }>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    // PIL writes the two constants in single precision.
    weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI)) : 0),
  },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic convolution with a = -0.5. */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Throws E_LIMIT. */
export function weightsOf(from: number, to: number, filter: WeightedFilter): Weights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = FILTERS[filter].support * stretch;
  const taps = Math.min(Math.ceil(support) * 2 + 1, from);
  checkWeights(to * taps, from, to);
  const weights = {
    size: to,
    taps,
    first: new Int32Array(to),
    count: new Int32Array(to),
    values: new Int32Array(to * taps),
  };
  const exact = new Float64Array(taps);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      exact[k] = FILTERS[filter].weight((k + first - center + 0.5) * (1 / stretch));
      sum += exact[k];
    }
    for (let k = 0; k < count; k++) {
      const value = (exact[k] / (sum || 1)) * (1 << PRECISION_BITS);
      weights.values[i * taps + k] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
    weights.first[i] = first;
    weights.count[i] = count;
  }
  return weights;
}

/** Where PIL gives up, too: a picture with a side of millions of pixels would have a gigabyte of weights. */
function checkWeights(count: number, from: number, to: number): void {
  if (count <= 2 ** 28) return;
  throw new ConvNextV2Error('E_LIMIT', {
    path: 'image',
    wanted: `at most ${2 ** 28} weights to resize one side`,
    got: `${count}, from ${from} to ${to} pixels`,
  });
}

type Axis = 'width' | 'height';

function resizeAlong(axis: Axis, image: RawImage, size: number, filter: WeightedFilter): RawImage {
  const { data, width, height, channels } = image;
  const weights = weightsOf(image[axis], size, filter);
  return axis === 'width'
    ? { ...image, width: size, data: resizePass(data, height, width, channels, weights) }
    : { ...image, height: size, data: resizePass(data, 1, height, width * channels, weights) };
}

/** PIL's a * b / 255 of two bytes, rounded. */
function multiplyBytes(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

function premultiply(image: RawImage): RawImage {
  return withColours(image, multiplyBytes);
}

function unpremultiply(image: RawImage): RawImage {
  return withColours(image, (value, alpha) =>
    alpha === 0 || alpha === 255 ? value : Math.min(255, Math.trunc((255 * value) / alpha)),
  );
}

/** The picture with every value but the alpha mapped. */
function withColours(image: RawImage, map: (value: number, alpha: number) => number): RawImage {
  const { channels } = image;
  const data = new Uint8Array(image.data);
  for (let pixel = 0; pixel < data.length; pixel += channels) {
    const alpha = data[pixel + channels - 1];
    for (let i = pixel; i < pixel + channels - 1; i++) data[i] = map(data[i], alpha);
  }
  return { ...image, data };
}
