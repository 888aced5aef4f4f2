import type { Detections } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { tirb } from './load.js';
import type { IDimensions, ObjectDetection, Rect } from './surface.js';

/** A box as this package has it, in pixels of the picture. */
export interface Corners {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}

/** The names of classes by their index. */
export type Labels = Readonly<Record<number, string>>;

/** A box of this package as a `Rect`. Throws E_NON_FINITE. */
export function toRect({ xmin, ymin, xmax, ymax }: Corners): Rect {
  const corners = [xmin, ymin, xmax, ymax];
  if (!corners.every(Number.isFinite)) {
    throw new ConvNextV2Error('E_NON_FINITE', { path: 'box', wanted: 'finite corners', got: corners.join(', ') });
  }
  return new tirb.Rect(xmin, ymin, xmax - xmin, ymax - ymin);
}

/** A `Rect`, a `Box`, or what else has corners, as a box of this package. */
export function toCorners({
  left,
  top,
  right,
  bottom,
}: Readonly<Record<'left' | 'top' | 'right' | 'bottom', number>>): Corners {
  return { xmin: left, ymin: top, xmax: right, ymax: bottom };
}

/**
 * What was found in a picture of this size; `box` has the very numbers, `relativeBox` is their share of the picture's sides. Throws
 * E_NON_FINITE for a box that is none, E_ARGUMENT for a picture without pixels.
 */
export function toObjectDetections(
  { boxes, scores, labels }: Detections,
  imageDims: IDimensions,
  id2label: Labels,
): ObjectDetection[] {
  const { width, height } = imageDims;
  if (!(width > 0 && height > 0)) {
    const wanted = 'the sides of a picture';
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'imageDims', wanted, got: `${width} x ${height}` });
  }
  return Array.from(labels, (id, i) => {
    const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
    const box = toRect({ xmin, ymin, xmax, ymax });
    const share = box.rescale({ width: 1 / width, height: 1 / height });
    const found = new tirb.ObjectDetection(scores[i], scores[i], id2label[id] ?? `LABEL_${id}`, share, imageDims);
    // it would come back from its share, with the rounding of that
    return Object.assign(found, { _box: box });
  });
}

/** Back again, in the order given. Throws E_ARGUMENT for the name of no class. */
export function fromObjectDetections(found: readonly ObjectDetection[], id2label: Labels): Detections {
  // of classes of one name, the first
  const ids = new Map(
    Object.entries(id2label)
      .toReversed()
      .map(([id, name]) => [name, Number(id)]),
  );
  const idOf = ({ className }: ObjectDetection) => {
    const id = ids.get(className) ?? Number(/^LABEL_(\d+)$/.exec(className)?.[1]);
    if (Number.isInteger(id)) return id;
    throw new ConvNextV2Error('E_ARGUMENT', {
      path: 'className',
      wanted: 'the name of a class',
      got: show(className),
      suggestion: didYouMean(className, [...ids.keys()]),
    });
  };
  return {
    boxes: Float32Array.from(found.flatMap(({ box }) => [box.left, box.top, box.right, box.bottom])),
    scores: Float32Array.from(found, ({ score }) => score),
    labels: Int32Array.from(found, idOf),
  };
}
