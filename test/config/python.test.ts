import { expect } from 'chai';
import { repr, typeName } from '../../src/config/python.js';

describe('repr', () => {
  // What Python 3.11's repr prints for the same values.
  const rows: readonly (readonly [unknown, string])[] = [
    [null, 'None'],
    [[true, false], '[True, False]'],
    [['stem', 'stage1'], "['stem', 'stage1']"],
    ["it's", '"it\'s"'],
    ['say "it\'s"', "'say \"it\\'s\"'"],
    ['a\\b\n\r\t\u0001\u007f', "'a\\\\b\\n\\r\\t\\x01\\x7f'"],
    ['é 日\u00a0\u2028\u{e0001}', "'é 日\\xa0\\u2028\\U000e0001'"],
    [{ a: 1, b: [null] }, "{'a': 1, 'b': [None]}"],
    [[], '[]'],
    [[2, -1, 2.5], '[2, -1, 2.5]'],
    [[1e16, 1e20, 1.5e-5, 1e-7, 1e-4], '[1e+16, 1e+20, 1.5e-05, 1e-07, 0.0001]'],
    [[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], '[nan, inf, -inf]'],
  ];
  for (const [value, text] of rows) {
    it(`writes ${text}`, () => {
      expect(repr(value)).to.equal(text);
    });
  }
});

describe('typeName', () => {
  it("names Python's types, and classes by their own name", () => {
    const values = [null, true, 2, 2.5, 'a', [], {}, Object.create(null), { constructor: { name: 'x' } }, new Set()];
    const names = ['NoneType', 'bool', 'int', 'float', 'str', 'list', 'dict', 'dict', 'dict', 'Set'];
    expect(values.map(typeName)).to.deep.equal(names.map((name) => `<class '${name}'>`));
  });
});
