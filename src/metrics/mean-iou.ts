import { ConvNextV2Error, checkKnown, show } from '../errors.js';

/** What is counted, and what is left out. */
export interface MeanIoUOptions {
  readonly numClasses: number;
  /** Pixels of this label count for nothing. Default 255. */
  readonly ignoreIndex?: number;
  /** Whether label 0 stands for no class, so that it is ignored and every other label is one above its class. Default false. */
  readonly reduceLabels?: boolean;
}

/** How well pictures were segmented. A share is NaN where it has nothing to be a share of; means leave such classes out. */
export interface SegmentationScores {
  /** The mean over the classes of intersection over union. */
  readonly mIoU: number;
  /** The share of all pixels that were given their class. */
  readonly aAcc: number;
  /** The mean over the classes of the share of their pixels that were given them. */
  readonly mAcc: number;
  /** The mean over the classes of twice the intersection over both areas. */
  readonly mDice: number;
  /** For each class. */
  readonly classes: readonly ClassScores[];
}

/** How well one class was found. */
export interface ClassScores {
  /** Pixels that are of the class and were given it; that are or were; that were; that are. */
  readonly intersection: number;
  readonly union: number;
  readonly predictedArea: number;
  readonly labelArea: number;
  readonly iou: number;
  readonly accuracy: number;
  readonly dice: number;
}

/** Adds up pictures, one at a time. */
export interface MeanIoU {
  /**
   * The class of each pixel as it was found, and as it is. Throws E_SHAPE where they are not as many, E_ARGUMENT for a label that
   * is no class, with its place in the list.
   */
  add(predicted: ArrayLike<number>, labels: ArrayLike<number>): void;
  /** Of all pictures so far. */
  scores(): SegmentationScores;
}

/** Mean intersection over union as mmsegmentation's IoUMetric has it: areas are added up over all pictures, then divided. */
export function createMeanIoU(options: MeanIoUOptions): MeanIoU {
  checkKnown(options, ['numClasses', 'ignoreIndex', 'reduceLabels']);
  const { numClasses, ignoreIndex = 255, reduceLabels = false } = options;
  if (!(Number.isSafeInteger(numClasses) && numClasses > 0)) {
    const wanted = 'a whole number of at least 1';
    throw new ConvNextV2Error('E_ARGUMENT', { path: 'numClasses', wanted, got: show(numClasses) });
  }
  const [intersection, predictedArea, labelArea] = [0, 1, 2].map(() => new Float64Array(numClasses));
  return {
    add(predicted, labels) {
      if (predicted.length !== labels.length) {
        const wanted = `${labels.length} pixels, as many as labels`;
        throw new ConvNextV2Error('E_SHAPE', { path: 'predicted', wanted, got: String(predicted.length) });
      }
      const wrong = findUnknownLabel(labels, { numClasses, ignoreIndex, reduceLabels });
      if (wrong >= 0) {
        const wanted = wantedLabels({ numClasses, ignoreIndex, reduceLabels });
        throw new ConvNextV2Error('E_ARGUMENT', { path: 'labels', wanted, got: `${labels[wrong]} at ${wrong}` });
      }
      for (let i = 0; i < labels.length; i++) {
        if (isIgnored(labels[i], ignoreIndex, reduceLabels)) continue;
        const label = labels[i] - Number(reduceLabels);
        labelArea[label] += 1;
        if (predicted[i] < numClasses) predictedArea[predicted[i]] += 1;
        if (predicted[i] === label) intersection[label] += 1;
      }
    },
    scores() {
      const classes = Array.from(intersection, (both, c): ClassScores => {
        const areas = predictedArea[c] + labelArea[c];
        return {
          intersection: both,
          union: areas - both,
          predictedArea: predictedArea[c],
          labelArea: labelArea[c],
          iou: both / (areas - both),
          accuracy: both / labelArea[c],
          dice: (2 * both) / areas,
        };
      });
      return {
        mIoU: mean(classes.map(({ iou }) => iou)),
        aAcc: sum(intersection) / sum(labelArea),
        mAcc: mean(classes.map(({ accuracy }) => accuracy)),
        mDice: mean(classes.map(({ dice }) => dice)),
        classes,
      };
    },
  };
}

/** mmsegmentation keeps 255 ignored when it takes 1 off all labels. */
const isIgnored = (label: number, ignoreIndex: number, reduceLabels: boolean): boolean =>
  reduceLabels ? label === 0 || label === 255 || label - 1 === ignoreIndex : label === ignoreIndex;

/** Where the first label is that is neither ignored nor a class; -1 where all are. */
export function findUnknownLabel(
  labels: ArrayLike<number>,
  { numClasses, ignoreIndex = 255, reduceLabels = false }: MeanIoUOptions,
): number {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] - Number(reduceLabels);
    const isClass = Number.isInteger(label) && label >= 0 && label < numClasses;
    if (!isClass && !isIgnored(labels[i], ignoreIndex, reduceLabels)) return i;
  }
  return -1;
}

/** What labels may be, in words. */
export const wantedLabels = ({ numClasses, ignoreIndex = 255, reduceLabels = false }: MeanIoUOptions): string =>
  reduceLabels ? `0 for nothing, or 1 to ${numClasses}, or 255` : `0 to ${numClasses - 1}, or ${ignoreIndex}`;

function mean(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return sum(known) / known.length;
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
