import * as tf from '@tensorflow/tfjs-core';
import type { Case, Family } from './compare.js';
import {
  anchors,
  boxCoder,
  boxes,
  cocoEval,
  cocoRle,
  losses,
  matcher,
  nms,
  pasteMasks,
  roiAlign,
} from './families/boxes.js';
import { badCheckpoints, checkpoints } from './families/checkpoints.js';
import { detector, fpn, rpn, transform } from './families/detectors.js';
import { imageProcessor, pilResize } from './families/image.js';
import { miou } from './families/metrics.js';
import { backbone, classifier, convNextV1, model } from './families/models.js';
import { timm, timmTransform } from './families/timm.js';
import { upernet } from './families/upernet.js';

/** What the project computes so far, by the goldens' names. */
const FAMILIES: Readonly<Record<string, Family>> = {
  model,
  backbone,
  classifier,
  'convnext-v1': convNextV1,
  checkpoints,
  'checkpoints-bad': badCheckpoints,
  'image-processor': imageProcessor,
  'pil-resize': pilResize,
  upernet,
  timm,
  'timm-transform': timmTransform,
  'coco-eval': cocoEval,
  miou,
  'coco-rle': cocoRle,
  anchors,
  boxcoder: boxCoder,
  boxes,
  matcher,
  nms,
  paste_masks: pasteMasks,
  roi_align: roiAlign,
  losses,
  fpn,
  rpn,
  transform,
  'faster-rcnn': detector,
  'mask-rcnn': detector,
  retinanet: detector,
  fcos: detector,
};

export interface Outcome {
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly failures: readonly string[];
}

/** Runs one case. An exception is a failure, and so is a tensor that is left over. */
export async function runCase(folder: string, spec: Case): Promise<Outcome> {
  if (!Object.hasOwn(FAMILIES, spec.family)) return { verdict: 'skipped', failures: [] };
  const before = tf.memory().numTensors;
  const failures = await FAMILIES[spec.family](folder, spec).catch((error) => [String(error)]);
  const left = tf.memory().numTensors - before;
  if (failures.length === 0 && left !== 0) failures.push(`${left} tensors left over`);
  return { verdict: failures.length === 0 ? 'passed' : 'failed', failures };
}
