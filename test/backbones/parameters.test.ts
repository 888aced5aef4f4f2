import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextConfig,
  ConvNextForImageClassification,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
} from '../../backbones/convnext/index.js';
import { shippedConfigNames } from '../../src/config/package-files.js';
import { countParameters, createScope } from '../../src/nn/scope.js';

/** With the head of 1000 classes, as published (ConvNeXt V2, table 9; torchvision and the Hub for V1). */
const PUBLISHED: Readonly<Record<string, number>> = {
  'convnextv2-atto': 3_708_400,
  'convnextv2-femto': 5_233_240,
  'convnextv2-pico': 9_066_280,
  'convnextv2-nano': 15_623_800,
  'convnextv2-tiny': 28_635_496,
  'convnextv2-base': 88_717_800,
  'convnextv2-large': 197_956_840,
  'convnextv2-huge': 660_289_640,
  'convnext-tiny': 28_589_128,
  'convnext-small': 50_223_688,
  'convnext-base': 88_591_464,
  'convnext-large': 197_767_336,
  'convnext-xlarge': 350_196_968,
};

describe('the shipped configs', () => {
  it('are those with a published count', () => {
    expect([...shippedConfigNames('backbones')].sort()).to.deep.equal(Object.keys(PUBLISHED).sort());
  });

  for (const [name, count] of Object.entries(PUBLISHED)) {
    it(`${name} has ${count} parameters, counted without allocating any`, async () => {
      const before = tf.memory().numBytes;
      const scope = createScope();
      if (name.startsWith('convnextv2')) {
        new ConvNextV2ForImageClassification(scope, await ConvNextV2Config.fromPretrained(name));
      } else {
        new ConvNextForImageClassification(scope, await ConvNextConfig.fromPretrained(name));
      }
      expect(countParameters(scope.parameters)).to.equal(count);
      expect(tf.memory().numBytes).to.equal(before);
    });
  }
});
