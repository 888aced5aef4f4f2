import { expect } from 'chai';
import fc from 'fast-check';
import { ConvNextV2Error } from '../../src/errors.js';
import { readSafetensors } from '../../src/weights/checkpoint.js';
import { parseHeader } from '../../src/weights/safetensors.js';
import { failure, golden, readBytes, safetensorsFile } from '../helpers.js';

const X = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
const X_TEXT = JSON.stringify(X);

function parse(file: Uint8Array) {
  return parseHeader(file, file.length, 'file');
}

/** The error for a file with this header and `size` bytes of data. */
function refusal(header: unknown, size = 8): Promise<ConvNextV2Error> {
  return failure(() => parse(safetensorsFile(header, new Uint8Array(size))));
}

describe('parseHeader', () => {
  it('finds tensors in the order of their bytes, whatever the order of the header', () => {
    const header = {
      b: { dtype: 'I64', shape: [], data_offsets: [8, 16] },
      a: { data_offsets: [0, 8], shape: [1, 2], dtype: 'F32' },
    };
    const file = safetensorsFile(header, new Uint8Array(16));
    const start = file.length - 16;
    expect([...parse(file).tensors]).to.deep.equal([
      ['a', { dtype: 'F32', shape: [1, 2], begin: start, end: start + 8 }],
      ['b', { dtype: 'I64', shape: [], begin: start + 8, end: start + 16 }],
    ]);
  });

  it('needs the header alone', () => {
    const file = safetensorsFile({ x: X }, new Uint8Array(8));
    expect(parseHeader(file.subarray(0, -8), file.length, 'file')).to.deep.equal(parse(file));
  });

  it('reads metadata, padding, empty tensors and files without tensors', () => {
    const empty = { dtype: 'F16', shape: [3, 0], data_offsets: [8, 8] };
    const first = { ...empty, data_offsets: [0, 0] };
    const text = `${JSON.stringify({ __metadata__: { format: 'pt', ключ: 'format' }, x: X, first, empty })}  \n `;
    const { tensors, metadata } = parse(safetensorsFile(text, new Uint8Array(8)));
    expect([...metadata]).to.deep.equal([
      ['format', 'pt'],
      ['ключ', 'format'],
    ]);
    expect([...tensors.keys()]).to.deep.equal(['first', 'x', 'empty']);
    expect(parse(safetensorsFile('{}')).tensors.size).to.equal(0);
  });

  it('takes any name', () => {
    const names = ['__proto__', 'constructor', '7', '', 'a"b\\', '\u{1f600}', 'x:{[,', '\n'];
    const header = names.map((name, i) => `${JSON.stringify(name)}:${X_TEXT.replace('0,8', `${8 * i},${8 * i + 8}`)}`);
    const { tensors } = parse(safetensorsFile(`{${header.join(',')}}`, new Uint8Array(8 * names.length)));
    expect([...tensors.keys()]).to.deep.equal(names);
    expect(tensors.get('__proto__')?.shape).to.deep.equal([2]);
    expect(tensors.get('toString')).to.equal(undefined);
  });

  it('refuses a file too short for its header, and a header too long', async () => {
    const file = safetensorsFile({ x: X }, new Uint8Array(8));
    for (const size of [0, 7, 8, 30]) {
      const error = await failure(() => parse(file.subarray(0, size)));
      expect(error).to.include({ code: 'E_SAFETENSORS', path: 'file' });
    }
    const longer = await failure(() => parse(file.subarray(0, -9)));
    expect(longer.got).to.equal(`a header of ${file.length - 16} bytes`);
    const claims = new Uint8Array(8);
    new DataView(claims.buffer).setUint32(0, 100_000_001, true);
    expect((await failure(() => parseHeader(claims, 2 ** 40, 'file'))).got).to.equal('a header of 100000001 bytes');
    new DataView(claims.buffer).setUint32(4, 1, true);
    expect((await failure(() => parse(claims))).got).to.equal(`a header of ${2 ** 32 + 100_000_001} bytes`);
  });

  it('knows a Git LFS pointer', async () => {
    const error = await failure(() => parse(Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')));
    expect(error.suggestion).to.contain('git lfs pull');
  });

  it('refuses headers that are no JSON object', async () => {
    for (const header of ['', '[1, 2]', ' {}', '\ufeff{}', '{', '{}}', '{"x":}', '{"x" 1}', '{"a\\q":1}', '{x:1}']) {
      expect(await refusal(header, 0), header).to.include({ code: 'E_SAFETENSORS', path: 'file' });
    }
    expect(await refusal(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).to.include({ got: 'bytes that are not UTF-8' });
    expect(await refusal(`{"x":${'['.repeat(1e5)}`)).to.include({ got: 'a deeper one', path: 'file: "x"' });
    expect(await refusal({ x: { ...X, more: [[]] } })).to.include({ got: 'a deeper one', path: 'file: "x"' });
  });

  it('refuses keys that stand twice, however they are written', async () => {
    const twice = await refusal(`{"x":${X_TEXT},"y":${X_TEXT},"x":${X_TEXT}}`);
    expect(twice).to.include({ code: 'E_SAFETENSORS', path: 'file: "x"', got: '"x" twice' });
    const escaped = await refusal(`{"xy":${X_TEXT},"x\\u0079":${X_TEXT}}`);
    expect(escaped).to.include({ path: 'file: "xy"', got: '"xy" twice' });
    const within = await refusal('{"x":{"dtype":"F32", "shape":[2],"data_offsets":[0,8],"dtype" :"F32"}}');
    expect(within).to.include({ path: 'file: "x"', got: '"dtype" twice' });
    const metadata = await refusal('{"__metadata__":{"a":"1","a":"2"}}', 0);
    expect(metadata).to.include({ path: 'file: "__metadata__"', got: '"a" twice' });
    expect((await refusal(`{"__proto__":${X_TEXT},"__proto__":${X_TEXT}}`)).got).to.equal('"__proto__" twice');
  });

  it('refuses entries that are not in order', async () => {
    const entries: readonly (readonly [unknown, string])[] = [
      [1, 'undefined'],
      [[], 'undefined'],
      [{ ...X, dtype: undefined }, 'undefined'],
      [{ ...X, dtype: 'F128' }, '"F128"'],
      [{ ...X, dtype: 'F8_E4M3' }, 'data_offsets [0,8]'],
      [{ ...X, dtype: 'F4', shape: [3] }, 'data_offsets [0,8]'],
      [{ ...X, dtype: ['F32'] }, '["F32"]'],
      [{ ...X, dtype: 'toString' }, '"toString"'],
      [{ ...X, shape: undefined }, 'undefined'],
      [{ ...X, shape: '2' }, '"2"'],
      [{ ...X, shape: {} }, '{}'],
      [{ ...X, shape: ['2'] }, '["2"]'],
      [{ ...X, shape: [2 ** 53] }, '[9007199254740992]'],
      [{ ...X, shape: [2 ** 40, 2 ** 40] }, '[1099511627776,1099511627776]'],
      [{ ...X, shape: [2 ** 40, 2 ** 40, 0], data_offsets: [0, 0] }, '[1099511627776,1099511627776,0]'],
      [{ ...X, shape: [0, 2 ** 53], data_offsets: [0, 0] }, '[0,9007199254740992]'],
      [{ ...X, shape: [3] }, 'data_offsets [0,8]'],
      [{ ...X, shape: [1] }, 'data_offsets [0,8]'],
      [{ ...X, data_offsets: undefined }, 'undefined'],
      [{ ...X, data_offsets: [0] }, '[0]'],
      [{ ...X, data_offsets: [0, 8, 8] }, '[0,8,8]'],
      [{ ...X, data_offsets: { 0: 0, 1: 8, length: 2 } }, '{"0":0,"1":8,"length":2}'],
      [{ ...X, data_offsets: [8, 0] }, 'data_offsets [8,0]'],
    ];
    for (const [entry, got] of entries) {
      expect(await refusal({ x: entry }), got).to.include({ code: 'E_SAFETENSORS', path: 'file: "x"', got });
    }
    expect((await refusal({ x: { ...X, dtype: 'F128' } })).wanted).to.contain('F64, I64, U64');
  });

  it('names tensors of dtypes that are not read, and refuses a file of unknown ones alone', async () => {
    const file = safetensorsFile(
      {
        w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
        eight: { dtype: 'F8_E5M2', shape: [3], data_offsets: [4, 7] },
        four: { dtype: 'F4', shape: [3, 2], data_offsets: [7, 10] }, // half a byte each
        six: { dtype: 'F6_E2M3', shape: [4], data_offsets: [10, 13] },
        complex: { dtype: 'C64', shape: [1], data_offsets: [13, 21] },
        later: { dtype: 'F128', shape: [5], data_offsets: [21, 22] }, // of a size that is not known
      },
      new Uint8Array(22),
    );
    const reasons = Array.from(parse(file).tensors, ([name, { unreadable }]) => [name, unreadable]);
    const because = (stored: string) => `${stored}, a dtype that is not read here`;
    expect(reasons).to.deep.equal([
      ['w', undefined],
      ['eight', because('F8_E5M2 [3]')],
      ['four', because('F4 [3,2]')],
      ['six', because('F6_E2M3 [4]')],
      ['complex', because('C64 [1]')],
      ['later', because('F128 [5]')],
    ]);
    expect([...readSafetensors(file, 'file').keys()]).to.deep.equal(['w']);
    const eight = { dtype: 'F8_E4M3', shape: [8], data_offsets: [0, 8] };
    expect(parse(safetensorsFile({ eight }, new Uint8Array(8))).tensors.size).to.equal(1);
    expect((await refusal({ eight: { ...eight, dtype: 'F128' } })).got).to.equal('"F128"');
  });

  it('refuses numbers that are not plain digits', async () => {
    for (const number of ['-2', '2.5', '2.0', '2e0', 'NaN', 'true', '-0']) {
      const error = await refusal(`{"x":{"dtype":"F32","data_offsets":[0,8],"shape":[${number}]}}`);
      expect(error, number).to.include({ code: 'E_SAFETENSORS', path: 'file: "x"' });
    }
  });

  it('refuses data that overlap, leave gaps or do not fill the file', async () => {
    const y = (begin: number) => ({ x: X, y: { ...X, data_offsets: [begin, begin + 8] } });
    expect(await refusal(y(4), 12)).to.include({ path: 'file: "y"', got: '4' });
    expect(await refusal(y(16), 24)).to.include({ path: 'file: "y"', got: '16' });
    expect(await refusal(y(0), 8)).to.include({ path: 'file: "y"', got: '0' });
    expect(await refusal({ x: { ...X, data_offsets: [8, 16] } }, 16)).to.include({ path: 'file: "x"', got: '8' });
    expect(await refusal({ x: X }, 9)).to.include({ path: 'file', suggestion: undefined });
    expect((await refusal({ x: X }, 7)).suggestion).to.contain('cut short');
    expect(await refusal('{}', 1)).to.include({ path: 'file' });
  });

  it('refuses metadata that are not strings', async () => {
    for (const metadata of ['text', 1, [], ['a'], { n: 1 }, { a: '1', n: {} }]) {
      expect(await refusal({ __metadata__: metadata }, 0)).to.include({
        code: 'E_SAFETENSORS',
        path: 'file: "__metadata__"',
      });
    }
  });

  it('refuses names that are no Unicode', async () => {
    expect((await refusal(`{"\\ud800":${X_TEXT}}`)).got).to.equal('half a surrogate pair');
  });

  it('refuses more entries and values than any model has', async () => {
    const many = Array.from({ length: 250_001 }, (_, i) => `"${i}":{}`);
    expect((await refusal(`{${many.join(',')}}`)).wanted).to.contain('250000');
    expect((await refusal(`{"x":[${'0,'.repeat(4e6)}`)).wanted).to.contain('4000000');
  });

  it('judges the goldens as the reference does', async () => {
    const { bad } = JSON.parse(new TextDecoder().decode(await readBytes(golden('checkpoints-bad', 'case.json'))));
    const cases = bad.filter(
      ({ file, model }: { file: string; model?: true }) => file.endsWith('.safetensors') && !model,
    );
    expect(cases.length).to.equal(27);
    for (const { file, must_throw } of cases) {
      const bytes = await readBytes(golden('checkpoints-bad', file));
      if (must_throw) expect(await failure(() => parse(bytes)), file).to.include({ code: 'E_SAFETENSORS' });
      else expect(parse(bytes).tensors.size, file).to.equal(1);
    }
  });

  it('never gives a tensor outside the file, nor any other error, for damaged files', async () => {
    const good = await readBytes(golden('checkpoints-bad', 'weights-other-model.safetensors'));
    const flips = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 3 });
    let accepted = 0;
    fc.assert(
      fc.property(flips, fc.nat(good.length), (changes, cut) => {
        const file = good.slice(0, cut % 3 ? undefined : cut);
        for (const [at, byte] of changes) file[at] = byte;
        try {
          const { tensors } = parse(file);
          for (const { begin, end } of tensors.values()) expect(begin <= end && end <= file.length).to.equal(true);
          accepted++;
        } catch (error) {
          if (!(error instanceof ConvNextV2Error)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).to.be.greaterThan(0);
  });
});
