import type { RawImage } from './raw-image.js';

/** A feature map of one picture: height x width x channels, interleaved. */
export interface DrawableMap {
  readonly name: string;
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Enough for the axes; a map of a large picture has many more positions. */
const MAX_SAMPLES = 4096;
/** The picture changes no more to the eye after some 20. */
const ITERATIONS = 30;

/**
 * The first three principal components over the channels as red, green and blue, each from its 2nd to its 98th
 * percentile. Where there are fewer channels the last component is repeated; a component that does not vary is mid-gray.
 */
export function principalColours(map: DrawableMap): RawImage {
  const { height, width } = map;
  const components = project(map, principalAxes(map));
  const spreads = components.map(spread);
  const data = new Uint8ClampedArray(height * width * 3);
  for (let c = 0; c < 3; c++) {
    const k = Math.min(c, components.length - 1);
    const { low, high } = spreads[k];
    for (let i = 0; i < height * width; i++) {
      data[i * 3 + c] = high > low ? ((components[k][i] - low) / (high - low)) * 255 : 128;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height, channels: 3 };
}

/** Up to three unit vectors over the channels, by orthogonal iteration from a fixed start. */
function principalAxes(map: DrawableMap): readonly Float64Array[] {
  const { channels } = map;
  const samples = centredSamples(map);
  let axes: readonly Float64Array[] = Array.from({ length: Math.min(3, channels) }, (_, k) =>
    Float64Array.from({ length: channels }, (_, c) => Math.sin((c + 1) * (2 * k + 1))),
  );
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    axes = orthonormal(axes.map((axis) => timesCovariance(samples, axis)));
  }
  return axes.map(withFixedSign);
}

/** Rows of at most MAX_SAMPLES positions, evenly spread, less their mean. */
function centredSamples({ data, height, width, channels }: DrawableMap): readonly Float64Array[] {
  const step = Math.ceil((height * width) / MAX_SAMPLES);
  const rows = Array.from({ length: Math.ceil((height * width) / step) }, (_, i) =>
    Float64Array.from(data.subarray(i * step * channels, (i * step + 1) * channels)),
  );
  const mean = new Float64Array(channels);
  for (const row of rows) for (let c = 0; c < channels; c++) mean[c] += row[c] / rows.length;
  return rows.map((row) => row.map((value, c) => value - mean[c]));
}

function timesCovariance(samples: readonly Float64Array[], axis: Float64Array): Float64Array {
  const product = new Float64Array(axis.length);
  for (const row of samples) {
    const along = dot(row, axis);
    for (let c = 0; c < product.length; c++) product[c] += along * row[c];
  }
  return product;
}

/** Gram and Schmidt. An axis of which only rounding noise is left becomes zero, not a pattern. */
function orthonormal(axes: readonly Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const axis of axes) {
    const size = Math.sqrt(dot(axis, axis));
    let rest = axis;
    for (const other of done) {
      const along = dot(rest, other);
      rest = rest.map((value, c) => value - along * other[c]);
    }
    const left = Math.sqrt(dot(rest, rest));
    done.push(rest.map((value) => (left > 1e-10 * size ? value / left : 0)));
  }
  return done;
}

/** The same axis whatever the iteration ended on: its largest entry is positive. */
function withFixedSign(axis: Float64Array): Float64Array {
  const largest = axis.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? axis.map((value) => -value) : axis;
}

function project({ data, height, width, channels }: DrawableMap, axes: readonly Float64Array[]): Float64Array[] {
  return axes.map((axis) =>
    Float64Array.from({ length: height * width }, (_, i) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += data[i * channels + c] * axis[c];
      return sum;
    }),
  );
}

function spread(values: Float64Array): { readonly low: number; readonly high: number } {
  const sorted = values.slice().sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return { low: at(0.02), high: at(0.98) };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
