import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { MaskRCNNConfig } from '../../heads/detection/config.js';
import { selectDetections } from '../../heads/rcnn/select.js';
import { pasteMasks } from '../../heads/roi/paste.js';
import { proposeBoxes } from '../../heads/rpn/proposals.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { cellAnchors, gridAnchors } from '../../src/boxes/anchors.js';
import { decodeBoxes, encodeBoxes } from '../../src/boxes/coder.js';
import { levelsOf } from '../../src/boxes/levels.js';
import { softNms } from '../../src/boxes/nms.js';
import { smoothL1 } from '../../src/nn/detection-losses.js';
import { roiAlign } from '../../src/ops/roi-align.js';

/**
 * Inputs, and what mmdetection's formulas make of them: AnchorGenerator (scale 8 times the stride), DeltaXYWHBBoxCoder,
 * SingleRoIExtractor, mmcv's soft_nms, _do_paste_mask, RPNHead and multiclass_nms, written out in PyTorch; RoIAlign is
 * torchvision.ops.roi_align with aligned=True.
 */
const WANTED = JSON.parse(readFileSync(new URL('mmdetection.json', import.meta.url), 'utf8'));

/** The settings of the shipped config. */
const { settings } = new MaskRCNNConfig({
  backboneConfig: 'convnextv2-tiny',
  numLabels: 3,
  anchorRounding: 'none',
  boxClamp: 'both',
  rpnMinSize: 0,
  boxMinSize: 0,
  background: 'last',
});
const RATIOS = [0.5, 1, 2];
const SIZE = [60, 90] as const;

const floats = (values: readonly number[]) => Float32Array.from(values);

function expectNear(got: ArrayLike<number>, wanted: readonly number[], tolerance = 1e-5): void {
  expect(got.length).to.equal(wanted.length);
  const most = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  for (const [i, value] of wanted.entries()) expect(got[i], `value ${i}`).to.be.closeTo(value, tolerance * most);
}

const anchorsOf = (stride: number, rows: number, columns: number) =>
  gridAnchors(
    cellAnchors({ sizes: [8 * stride], ratios: RATIOS, rounding: settings.anchorRounding }),
    [rows, columns],
    [stride, stride],
  );

describe("mmdetection's conventions", () => {
  before(() => useBackend('cpu'));

  it('anchors are not rounded, and lie at whole strides', () => {
    for (const { stride, rows, columns, values } of WANTED.anchors) {
      expectNear(anchorsOf(stride, rows, columns), values);
    }
  });

  it('growth of boxes is bounded on both sides', () => {
    const { references, deltas, boxes, boxesOnes, truths, encoded } = WANTED.coder;
    const decode = (weights: readonly [number, number, number, number]) =>
      decodeBoxes(floats(deltas), floats(references), { weights, clamp: settings.boxClamp });
    expectNear(decode(settings.bboxRegWeights), boxes);
    expectNear(decode([1, 1, 1, 1]), boxesOnes);
    expectNear(encodeBoxes(floats(truths), floats(references), { weights: settings.bboxRegWeights }), encoded);
  });

  it('the level of a box follows from its area over 56 x 56', () => {
    const { boxes, levels } = WANTED.levels;
    expect([...levelsOf(floats(boxes), 2, 4, 'mmdetection')]).to.deep.equal(levels);
  });

  it('RoIAlign is aligned, and takes as many samples as a cell spans', () => {
    const { x, rois, pooled } = WANTED.roiAlign;
    tf.tidy(() => {
      const map = tf.tensor4d(x, [2, 9, 11, 3]);
      const options = { outputSize: [3, 2], scale: 1 / 8, samplingRatio: 0, centres: 'half-pixel' } as const;
      expectNear(roiAlign(map, tf.tensor2d(rois, [rois.length / 5, 5]), options).dataSync(), pooled);
    });
  });

  for (const method of ['linear', 'gaussian'] as const) {
    it(`soft-NMS, ${method}`, () => {
      const { boxes, scores, [method]: wanted } = WANTED.softNms;
      const options = { method, threshold: 0.3, sigma: 0.5, minScore: 0.05 };
      const got = softNms(
        floats(boxes),
        floats(scores),
        scores.map(() => 0),
        options,
      );
      expect(got.map(({ index }) => index)).to.deep.equal(wanted.map(([index]: number[]) => index));
      expectNear(
        got.map(({ score }) => score),
        wanted.map(([, score]: number[]) => score),
      );
    });
  }

  it('masks are looked up at the centres of pixels', () => {
    for (const { box, mask, inside } of WANTED.paste) {
      const found = { boxes: floats(box), scores: floats([1]), labels: Int32Array.of(0) };
      const [pasted] = pasteMasks(found, floats(mask), 5, [16, 22], 'pixel-centres');
      expect(pasted.toValues().join(''), `${box}`).to.equal(inside);
    }
  });

  it('losses of boxes are L1', () => {
    const { values, targets, loss } = WANTED.l1;
    tf.tidy(() => {
      const [got, wanted] = [values, targets].map((list) => tf.tensor2d(list, [5, 4]));
      expectNear(tf.mean(smoothL1(got, wanted, 0)).dataSync(), [loss]);
    });
  });

  it('proposals: the best of each level, without boxes that have no area left', () => {
    const { objectness, deltas, boxes, before, after, dropped } = WANTED.proposals;
    expect(dropped).to.be.above(0);
    const grids = [
      [16, 4, 6],
      [32, 2, 3],
    ] as const;
    tf.tidy(() => {
      const maps = (lists: readonly number[][], channels: number) =>
        lists.map((list, i) => tf.tensor4d(list, [1, grids[i][1], grids[i][2], channels]));
      const [proposals] = proposeBoxes(
        { objectness: maps(objectness, 3), deltas: maps(deltas, 12) },
        grids.map(([stride, rows, columns]) => anchorsOf(stride, rows, columns)),
        [SIZE],
        {
          before,
          after,
          nmsThreshold: settings.rpnNmsThresh,
          minSize: settings.rpnMinSize,
          scoreThreshold: settings.rpnScoreThresh,
          clamp: settings.boxClamp,
        },
      );
      expectNear(proposals, boxes);
    });
  });

  for (const boxNms of ['hard', 'soft'] as const) {
    it(`detections, with the background last and ${boxNms} suppression`, () => {
      const { proposals, logits, deltas, [boxNms]: wanted } = WANTED.detections;
      tf.tidy(() => {
        const predicted = { logits: tf.tensor2d(logits, [9, 4]), deltas: tf.tensor2d(deltas, [9, 12]) };
        const own = { ...settings, boxNms, boxDetectionsPerImg: 10 };
        const [{ boxes, scores, labels }] = selectDetections(predicted, [floats(proposals)], [SIZE], 3, own);
        expect([...labels]).to.deep.equal(wanted.labels);
        expectNear(scores, wanted.scores);
        expectNear(boxes, wanted.boxes);
      });
    });
  }
});
