import { expect } from 'chai';
import { readLabels } from '../../src/config/labels.js';
import { parseJson } from '../../src/config/read-json.js';

/** The records have no prototype; chai compares that too. */
const plain = ({ id2label, label2id, numLabels }: ReturnType<typeof readLabels>) => ({
  id2label: { ...id2label },
  label2id: { ...label2id },
  numLabels,
});

describe('readLabels', () => {
  it('has two labels where the file says nothing', () => {
    const two = { id2label: { 0: 'LABEL_0', 1: 'LABEL_1' }, label2id: { LABEL_0: 0, LABEL_1: 1 }, numLabels: 2 };
    expect(plain(readLabels({}))).to.deep.equal(two);
    expect(plain(readLabels({ id2label: null, label2id: null, num_labels: null }))).to.deep.equal(two);
    expect(plain(readLabels({ label2id: { cat: 0, dog: 1, owl: 2 } }))).to.deep.equal(two);
  });

  it('has as many as num_labels where they have no names', () => {
    expect(plain(readLabels({ num_labels: 1 }))).to.deep.equal({
      id2label: { 0: 'LABEL_0' },
      label2id: { LABEL_0: 0 },
      numLabels: 1,
    });
    expect(readLabels({ num_labels: 0 }).numLabels).to.equal(0);
  });

  it('has none where id2label is empty', () => {
    expect(plain(readLabels({ id2label: {}, num_labels: 5 }))).to.deep.equal({
      id2label: {},
      label2id: {},
      numLabels: 0,
    });
  });

  it('counts id2label, whatever num_labels says', () => {
    const { id2label, numLabels } = readLabels({ id2label: { 1: 'dog', 0: 'cat' }, num_labels: 7 });
    expect([id2label[0], id2label[1], numLabels]).to.deep.equal(['cat', 'dog', 2]);
  });

  it('derives label2id, the last of two equal names winning, or takes the one given', () => {
    const id2label = { 0: 'crane', 1: 'ibis', 2: 'crane' };
    expect({ ...readLabels({ id2label }).label2id }).to.deep.equal({ crane: 2, ibis: 1 });
    expect({ ...readLabels({ id2label, label2id: { crane: 0, ibis: '1' } }).label2id }).to.deep.equal({
      crane: 0,
      ibis: 1,
    });
  });

  it('is not poisoned by the names of a hostile file', () => {
    const file = parseJson('{"id2label": {"0": "__proto__", "1": "constructor"}}', 'x.json') as object;
    const { label2id } = readLabels(file);
    expect(Object.entries(label2id)).to.deep.equal([
      ['__proto__', 0],
      ['constructor', 1],
    ]);
    expect(label2id.toString).to.equal(undefined);
    const given = parseJson('{"id2label": {"0": "a"}, "label2id": {"__proto__": 0}}', 'x.json') as object;
    expect(Object.entries(readLabels(given).label2id)).to.deep.equal([['__proto__', 0]]);
  });
});
