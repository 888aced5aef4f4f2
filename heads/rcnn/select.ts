import { type Boxes, clipBoxes, largeEnough, type Size, takeBoxes } from '../../src/boxes/boxes.js';
import { decodeBoxes } from '../../src/boxes/coder.js';
import { groupedNms, softNms } from '../../src/boxes/nms.js';
import type { Detections } from '../../src/contracts.js';
import { finiteValues } from '../detection/observe.js';
import type { FasterRCNNSettings } from '../detection/settings.js';
import type { BoxPredictions } from '../roi/box-head.js';

/** mmdetection's own for soft-NMS. */
const SOFT = { method: 'linear', sigma: 0.5, minScore: 1e-3 } as const;

/** What is found in each picture: the sure ones of each proposal's classes, without those that repeat others. Throws E_NON_FINITE. */
export function selectDetections(
  predicted: BoxPredictions,
  proposals: readonly Boxes[],
  sizes: readonly Size[],
  background: number,
  settings: FasterRCNNSettings,
): readonly Detections[] {
  const logits = finiteValues('box.logits', predicted.logits);
  const deltas = finiteValues('box.deltas', predicted.deltas);
  const [classes, boxes] = [predicted.logits.shape[1], predicted.deltas.shape[1] / 4];
  let first = 0;
  return proposals.map((own, picture) => {
    const chosen: { readonly proposal: number; readonly label: number; readonly score: number }[] = [];
    for (let proposal = 0; proposal < own.length / 4; proposal++) {
      const row = (first + proposal) * classes;
      const scores = softmax(logits.subarray(row, row + classes));
      for (let label = 0; label < classes; label++) {
        const isSure = label !== background && scores[label] > Math.fround(settings.boxScoreThresh);
        if (isSure) chosen.push({ proposal, label, score: scores[label] });
      }
    }
    const rows = chosen.map(({ proposal, label }) => (first + proposal) * boxes + (boxes === 1 ? 0 : label));
    first += own.length / 4;
    const found = decodeBoxes(
      takeBoxes(deltas, rows),
      takeBoxes(
        own,
        chosen.map(({ proposal }) => proposal),
      ),
      { weights: settings.bboxRegWeights, clamp: settings.boxClamp },
    );
    return bestOf(clipBoxes(found, sizes[picture]), chosen, settings);
  });
}

function bestOf(
  all: Boxes,
  chosen: readonly { readonly label: number; readonly score: number }[],
  { boxMinSize, boxNms, boxNmsThresh, boxDetectionsPerImg }: FasterRCNNSettings,
): Detections {
  const large = largeEnough(all, boxMinSize);
  const boxes = takeBoxes(all, large);
  const scores = Float32Array.from(large, (i) => chosen[i].score);
  const labels = Int32Array.from(large, (i) => chosen[i].label);
  const kept =
    boxNms === 'soft'
      ? softNms(boxes, scores, labels, { ...SOFT, threshold: boxNmsThresh })
      : groupedNms(boxes, scores, labels, boxNmsThresh, boxDetectionsPerImg).map((index) => ({
          index,
          score: scores[index],
        }));
  const best = kept.slice(0, boxDetectionsPerImg);
  return {
    boxes: takeBoxes(
      boxes,
      best.map(({ index }) => index),
    ),
    scores: Float32Array.from(best, ({ score }) => score),
    labels: Int32Array.from(best, ({ index }) => labels[index]),
  };
}

function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
