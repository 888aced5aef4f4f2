import { loadSharp } from './sharp.js';

/** How the EXIF of a picture that can be decoded says to turn it: 1 (as it is) to 8, of which 5 to 8 swap height and width. */
export async function exifOrientation(path: string): Promise<number> {
  const sharp = await loadSharp();
  const { orientation = 1 } = await sharp(path, { limitInputPixels: false, limitInputChannels: false }).metadata();
  return orientation;
}
