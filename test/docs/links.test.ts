import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PAGES, proseOf, readPage } from './pages.js';

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): readonly string[] {
  const headings = Array.from(proseOf(readPage(page)).matchAll(/^#+ (.*)$/gm), ([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the links of the pages', () => {
  for (const page of PAGES) {
    it(`lead from ${page} to something`, () => {
      const links = Array.from(proseOf(readPage(page)).matchAll(/\]\(([^)]+)\)/g), ([, link]) => link);
      for (const link of links.filter((link) => !link.startsWith('https://'))) {
        const [path, anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        expect(existsSync(target), `${page}: ${link}`).to.equal(true);
        if (anchor !== undefined) expect(anchorsOf(target), `${page}: ${link}`).to.include(anchor);
      }
    });
  }

  it('reach every page of docs/ from the README', () => {
    const readme = readPage('README.md');
    for (const page of PAGES.filter((page) => page.startsWith('docs/'))) expect(readme).to.include(`(${page})`);
  });
});
