import { expect } from 'chai';
import { unpickle } from '../../src/weights/pickle.js';
import { PickledObject, PickleGlobal, describe as say } from '../../src/weights/pickle-values.js';
import { failure } from '../helpers.js';

const GLOBALS = new Map<string, (args: readonly unknown[]) => unknown>([
  ['a.Pair', (args: readonly unknown[]) => ['pair', ...args]],
  ['a.Thing', () => new PickledObject('a.Thing')],
]);

/** The operations one after the other: texts as they are, numbers as bytes. */
const operations = (...parts: readonly (string | number)[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part])))),
  );

const read = (...parts: readonly (string | number)[]): unknown =>
  unpickle(operations(...parts), 0, { path: 'p', globals: GLOBALS, budget: 100_000 }).value;

describe('unpickle', () => {
  it('reads plain values', () => {
    expect(read('N.')).to.equal(null);
    expect(read('\x88.')).to.equal(true);
    expect(read('\x89.')).to.equal(false);
    expect(read('K', 200, '.')).to.equal(200);
    expect(read('M', 1, 2, '.')).to.equal(513); // 1 + 2 * 256
    expect(read('J', 0xfe, 0xff, 0xff, 0xff, '.')).to.equal(-2);
    expect(read('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, '.')).to.equal(1.5); // the high byte first
    expect(read('X', 3, 0, 0, 0, 'abc.')).to.equal('abc');
    expect(read('\x8c', 2, 0xc3, 0xa9, '.')).to.equal('é');
    expect(read('X', 4, 0, 0, 0, 0xef, 0xbb, 0xbf, 'a.')).to.equal('\ufeffa');
    const bytes = read('C', 2, 1, 2, '.') as Uint8Array;
    expect([...bytes, bytes.buffer.byteLength]).to.deep.equal([1, 2, 2]); // a copy, that does not hold the file
    expect(read('\x80', 4, '\x95', ...new Array(8).fill(0), 'N.')).to.equal(null);
  });

  it('reads whole numbers of any length, as bigints where a number does not hold them', () => {
    expect(read('\x8a', 0, '.')).to.equal(0);
    expect(read('\x8a', 1, 0xff, '.')).to.equal(-1);
    expect(read('\x8a', 2, 0xff, 0, '.')).to.equal(255);
    expect(read('\x8a', 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, '.')).to.equal(2n ** 64n);
  });

  it('reads lists, tuples, dicts and sets, however they are put together', () => {
    expect(read(']K', 1, 'a.')).to.deep.equal([1]);
    expect(read('](K', 1, 'K', 2, 'e.')).to.deep.equal([1, 2]);
    expect(read('(K', 1, 'K', 2, 'l.')).to.deep.equal([1, 2]);
    expect(read(').')).to.deep.equal([]);
    expect(read('K', 1, 'K', 2, 'K', 3, '\x87.')).to.deep.equal([1, 2, 3]);
    expect(read('(K', 1, 't.')).to.deep.equal([1]);
    expect(read('}K', 1, 'K', 2, 's.')).to.deep.equal(new Map([[1, 2]]));
    expect(read('}(K', 1, 'K', 2, 'K', 3, 'K', 4, 'u.')).to.deep.equal(
      new Map([
        [1, 2],
        [3, 4],
      ]),
    );
    expect(read('\x8f(K', 1, '\x90.')).to.deep.equal(new Set([1]));
  });

  it('remembers what it is told to, and drops what it is told to', () => {
    expect(read(']q', 7, 'h', 7, 'a.')).to.satisfy((list: unknown[]) => list[0] === list); // a list in itself
    expect(read('K', 1, '\x94K', 2, '\x94h', 0, 'h', 1, '\x86.')).to.deep.equal([1, 2]);
    expect(read('K', 1, 'q', 0, 'K', 2, '0h', 0, '.')).to.equal(1);
    expect(read('K', 1, '2\x86.')).to.deep.equal([1, 1]);
    expect(read('K', 5, '(K', 1, '1.')).to.equal(5);
  });

  it('calls what it was given, and nothing else', async () => {
    expect(read('ca\nPair\nK', 1, '\x85R.')).to.deep.equal(['pair', 1]);
    expect(read('\x8c', 1, 'a\x8c', 4, 'Pair\x93)\x81.')).to.deep.equal(['pair']);
    for (const name of ['builtins.getattr', 'a.Pair.__init__', '.a.Pair']) {
      const [module, member] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)];
      expect(read(`c${module}\n${member}\nK`, 1, '\x85R.'), name).to.deep.equal(new PickledObject(name, [1]));
    }
    for (const name of ['os.system', 'posix.system', 'subprocess.Popen', 'builtins.eval', '__builtin__.open']) {
      const error = await failure(() => read(`c${name.replace('.', '\n')}\n.`)); // named, and not called
      expect([error.code, error.got]).to.deep.equal(['E_PICKLE', name]);
    }
    expect((await failure(() => read('K', 1, ')R.'))).got).to.equal('1');
    expect((await failure(() => read('K', 1, 'Q.'))).wanted).to.equal('no persistent id');
  });

  it('makes an inert object of what any other class or function would have made', () => {
    const object = (...parts: readonly unknown[]) => new PickledObject('b.C', ...parts);
    for (const [operations, made] of [
      ['cb\nC\nN\x85R', object([null])], // REDUCE
      ['cb\nC\nN\x85\x81', object([null])], // NEWOBJ
      ['cb\nC\nN\x85}\x92', object([null], new Map())], // NEWOBJ_EX
      ['(Nib\nC\n', object([null])], // INST
      ['(cb\nC\nNo', object([null])], // OBJ
      ['cb\nC\n)\x81}b', object([], new Map())], // BUILD
      ['cb\nC\n)\x81Na', object([], null)], // a subclass of list
      ['cb\nC\n)\x81(NNe', object([], null, null)],
      ['cb\nC\n)\x81(N\x90', object([], null)], // of set
      ['cb\nC\n)RNR', undefined], // what it gave, called without a tuple
      ['cb\nC\n)R)R', object(object([]), [])],
      ['cb\nC\n', new PickleGlobal('b.C')],
    ] as const) {
      if (made) expect(read(`${operations}.`), operations).to.deep.equal(made);
      else expect(() => read(`${operations}.`), operations).to.throw('a tuple of arguments');
    }
    const dict = read('cb\nC\n)\x81K', 1, 'K', 2, 's(K', 3, 'K', 4, 'u.') as PickledObject; // a subclass of dict
    expect([...dict.entries]).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
  });

  it('says where it ended', () => {
    const bytes = operations('K', 1, '.', 'K', 2, '.');
    const options = { path: 'p', globals: GLOBALS, budget: 1000 };
    expect(unpickle(bytes, 0, options)).to.deep.equal({ value: 1, end: 3 });
    expect(unpickle(bytes, 3, options)).to.deep.equal({ value: 2, end: 6 });
  });

  it('refuses what is not in order, by the byte', async () => {
    const cases: readonly (readonly [readonly (string | number)[], RegExp])[] = [
      [[''], /byte 0: wanted 1 bytes more/],
      [['K'], /cut short/],
      [['X', 0xff, 0xff, 0xff, 0xff, '.'], /wanted 4294967295 bytes more/],
      [['\x8d', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '.'], /bytes more, got 1 to the end/],
      [['\x8d', 1, 0, 0, 0, 1, 0, 0, 0, 'a.'], /wanted 4294967297 bytes more/],
      [['X', 1, 0, 0, 0, 0xff, '.'], /UTF-8/],
      [['ca\nPair\nK', 1, 'R.'], /a tuple of arguments, got 1/],
      [['\x80', 9, '.'], /a protocol up to 5/],
      [['.'], /a value on the stack, got none/],
      [['(.'], /got a mark/],
      [['t.'], /a mark on the stack/],
      [['}K', 1, 's.'], /value on the stack/],
      [['K', 1, 'K', 1, 'a.'], /a list to add to/],
      [['](K', 1, 'u.'], /a dict to add to/],
      [['}(K', 1, 'u.'], /a key without a value/],
      [['h', 3, '.'], /number 3, which was not/],
      [['\x8b', 0xff, 0xff, 0xff, 0x7f, '.'], /a number of at most 64 bytes/],
      [['I1\n.'], /byte 0: .*got byte 0x49/],
      [['ca'], /a line/],
    ];
    for (const [parts, message] of cases) {
      const error = await failure(() => read(...parts));
      expect(error.code, message.source).to.equal('E_PICKLE');
      expect(error.message).to.match(message);
    }
  });

  it('stops where its values would take more than the budget', async () => {
    // a few bytes each make a list, a tuple, a dict, a memo, a mark, bytes, a text, an item of a list or dict, a call
    for (const [first, operation, count] of [
      ['', ']', 2000],
      ['', ')', 2000],
      ['', '}', 500],
      ['', 'N\x94', 2000],
      ['', '(', 10_000],
      ['', 'C\0', 1000],
      ['', '\x8c\0', 2000],
      [']', 'Na', 5000],
      ['}', 'NNs', 2500],
      ['ca\nPair\nq\0)q\x01', 'h\0h\x01R', 500],
      ['', 'cb\nC\n', 1000],
      ['cb\nC\nq\0)q\x01', 'h\0h\x01R', 500],
      ['cb\nC\n)R', ')R', 5000],
      ['cb\nC\n)R', 'Nb', 10_000],
      ['cb\nC\n)R', 'Na', 5000],
      ['cb\nC\n)R', 'NNs', 2500],
    ] as const) {
      expect((await failure(() => read(first, operation.repeat(count), '.'))).code, operation).to.equal('E_LIMIT');
    }
  });

  it('counts what a call is given, as often as it is called', async () => {
    // a list of a hundred, remembered: an argument, of 100 * 100 * 48 bytes in all, or the arguments, of 100 * 100 * 16
    for (const call of ['h\x01h\0\x85R', 'h\x01h\0R']) {
      const pickled = `](${'N'.repeat(100)}eq\0ca\nPair\nq\x01${call.repeat(100)}.`;
      expect((await failure(() => read(pickled))).code, call).to.equal('E_LIMIT');
    }
  });

  it('says in a word what a value is, though it hold itself', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(say('x'.repeat(100))).to.have.length(62);
    expect([loop, new Map(), 'x', 1, null, new PickleGlobal('a.b'), new PickledObject('c.d')].map(say)).to.deep.equal([
      'a list',
      'a dict',
      '"x"',
      '1',
      'null',
      'a.b',
      'an object of c.d',
    ]);
  });
});
