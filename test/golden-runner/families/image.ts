import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvNextV2Error } from '../../../src/errors.js';
import { decodeImage } from '../../../src/image/decode.js';
import { readPilFilter, resizePil } from '../../../src/image/pil-resize.js';
import { ConvNextImageProcessor } from '../../../src/image/processor.js';
import type { RawImage } from '../../../src/image/raw-image.js';
import { readSafetensors } from '../../../src/weights/checkpoint.js';

interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

interface ProcessorCase {
  readonly args: unknown;
  readonly error: boolean;
  readonly files: { readonly image: string; readonly outputs: string };
  readonly tolerance: { readonly forward: number };
}

/** ConvNextImageProcessor on one picture; the failures, none if it passed. */
export async function imageProcessor(folder: string, spec: ProcessorCase): Promise<string[]> {
  const image = await decodeImage(join(folder, spec.files.image), { mode: 'as-is' });
  const outputs = join(folder, spec.files.outputs);
  let got: Values;
  try {
    got = await pixelValues(spec.args, image);
  } catch (error) {
    const isWanted = spec.error && error instanceof ConvNextV2Error;
    return isWanted ? [] : [`pixel_values: wanted ${spec.error ? 'one of our errors' : 'values'}, got ${error}`];
  }
  if (spec.error) return ['pixel_values: wanted an error, got values'];
  if (spec.files.outputs.endsWith('.png')) return difference('pixel_values', got, await pictureValues(outputs), 0);
  const wanted = readSafetensors(await readFile(outputs), outputs);
  return [...wanted].flatMap(([name, want]) => {
    if (name !== 'pixel_values') return [`${name}: wanted a tensor, got none`];
    return difference(name, got, want, spec.tolerance.forward * largest(want.data));
  });
}

async function pixelValues(args: unknown, image: RawImage): Promise<Values> {
  const processor = ConvNextImageProcessor.fromJSON(args, 'case.json');
  const { pixelValues } = await processor.preprocess(image, { layout: 'NCHW' });
  try {
    return { shape: pixelValues.shape, data: await pixelValues.data() };
  } finally {
    pixelValues.dispose();
  }
}

/** A picture of [height, width, channels] as [1, channels, height, width]. */
async function pictureValues(path: string): Promise<Values> {
  const { data, height, width, channels } = await decodeImage(path, { mode: 'as-is' });
  const plane = height * width;
  const planes = data.map((_, i) => data[(i % plane) * channels + Math.floor(i / plane)]);
  return { shape: [1, channels, height, width], data: planes };
}

interface ResizeCase {
  readonly args: {
    readonly rows: readonly {
      readonly filter: string;
      readonly resample: number;
      readonly height: number;
      readonly width: number;
      readonly file: string;
    }[];
  };
  readonly files: { readonly image: string };
  readonly tolerance: { readonly levels: number };
}

/** PIL's resize of one picture to many sizes; the failures, none if it passed. */
export async function pilResize(folder: string, spec: ResizeCase): Promise<string[]> {
  const image = await decodeImage(join(folder, spec.files.image), { mode: 'as-is' });
  const failures: string[] = [];
  for (const { filter, resample, height, width, file } of spec.args.rows) {
    if (readPilFilter(resample) !== filter) failures.push(`${file}: wanted ${filter} for ${resample}`);
    const got = resizePil(image, height, width, readPilFilter(filter));
    const want = await decodeImage(join(folder, file), { mode: 'as-is' });
    failures.push(...difference(file, shaped(got), shaped(want), spec.tolerance.levels));
  }
  return failures;
}

function shaped({ height, width, channels, data }: RawImage): Values {
  return { shape: [height, width, channels], data };
}

function difference(name: string, got: Values, want: Values, tolerance: number): string[] {
  if (String(got.shape) !== String(want.shape)) return [`${name}: wanted shape [${want.shape}], got [${got.shape}]`];
  const off = largest(Array.from(want.data, (value, i) => got.data[i] - value));
  return off <= tolerance ? [] : [`${name}: off by ${off}, where ${tolerance} is allowed`];
}

/** The largest magnitude; NaN if there is one. */
function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (!(size <= most)) most = size;
    if (Number.isNaN(size)) break;
  }
  return most;
}
