import { expect } from 'chai';
import { shippedConfigNames } from '../../src/config/package-files.js';
import {
  AutoConfig,
  ConvNextConfig,
  ConvNextForImageClassification,
  type ConvNextV2Config,
  ConvNextV2ForImageClassification,
  countParameters,
  createScope,
} from '../../src/index.js';
import { readPage, rowsOf } from './pages.js';

describe('docs/configs.md', () => {
  const rows = rowsOf(readPage('docs/configs.md'));

  it('has every shipped config, with its numbers', async () => {
    const wanted = new Map<string, readonly string[]>();
    for (const name of shippedConfigNames('backbones')) {
      const config = await AutoConfig.fromPretrained(name);
      const model =
        config instanceof ConvNextConfig
          ? new ConvNextForImageClassification(createScope(), config)
          : new ConvNextV2ForImageClassification(createScope(), config as ConvNextV2Config);
      const { depths, hiddenSizes } = model.config;
      const count = countParameters(model.parameters).toLocaleString('en-US');
      wanted.set(`\`${name}\``, [depths.join(', '), hiddenSizes.join(', '), count]);
    }
    const shown = rows.filter(([name]) => name.startsWith('`convnext'));
    expect(new Map(shown.map(([name, ...numbers]) => [name, numbers]))).to.deep.equal(wanted);
  });

  it('has every key, and its field', () => {
    const { keys } = ConvNextConfig.definition;
    const wanted = new Map(Object.entries(keys).map(([field, key]) => [`\`${key}\``, `\`${field}\``]));
    const shown = rows.filter((row) => row.length === 4 && /^`[a-z]/.test(row[1]));
    expect(new Map(shown.map(([key, field]) => [key, field]))).to.deep.equal(wanted);
  });
});
