import { access, readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { ConvNextV2Error, didYouMean, type ErrorCode, type Problem } from '../errors.js';
import { decodeImage } from '../image/decode.js';
import { exifOrientation } from '../image/orientation.js';
import { countOf, shorten } from '../metrics/coco.js';
import type { CocoDataset } from './coco-dataset.js';

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

export interface CocoPictureCheckOptions {
  readonly onProgress?: (read: { readonly done: number; readonly total: number }) => void;
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
  { onProgress, onWarning = console.warn }: CocoPictureCheckOptions = {},
): Promise<void> {
  const problems: Problem[] = [];
  const uncertain: string[] = [];
  let code: ErrorCode | undefined;
  for (const [i, path] of paths.entries()) {
    try {
      const orientation = await checkSize(path, images[i], `images[${i}]`);
      if (orientation !== 1) uncertain.push(path);
    } catch (error) {
      if (!(error instanceof ConvNextV2Error) || error.code === 'E_PEER') throw error;
      code ??= error.code;
      problems.push(...error.problems);
    }
    onProgress?.({ done: i + 1, total: paths.length });
  }
  if (code) throw new ConvNextV2Error(code, problems);
  if (uncertain.length === 0) return;
  onWarning(
    `${countOf(uncertain.length, 'picture')} with an EXIF tag that turns or mirrors the picture and leaves its size, taken as ` +
      `annotated upright: ${shorten(uncertain)}`,
  );
}

/** Gives the EXIF orientation where the size is the same with it and without, else 1. Throws E_IMAGE, E_LIMIT, E_SHAPE. */
async function checkSize(
  path: string,
  { height, width }: CocoDataset['images'][number],
  place: string,
): Promise<number> {
  const picture = await decodeImage(path);
  if (height === undefined || width === undefined) return 1;
  const orientation = await exifOrientation(path);
  if (picture.height === height && picture.width === width)
    return orientation < 5 || height === width ? orientation : 1;
  throw new ConvNextV2Error('E_SHAPE', {
    path,
    wanted: `${height} x ${width} pixels (height x width), as ${place} says`,
    got: `${picture.height} x ${picture.width}`,
    suggestion: guess([height, width], [picture.height, picture.width], orientation),
  });
}

type Size = readonly [height: number, width: number];

/** What probably happened to a picture of another size than annotated. */
function guess([height, width]: Size, picture: Size, orientation: number): string {
  const isSwapped = picture[0] === width && picture[1] === height;
  if (isSwapped && orientation >= 5) {
    return (
      `its EXIF tag turns it by 90 degrees, which its annotations do not: they are of the pixels as stored, as PIL and ` +
      `torchvision read them; take the tag off the file`
    );
  }
  if (isSwapped) return 'height and width are swapped: one of the two was turned by 90 degrees';
  const scale = picture[0] / height;
  // each side is rounded to whole pixels
  if (Math.abs(scale * width - picture[1]) <= 1 + scale) {
    return `a copy resized to ${Number(scale.toFixed(3))} of its size: take the original, or scale the annotations`;
  }
  return 'another picture, a crop, or one that was squeezed';
}
