import { decodeImage } from '../image/decode.js';
import { exifOrientation } from '../image/orientation.js';

/** In pixels, upright as the picture's EXIF says. */
export type PictureSize = readonly [height: number, width: number];

export interface SizeCheck {
  readonly size: PictureSize;
  /** What probably happened where the size is another than the one annotated; undefined where it is that. */
  readonly guess: string | undefined;
  /** Whether EXIF turns or mirrors the picture in a way that its size does not show. */
  readonly isUncertain: boolean;
}

/** Decodes a picture, and compares its size with that of its annotations. Throws E_IMAGE, E_LIMIT. */
export async function comparePictureSize(path: string, [height, width]: PictureSize): Promise<SizeCheck> {
  const picture = await decodeImage(path);
  const size = [picture.height, picture.width] as const;
  const orientation = await exifOrientation(path);
  const isSame = picture.height === height && picture.width === width;
  return {
    size,
    guess: isSame ? undefined : guessWhy([height, width], size, orientation),
    isUncertain: isSame && orientation > 1 && (orientation < 5 || height === width),
  };
}

function guessWhy([height, width]: PictureSize, picture: PictureSize, orientation: number): string {
  const isSwapped = picture[0] === width && picture[1] === height;
  if (isSwapped && orientation >= 5) {
    return (
      'its EXIF tag turns it by 90 degrees, which its annotations do not: they are of the pixels as stored, as PIL and ' +
      'torchvision read them; take the tag off the file'
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
