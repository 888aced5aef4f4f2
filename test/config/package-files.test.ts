import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { packageFile, shippedConfigNames, shippedConfigPath } from '../../src/config/package-files.js';
import { ConvNextV2Error } from '../../src/errors.js';

describe('package files', () => {
  it('finds the package and the configs in it', () => {
    expect(existsSync(packageFile('package.json'))).to.equal(true);
    expect(shippedConfigNames('backbones')).to.deep.equal([
      ...['convnext-base', 'convnext-large', 'convnext-small', 'convnext-tiny', 'convnext-xlarge'],
      ...['convnextv2-atto', 'convnextv2-base', 'convnextv2-femto', 'convnextv2-huge'],
      ...['convnextv2-large', 'convnextv2-nano', 'convnextv2-pico', 'convnextv2-tiny'],
    ]);
    for (const name of shippedConfigNames()) expect(existsSync(shippedConfigPath(name)), name).to.equal(true);
  });

  it('names the nearest for a config name with a typing error, and never leaves its folder', () => {
    const wanted = `one of ${shippedConfigNames().join(', ')}`;
    expect(() => shippedConfigPath('convnextv2-ato'))
      .to.throw(ConvNextV2Error)
      .that.deep.includes({
        code: 'E_SOURCE',
        problems: [
          { path: 'config name', wanted, got: '"convnextv2-ato"', suggestion: 'did you mean "convnextv2-atto"?' },
        ],
      });
    for (const name of ['../schemas/convnextv2.schema', '', 'constructor']) {
      expect(() => shippedConfigPath(name)).to.throw(ConvNextV2Error);
    }
  });
});
