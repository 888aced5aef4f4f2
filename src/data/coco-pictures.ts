import { access, readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { countOf, shorten } from '../metrics/coco.js';
import { type CheckOptions, checkAll } from './check-all.js';
import type { CocoDataset } from './coco-dataset.js';
import { comparePictureSize } from './picture-size.js';

/**
 * Where the pictures of a dataset lie, in its order. Throws E_SOURCE for the first that is not in the folder, with the nearest
 * name, and for an image without a file_name.
 */
export async function findCocoPictures(
  { images }: Pick<CocoDataset, 'images'>,
  folder: string,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const [i, { file_name }] of images.entries()) {
    const refuse = (got: string, suggestion?: string): never => {
      const problem = { path: `images[${i}].file_name`, wanted: `a file in ${folder}`, got, suggestion };
      throw new ConvNextV2Error('E_SOURCE', problem);
    };
    if (file_name === undefined) return refuse('nothing');
    if (isAbsolute(file_name) || normalize(file_name).startsWith('..')) refuse(file_name);
    const path = join(folder, file_name);
    await access(path).catch(async () => {
      const files = await readdir(dirname(path)).catch(() => []);
      refuse(`no ${file_name}`, didYouMean(basename(path), files));
    });
    paths.push(path);
  }
  return paths;
}

/** How the pictures of a dataset are checked. */
export interface CocoPictureCheckOptions extends CheckOptions {
  /** Hears of pictures of which no size can tell whether they were annotated as they are shown. Default: prints it to stderr. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Decodes each of the pictures that `findCocoPictures` found, and compares its size, upright as its EXIF says, with that of the
 * dataset, where that has one: boxes of a picture of another size would be at wrong places. Throws E_IMAGE or E_SHAPE with all
 * pictures that cannot be read or have another size, and what probably happened to them.
 */
export async function checkCocoPictures(
  { images }: Pick<CocoDataset, 'images'>,
  paths: readonly string[],
  { onWarning = console.warn, ...options }: CocoPictureCheckOptions = {},
): Promise<void> {
  const uncertain: string[] = [];
  const check = async (path: string, i: number) => {
    const { height, width } = images[i];
    if (height === undefined || width === undefined) {
      await decodeImage(path);
      return;
    }
    const { size, guess, isUncertain } = await comparePictureSize(path, [height, width]);
    if (isUncertain) uncertain.push(path);
    if (guess === undefined) return;
    const wanted = `${height} x ${width} pixels (height x width), as images[${i}] says`;
    throw new ConvNextV2Error('E_SHAPE', { path, wanted, got: size.join(' x '), suggestion: guess });
  };
  await checkAll(paths, check, options);
  if (uncertain.length === 0) return;
  onWarning(
    `${countOf(uncertain.length, 'picture')} with an EXIF tag that turns or mirrors the picture and leaves its size, taken as ` +
      `annotated upright: ${shorten(uncertain)}`,
  );
}
