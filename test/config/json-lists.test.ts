import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { createSplitter, type ListItem, readJsonLists } from '../../src/config/json-lists.js';
import { failure, inFolder } from '../helpers.js';

/** The items of a text that comes in chunks of so many bytes, and the keys. */
function split(text: string, wanted: readonly string[], chunk = 1000) {
  const items: ListItem[] = [];
  const splitter = createSplitter('f', wanted, (item) => items.push(item));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) splitter.add(bytes.subarray(at, at + chunk));
  return { keys: splitter.end(), items };
}

const refusal = async (text: string, wanted: readonly string[] = ['a', 'b']) => {
  const { code, path } = await failure(async () => split(text, wanted));
  return [code, path];
};

describe('JSON of long lists', () => {
  it('comes item by item, wherever it is cut', () => {
    const text = '\ufeff{ "x": {"a": [1, "]}\\""]}, "a":[ 1, [2, {"b": [3]}],"]é\\"," ] , "b" : [], "c": null }\n';
    const values = [1, [2, { b: [3] }], ']é",'];
    for (let chunk = 1; chunk <= 100; chunk++) {
      const { keys, items } = split(text, ['a', 'b'], chunk);
      expect(keys).to.deep.equal(['x', 'a', 'b', 'c']);
      expect(items).to.deep.equal(values.map((value, index) => ({ list: 'a', index, value })));
    }
    expect(split(' [ [], {} ] ', []).items.map(({ value }) => value)).to.deep.equal([[], {}]);
    expect(split('[]', [])).to.deep.equal({ keys: [], items: [] });
    expect(split('{ }', ['a'])).to.deep.equal({ keys: [], items: [] });
  });

  it('holds what JSON.parse finds, of any values', () => {
    const lists = fc.record({ a: fc.array(fc.jsonValue()), b: fc.array(fc.jsonValue()), other: fc.jsonValue() });
    fc.assert(
      fc.property(lists, fc.constantFrom(undefined, 1, '\t'), fc.integer({ min: 1, max: 50 }), (json, space, chunk) => {
        const text = JSON.stringify(json, undefined, space);
        const { items } = split(text, ['a', 'b'], chunk);
        for (const name of ['a', 'b'] as const) {
          const own = items.filter(({ list }) => list === name).map(({ value }) => value);
          expect(own).to.deep.equal(JSON.parse(text)[name]);
        }
      }),
    );
  });

  const WRONG: Readonly<Record<string, readonly [text: string, path: string]>> = {
    'an empty file': ['', 'f'],
    'a list where an object is wanted': ['[]', 'f'],
    'a number': ['7', 'f'],
    'what stops in an item': ['{"a": [1, {"b"', 'f: a[1]'],
    'what stops behind a list': ['{"a": [1]', 'f'],
    'what stops in a string': ['{"a": [1, "', 'f: a[1]'],
    'an empty item': ['{"a": [1, , 2]}', 'f: a[1]: line 1, column 2'],
    'a comma too many': ['{"a": [1, ]}', 'f: a[1]: line 1, column 2'],
    'two values without a comma': ['{"a": [1 2]}', 'f: a[0]: line 1, column 3'],
    'a word that is none': ['{"a": [nul]}', 'f: a[0]: line 1, column 1'],
    'brackets that do not match': ['{"a": [{]]}', 'f: a[0]: line 1, column 2'],
    'a list that is closed as an object': ['{"a": [1}', 'f: a[0]'],
    'an object that is closed as a list': ['{"a": [1]]', 'f'],
    'a value that is no list': ['{"a": {}}', 'f.a'],
    'a key without quotes': ['{a: []}', 'f'],
    'a comma before the end': ['{"a": [],}', 'f'],
    'two lists of one name': ['{"a": [], "a": []}', 'f.a'],
    'what follows a list': ['{"a": [] 1}', 'f'],
    'what follows the end': ['{"a": []} {}', 'f'],
  };
  for (const [name, [text, path]] of Object.entries(WRONG)) {
    it(`refuses ${name}`, async () => expect(await refusal(text)).to.deep.equal(['E_JSON', path]));
  }

  it('is bounded in depth and in the size of an item', async () => {
    const deep = '['.repeat(1e6);
    expect(await refusal(`{"a": ${deep}`)).to.deep.equal(['E_LIMIT', 'f: a[0]']);
    expect(await refusal(`{"x": ${deep}`)).to.deep.equal(['E_LIMIT', 'f']);
    const splitter = createSplitter('f', [], () => {});
    const endless = Buffer.alloc(2 ** 20, 'x');
    splitter.add(Buffer.from('["'));
    const error = await failure(async () => {
      for (let i = 0; i < 65; i++) splitter.add(endless);
    });
    expect([error.code, error.path]).to.deep.equal(['E_LIMIT', 'f: [0]']);
  });

  it('is read from files', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'lists.json');
      const items: unknown[] = [];
      const many = Array.from({ length: 3e5 }, (_, i) => ({ id: i })); // several chunks
      await writeFile(path, JSON.stringify({ many }));
      expect(await readJsonLists(path, ['many'], ({ value }) => items.push(value))).to.deep.equal(['many']);
      expect(items).to.have.length(3e5);
      expect(items[299_999]).to.deep.equal({ id: 299_999 });
      await writeFile(path, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]));
      expect(await failure(() => readJsonLists(path, [], () => {}))).to.include({
        code: 'E_JSON',
        path: `${path}: [0]`,
      });
      for (const none of [folder, join(folder, 'none.json'), join(path, 'inside')]) {
        expect((await failure(() => readJsonLists(none, [], () => {}))).code).to.equal('E_SOURCE');
      }
    });
  });
});
