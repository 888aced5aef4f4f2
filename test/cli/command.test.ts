import { expect } from 'chai';
import { oneLine, readArgs, readCount, readNames, readWhole, table } from '../../src/cli/command.js';
import { readSize } from '../../src/cli/inspect.js';
import { ConvNextV2Error } from '../../src/errors.js';

const OPTIONS = {
  model: { type: 'string' },
  seed: { type: 'string', default: '0' },
  json: { type: 'boolean' },
} as const;

describe('cli: arguments', () => {
  it('reads options and the rest, in any order', () => {
    const { values, positionals } = readArgs(['a.png', '--json', '--model=m', 'b.png', '--', '-c.png'], OPTIONS);
    expect({ ...values }).to.deep.equal({ model: 'm', seed: '0', json: true });
    expect(positionals).to.deep.equal(['a.png', 'b.png', '-c.png']);
  });

  const refused: readonly (readonly [args: readonly string[], message: string])[] = [
    [
      ['--modle', 'm'],
      'E_USAGE: --modle: wanted one of --model, --seed, --json, --quiet, got --modle (did you mean "--model"?)',
    ],
    [['-x'], 'E_USAGE: -x: wanted one of --model, --seed, --json, --quiet, got -x'],
    [['--model'], 'E_USAGE: --model: wanted a value, got none (one that begins with - as --model=VALUE)'],
    [['--seed', '-1'], 'E_USAGE: --seed: wanted a value, got none (one that begins with - as --seed=VALUE)'],
    [['--json=yes'], 'E_USAGE: --json: wanted no value, got one'],
    [['--model', ''], 'E_USAGE: --model: wanted a value, got an empty text'],
    [['--model='], 'E_USAGE: --model: wanted a value, got an empty text'],
    [['a.png', ''], 'E_USAGE: arguments: wanted a value, got an empty text'],
  ];
  for (const [args, message] of refused) {
    it(`refuses ${JSON.stringify(args)}`, () => {
      expect(() => readArgs(args, OPTIONS))
        .to.throw(ConvNextV2Error)
        .with.property('message', message);
    });
  }

  it('reads whole numbers', () => {
    expect(readWhole('--seed', '0')).to.equal(0);
    expect(readWhole('--seed', '9007199254740991')).to.equal(2 ** 53 - 1);
    for (const text of ['-1', '1.5', '1e3', '0x10', ' 1', '9007199254740992', 'many']) {
      expect(() => readWhole('--seed', text), text).to.throw(`E_USAGE: --seed: wanted a whole number, got "${text}"`);
    }
  });

  it('reads counts', () => {
    expect(readCount('--top-k', '1')).to.equal(1);
    expect(() => readCount('--top-k', '0')).to.throw('E_USAGE: --top-k: wanted a whole number of at least 1, got "0"');
    expect(() => readCount('--top-k', '-1')).to.throw('E_USAGE: --top-k: wanted a whole number, got "-1"');
  });

  it('reads names', () => {
    expect(readNames('--out-features', 'stage2, stage3')).to.deep.equal(['stage2', 'stage3']);
    for (const text of ['', 'stage1,', 'stage1,,stage2', ' ']) {
      expect(() => readNames('--out-features', text), text).to.throw('wanted names separated by commas');
    }
  });

  it('reads sizes, the height first', () => {
    expect(readSize('224')).to.deep.equal({ height: 224, width: 224 });
    expect(readSize('480x640')).to.deep.equal({ height: 480, width: 640 });
    for (const text of ['', '48x', 'x48', '1x2x3', '-4', '1.5', '1000000', '224 ']) {
      expect(() => readSize(text), text).to.throw('E_USAGE: --size: wanted a size such as 224 or 480x640');
    }
  });
});

describe('cli: output', () => {
  it('lays tables in columns, numbers to the right', () => {
    const text = table(
      ['name', 'size', 'note'],
      [
        ['a', 7, 'x'],
        ['bcdef', 1234, ''],
      ],
    );
    expect(text).to.equal('name   size  note\na         7  x\nbcdef  1234\n');
  });

  it('lays a table of no rows', () => {
    expect(table(['name', 'size'], [])).to.equal('name  size\n');
  });

  it('puts all problems of a message on one line', () => {
    expect(oneLine('E_CONFIG: 2 problems\n  a: b\n  c: d')).to.equal('E_CONFIG: 2 problems; a: b; c: d');
  });
});
