import { join } from 'node:path';
import { ConvNextV2Error } from '../../../src/errors.js';
import { decodeImage } from '../../../src/image/decode.js';
import { readPilFilter, resizePil } from '../../../src/image/pil-resize.js';
import { ConvNextImageProcessor } from '../../../src/image/processor.js';
import type { RawImage } from '../../../src/image/raw-image.js';
import { type Case, compare, compareAll, readTensors, take, type Values } from '../compare.js';

/** ConvNextImageProcessor on one picture. */
export async function imageProcessor(folder: string, spec: Case): Promise<string[]> {
  const image = await decodeImage(join(folder, spec.files.image), { mode: 'as-is' });
  let got: Values;
  try {
    const processor = ConvNextImageProcessor.fromJSON(spec.args, 'case.json');
    got = await take((await processor.preprocess(image, { layout: 'NCHW' })).pixelValues);
  } catch (error) {
    const isWanted = spec.error && error instanceof ConvNextV2Error;
    return isWanted ? [] : [`wanted ${spec.error ? 'one of our errors' : 'values'}, got ${error}`];
  }
  if (spec.error) return ['wanted an error, got values'];
  const isPicture = spec.files.outputs.endsWith('.png');
  const want = isPicture ? await bytesOf(join(folder, spec.files.outputs)) : await readTensors(folder, spec, 'outputs');
  const tolerance = isPicture ? 0 : spec.tolerance.forward;
  return compareAll('outputs', new Map([['pixel_values', got]]), want, tolerance);
}

/** A picture of [height, width, channels] as pixel_values of [1, channels, height, width]. */
export async function bytesOf(path: string): Promise<ReadonlyMap<string, Values>> {
  const { data, height, width, channels } = await decodeImage(path, { mode: 'as-is' });
  const plane = height * width;
  const planes = data.map((_, i) => data[(i % plane) * channels + Math.floor(i / plane)]);
  return new Map([['pixel_values', { shape: [1, channels, height, width], data: planes }]]);
}

/** PIL's resize of one picture to many sizes. */
export async function pilResize(folder: string, spec: Case): Promise<string[]> {
  const image = await decodeImage(join(folder, spec.files.image), { mode: 'as-is' });
  const failures: string[] = [];
  for (const { filter, resample, height, width, file } of spec.args!.rows) {
    if (readPilFilter(resample) !== filter) failures.push(`${file}: ${resample} is read as another filter`);
    const want = await decodeImage(join(folder, file), { mode: 'as-is' });
    const got = resizePil(image, height, width, readPilFilter(filter));
    const failure = compare(shaped(got), shaped(want), spec.tolerance.levels / 255);
    if (failure) failures.push(`${file}: ${failure}`);
  }
  return failures;
}

function shaped({ height, width, channels, data }: RawImage): Values {
  return { shape: [height, width, channels], data };
}
