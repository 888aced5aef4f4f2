import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ConvNextV2Error, didYouMean } from '../errors.js';
import { type LabelMap, readLabelPng } from '../image/label-png.js';
import type { ImageLimits } from '../image/limits.js';
import { findUnknownLabel, type MeanIoUOptions, wantedLabels } from '../metrics/mean-iou.js';
import { type CheckOptions, checkAll } from './check-all.js';
import { comparePictureSize } from './picture-size.js';

/** A picture of a data set, and the PNG with the label of each of its pixels. */
export interface LabelledPicture {
  /** The name of both files, without its ending. */
  readonly name: string;
  readonly picture: string;
  readonly labels: string;
}

const PICTURES: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff'];

/**
 * The pictures of a folder that is laid out as ADE20K's SceneParsing is: `images/SPLIT/NAME.jpg`, and beside these
 * `annotations/SPLIT/NAME.png`. In the order of their names. Throws E_SOURCE where there is no such folder, where a picture has no
 * labels, and where there is no picture.
 */
export async function findLabelledPictures(folder: string, split = 'validation'): Promise<readonly LabelledPicture[]> {
  const images = join(folder, 'images', split);
  const annotations = join(folder, 'annotations', split);
  const files = (await list(images, folder, split)).filter((file) => PICTURES.includes(extname(file).toLowerCase()));
  const labels = new Set(await list(annotations, folder, split));
  if (files.length === 0) throw new ConvNextV2Error('E_SOURCE', { path: images, wanted: 'pictures', got: 'none' });
  return files.sort().map((file) => {
    const name = file.slice(0, -extname(file).length);
    if (labels.has(`${name}.png`)) {
      return { name, picture: join(images, file), labels: join(annotations, `${name}.png`) };
    }
    throw new ConvNextV2Error('E_SOURCE', {
      path: join(annotations, `${name}.png`),
      wanted: `the labels of ${file}`,
      got: 'no such file',
    });
  });
}

async function list(path: string, folder: string, split: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    const splits = await readdir(join(folder, 'images')).catch(() => []);
    throw new ConvNextV2Error(
      'E_SOURCE',
      {
        path,
        wanted: 'a folder with images/SPLIT and annotations/SPLIT, as ADE20K has them',
        got: (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such folder' : String(cause),
        suggestion:
          didYouMean(split, splits) ?? (splits.length > 0 ? `the splits are ${splits.join(', ')}` : undefined),
      },
      { cause },
    );
  }
}

/**
 * Reads the labels of a picture, and checks that each is a class or ignored. Throws what `readLabelPng` throws, and E_IMAGE for
 * another label, with the file, its value and its place.
 */
export async function readLabels(path: string, options: MeanIoUOptions, limits?: ImageLimits): Promise<LabelMap> {
  const map = await readLabelPng(path, limits);
  const wrong = findUnknownLabel(map.data, options);
  if (wrong < 0) return map;
  const [x, y] = [wrong % map.width, Math.floor(wrong / map.width)];
  throw new ConvNextV2Error('E_IMAGE', {
    path,
    wanted: `labels ${wantedLabels(options)}`,
    got: `${map.data[wrong]} at column ${x}, row ${y}`,
  });
}

/**
 * Reads all pictures and their labels, before much is computed from them. Throws what is wrong with any of them, as `readLabels`
 * and `decodeImage` throw it, and E_SHAPE for labels of another size than the picture, upright as its EXIF says, has.
 */
export async function checkLabelledPictures(
  pictures: readonly LabelledPicture[],
  labelling: MeanIoUOptions,
  options: CheckOptions = {},
): Promise<void> {
  const check = async ({ picture, labels }: LabelledPicture) => {
    const { height, width } = await readLabels(labels, labelling);
    const { size, guess } = await comparePictureSize(picture, [height, width]);
    if (guess === undefined) return;
    const wanted = `${size.join(' x ')}, as ${picture} is`;
    throw new ConvNextV2Error('E_SHAPE', { path: labels, wanted, got: `${height} x ${width}`, suggestion: guess });
  };
  await checkAll(pictures, check, options);
}
