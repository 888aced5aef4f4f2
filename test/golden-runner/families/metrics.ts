import { createMeanIoU } from '../../../src/metrics/mean-iou.js';
import { type Case, readJson, readTensors } from '../compare.js';

/** mmsegmentation's IoUMetric over pairs of pictures. */
export async function miou(folder: string, spec: Case): Promise<string[]> {
  const { num_classes, ignore_index, reduce_zero_label } = spec.args!;
  const metric = createMeanIoU({
    numClasses: num_classes,
    ignoreIndex: ignore_index,
    reduceLabels: reduce_zero_label,
  });
  const inputs = await readTensors(folder, spec, 'inputs');
  for (let i = 0; inputs.has(`prediction.${i}`); i++) {
    metric.add(inputs.get(`prediction.${i}`)!.data, inputs.get(`label.${i}`)!.data);
  }
  const { classes, mIoU, aAcc, mAcc, mDice } = metric.scores();
  const got: Readonly<Record<string, number | readonly number[]>> = {
    intersection: classes.map(({ intersection }) => intersection),
    union: classes.map(({ union }) => union),
    prediction_area: classes.map(({ predictedArea }) => predictedArea),
    label_area: classes.map(({ labelArea }) => labelArea),
    IoU: classes.map(({ iou }) => iou),
    Acc: classes.map(({ accuracy }) => accuracy),
    Dice: classes.map(({ dice }) => dice),
    ...{ aAcc, mIoU, mAcc, mDice },
  };
  const want: Readonly<Record<string, number | readonly (number | null)[]>> = await readJson(folder, spec, 'outputs');
  const names = new Set([...Object.keys(got), ...Object.keys(want)]);
  return [...names].filter((name) => !isClose([got[name]].flat(), [want[name]].flat(), spec.tolerance.metric));
}

/** null stands for NaN. */
function isClose(got: readonly number[], want: readonly (number | null)[], tolerance: number): boolean {
  if (got.length !== want.length) return false;
  return got.every((value, i) => (want[i] === null ? Number.isNaN(value) : Math.abs(value - want[i]) <= tolerance));
}
