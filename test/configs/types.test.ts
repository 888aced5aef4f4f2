import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { generateTypes } from '../../configs/generate-types.js';
import { packageFile } from '../../src/config/package-files.js';

describe('the types of the config files', () => {
  it('are what `npm run types` makes from the schemas', async () => {
    expect(await readFile(packageFile('configs', 'files.ts'), 'utf8')).to.equal(await generateTypes());
  });
});
