import * as tf from '@tensorflow/tfjs-core';
import type { FeatureMaps, FeatureSpec, Mode, Scope } from '../../src/contracts.js';
import { convModule } from '../../src/nn/batch-norm.js';
import { conv2d } from '../../src/nn/layers.js';
import { resample } from '../../src/ops/resample.js';
import type { UperNetConfig } from './config.js';

/** The maps of a backbone to logits [n, h, w, numLabels], at the size of one of them. */
export type SegmentationHead = (maps: FeatureMaps, mode?: Mode) => tf.Tensor4D;

const sizeOf = ({ shape: [, height, width] }: tf.Tensor4D) => [height, width] as const;

/** The head of UperNet (Xiao et al. 2018, figure 4, the branch for objects): pyramid pooling on the last map, then a pyramid. */
export function uperNetHead(scope: Scope, specs: readonly FeatureSpec[], config: UperNetConfig): SegmentationHead {
  const { hiddenSize: to, poolScales, numLabels, initializerRange: deviation } = config;
  const finer = specs.slice(0, -1);
  const { channels } = specs[specs.length - 1];
  const pools = poolScales.map((scale, i) => {
    // 0 is the pooling, in the reference
    const inPool = scope.within('psp_modules').within(i).within(1);
    return { scale, conv: convModule(inPool, { from: channels, to, kernel: 1, deviation }) };
  });
  const from = channels + poolScales.length * to;
  const bottleneck = convModule(scope.within('bottleneck'), { from, to, kernel: 3, deviation });
  const laterals = finer.map(({ channels: from }, i) =>
    convModule(scope.within('lateral_convs').within(i), { from, to, kernel: 1, deviation }),
  );
  const outputs = finer.map((_, i) =>
    convModule(scope.within('fpn_convs').within(i), { from: to, to, kernel: 3, deviation }),
  );
  const fusion = convModule(scope.within('fpn_bottleneck'), { from: specs.length * to, to, kernel: 3, deviation });
  const classifier = conv2d(scope.within('classifier'), { from: to, to: numLabels, kernel: 1, deviation });

  const poolPyramid = (map: tf.Tensor4D, mode?: Mode) => {
    const pooled = pools.map(({ scale, conv }) => {
      return resample(conv(resample(map, [scale, scale], 'average'), mode), sizeOf(map), 'bilinear');
    });
    return bottleneck(tf.concat([map, ...pooled], 3), mode);
  };
  return (maps, mode) =>
    tf.tidy(() => {
      const levels = laterals.map((lateral, i) => lateral(maps[finer[i].name], mode));
      levels.push(poolPyramid(maps[specs[specs.length - 1].name], mode));
      for (let i = finer.length - 1; i >= 0; i--) {
        levels[i] = tf.add(levels[i], resample(levels[i + 1], sizeOf(levels[i]), 'bilinear'));
      }
      // the coarsest has been through a 3x3 convolution, the bottleneck
      const smoothed = levels.map((level, i) => outputs[i]?.(level, mode) ?? level);
      const [finest, ...coarser] = smoothed;
      const alike = coarser.map((level) => resample(level, sizeOf(finest), 'bilinear'));
      return classifier(fusion(tf.concat([finest, ...alike], 3), mode));
    });
}

/** The auxiliary head, after FCN (Long et al. 2015): 3x3 convolutions on one map, and a classifier. */
export function fcnHead(scope: Scope, { name, channels }: FeatureSpec, config: UperNetConfig): SegmentationHead {
  const { auxiliaryChannels: to, auxiliaryNumConvs, auxiliaryConcatInput, numLabels, initializerRange } = config;
  const module3x3 = (scope: Scope, from: number) =>
    convModule(scope, { from, to, kernel: 3, deviation: initializerRange });
  const convs = Array.from({ length: auxiliaryNumConvs }, (_, i) =>
    module3x3(scope.within('convs').within(i), i === 0 ? channels : to),
  );
  const joint = auxiliaryConcatInput ? module3x3(scope.within('conv_cat'), channels + to) : undefined;
  const classifier = conv2d(scope.within('classifier'), {
    from: to,
    to: numLabels,
    kernel: 1,
    deviation: initializerRange,
  });
  return (maps, mode) =>
    tf.tidy(() => {
      const map = maps[name];
      const through = convs.reduce((x, conv) => conv(x, mode), map);
      return classifier(joint?.(tf.concat([map, through], 3), mode) ?? through);
    });
}
