import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as backbones from '../../backbones/convnext/index.js';
import { apiPage } from '../../docs/generate-api.js';
import * as backend from '../../src/backend/index.js';
import * as front from '../../src/index.js';
import * as testing from '../../src/testing/index.js';

const page = readFileSync('docs/api.md', 'utf8');

/** The part of the page on an entry point, or on a name. */
function part(level: '##' | '###', title: string): string {
  const [, rest] = page.split(`\n${level} ${title}\n`);
  expect(rest, title).to.be.a('string');
  return rest.split(`\n${level} `)[0];
}

describe('the API reference', () => {
  it('is what `npm run docs:api` makes of the built package', () => {
    expect(apiPage() === page, 'run `npm run build && npm run docs:api`').to.equal(true);
  });

  for (const [entry, exported] of Object.entries({
    convnextv2: front,
    'convnextv2/backend': backend,
    'convnextv2/backbones/convnext': backbones,
    'convnextv2/testing': testing,
  })) {
    it(`has all that ${entry} exports`, () => {
      const text = part('##', entry);
      const names = Object.entries(exported).flatMap(([name, value]) =>
        name === 'layers' || name === 'ops' ? Object.keys(value).map((inner) => `${name}.${inner}`) : [name],
      );
      for (const name of names)
        expect(text.includes(`### ${name}\n`) || text.includes(`\`${name}\``), name).to.equal(true);
    });
  }

  it('has types, overloads, docstrings of members, and what a class inherits', () => {
    expect(part('###', 'FeatureSpec')).to.include('readonly stride: number;');
    expect(part('###', 'extractFeatures').match(/^function extractFeatures</gm)).to.have.length(2);
    expect(part('###', 'ParameterLayout')).to.include("/** [out, in], turned to [in, out] */\n | 'linear'");
    expect(part('###', 'resizePil')).to.match(
      /^\nResizes as PIL does[\s\S]*Throws E_IMAGE[\s\S]*```text\nfunction resizePil\(/,
    );
    expect(part('###', 'ConvNextV2Backbone')).to.include(
      '\nInherits from [ConvNextBackboneBase](#convnextbackbonebase).',
    );
    expect(part('###', 'PretrainedOptions')).to.include('[ModelOptions](#modeloptions), [Selection](#selection), ');
    expect(part('###', 'layers.ParametricLayer')).to.include('[layers.Layer](#layerslayer)');
    expect(part('###', 'AutoConfig')).to.match(/const AutoConfig: \{[\s\S]*fromPretrained\([\s\S]*\};\n/);
    expect(part('###', 'PretrainedConfig')).to.include('toJSON(): '); // named by what ConvNextV2Config inherits
    expect(part('###', 'ConvNextBackboneBase')).to.include('forward(pixels: tf.Tensor4D, mode?: Mode): FeatureMaps;');
  });
});
