import type { Size } from '../../src/boxes/boxes.js';
import { type MaskPaste, pasteMask } from '../../src/boxes/paste.js';
import type { Detections } from '../../src/contracts.js';
import { Mask } from '../../src/image/mask.js';

/** Pixels of this probability and less are outside; what is looked up at their centres may reach it (mmdetection). */
const INSIDE = 0.5;

/** The masks of a picture's detections, from side x side probabilities each. */
export function pasteMasks(
  { boxes, labels }: Detections,
  probabilities: Float32Array,
  side: number,
  size: Size,
  how: MaskPaste,
): readonly Mask[] {
  const [height, width] = size;
  return Array.from(labels, (_, i) => {
    const cells = probabilities.subarray(i * side * side, (i + 1) * side * side);
    const patch = pasteMask(cells, side, boxes.subarray(4 * i, 4 * i + 4), size, how);
    const bits = new Uint8Array(Math.ceil((height * width) / 8));
    let at = 0;
    for (let y = 0; y < patch.height; y++) {
      const row = (patch.top + y) * width + patch.left;
      for (let pixel = row; pixel < row + patch.width; pixel++) {
        const value = patch.values[at++];
        if (value > INSIDE || (how === 'pixel-centres' && value === INSIDE)) bits[pixel >> 3] |= 1 << (pixel & 7);
      }
    }
    return new Mask(bits, height, width);
  });
}
