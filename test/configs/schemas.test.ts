import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { packageFile } from '../../src/config/package-files.js';

const FILES = readdirSync(packageFile('configs', 'schemas')).sort();
const read = (file: string) => JSON.parse(readFileSync(packageFile('configs', 'schemas', file), 'utf8'));

describe('the schemas', () => {
  it('compile in strict mode without a warning', () => {
    const warnings: unknown[] = [];
    const warn = (...words: unknown[]) => warnings.push(words);
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, logger: { log: warn, warn, error: warn } });
    for (const file of FILES) ajv.addSchema(read(file), file);
    for (const file of FILES) ajv.getSchema(file);
    expect(FILES).to.deep.equal([
      'coco.schema.json',
      'convnext.schema.json',
      'convnextv2.schema.json',
      'faster-rcnn.schema.json',
      'fcos.schema.json',
      'mask-rcnn.schema.json',
      'preprocessor.schema.json',
      'retinanet.schema.json',
      'upernet.schema.json',
    ]);
    expect(warnings).to.deep.equal([]);
  });

  it('of configs describe every key for an editor, and are closed', () => {
    for (const file of FILES.filter((name) => name !== 'coco.schema.json')) {
      const { $schema, title, description, additionalProperties, properties } = read(file);
      expect($schema).to.equal('https://json-schema.org/draft/2020-12/schema');
      expect([typeof title, typeof description, additionalProperties]).to.deep.equal(['string', 'string', false]);
      expect(properties).to.have.property('$schema');
      for (const [key, property] of Object.entries<Record<string, unknown>>(properties)) {
        if (/^[\w-]+\.schema\.json#/.test(String(property.$ref)) && `${property.$ref}`.endsWith(`/${key}`)) continue;
        expect(property.description, `${file}: ${key}`).to.match(/^[A-Z].*\.$/);
      }
    }
  });

  it('give V1 the keys of V2, and the layer scale', () => {
    const keys = (file: string) => Object.keys(read(file).properties);
    const withoutLayerScale = keys('convnext.schema.json').filter((key) => key !== 'layer_scale_init_value');
    expect(withoutLayerScale).to.deep.equal(keys('convnextv2.schema.json'));
    expect(keys('convnext.schema.json')).to.include('layer_scale_init_value');
  });
});
