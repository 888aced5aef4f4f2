import { expect } from 'chai';
import { knownModel, knownModels, licenceNotice } from '../../src/config/known-models.js';
import { shippedConfigNames } from '../../src/config/package-files.js';

describe('the list of known models', () => {
  const models = knownModels();

  it('has each source once, and of a size that ships', () => {
    expect(new Set(models.map(({ source }) => source)).size).to.equal(models.length);
    for (const { source, config, naming, task } of models) {
      expect(shippedConfigNames(), source).to.include(config);
      expect(['hf', 'fb', 'timm', 'torchvision'], source).to.include(naming);
      expect(['image-classification', 'features', 'semantic-segmentation'], source).to.include(task);
      expect(source).to.match(/^https:\/\/\S+\.(pt|pth)$|^[\w-]+\/[\w.-]+$/);
    }
  });

  it('has the eight sizes of V2 as the papers give them', () => {
    const accuracies = models
      .filter(({ source }) => /^facebook\/convnextv2-.*-1k-224$/.test(source))
      .map(({ top1 }) => top1);
    expect(accuracies).to.deep.equal([76.7, 78.5, 80.3, 81.9, 83, 84.9, 85.8, 86.3]);
    expect(knownModel('facebook/convnextv2-huge-22k-512')).to.deep.include({ top1: 88.9, resolution: 512 });
  });

  it('says that the weights of V2 are not for commercial use', () => {
    expect(licenceNotice('facebook/convnextv2-tiny-1k-224')).to.contain('not for commercial use');
    expect(licenceNotice('facebook/convnext-tiny-224')).to.equal('licence of the weights: Apache-2.0');
    expect(licenceNotice('./mine')).to.equal(undefined);
  });
});
