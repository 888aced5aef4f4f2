import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { repositoryCache } from '../../../src/weights/hub/cache.js';
import { failure, inFolder } from '../../helpers.js';
import { COMMIT } from './server.js';

describe('the cache of a repository', () => {
  it('leaves nothing behind where a file cannot be put in its place', () =>
    inFolder(async (folder) => {
      const cache = repositoryCache(folder, 'a/model');
      await mkdir(cache.snapshot(COMMIT, 'sub/config.json'), { recursive: true }); // a folder is there
      const error = await failure(() => cache.link(COMMIT, 'sub/config.json', 'tag'));
      expect(error.code).to.equal('E_OUTPUT');
      expect(await readdir(join(folder, 'models--a--model', 'snapshots', COMMIT, 'sub'))).to.deep.equal([
        'config.json',
      ]);
    }));
});
