import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseJson, readJsonFile } from '../../src/config/read-json.js';
import { ConvNextV2Error } from '../../src/errors.js';

function errorOf(text: string): ConvNextV2Error {
  try {
    parseJson(text, 'x.json');
  } catch (error) {
    expect(error).to.be.instanceOf(ConvNextV2Error);
    return error as ConvNextV2Error;
  }
  throw new Error(`${text} was parsed`);
}

describe('parseJson', () => {
  it('reads what JSON.stringify writes, however it is laid out', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'), (json, space) => {
        const value = JSON.parse(json);
        expect(parseJson(JSON.stringify(value, undefined, space), 'x.json')).to.deep.equal(value);
      }),
    );
  });

  it('takes and refuses exactly what JSON.parse does, where no NaN or Infinity is in it', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"\\u00e9"',
        '"\\x"',
        '"',
        '0',
        '01',
        '-1.5e+3',
        '1.',
        '.5',
        '-',
        'true',
      ],
      ...['null', 'nul', ' ', '\n', '\t', '\u00a0', '\u0001', "'a'", '//'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        let wanted: unknown;
        try {
          wanted = JSON.parse(text);
        } catch {
          expect(errorOf(text).code).to.equal('E_JSON');
          return;
        }
        expect(parseJson(text, 'x.json')).to.deep.equal(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads Python's NaN and infinities, but not inside strings", () => {
    expect(parseJson('[NaN, Infinity, -Infinity, "NaN", "-Infinity"]', 'x.json')).to.deep.equal([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      'NaN',
      '-Infinity',
    ]);
  });

  it('skips a byte order mark, and takes the last of two equal keys', () => {
    expect(parseJson('\ufeff{"a": 1, "b": 2, "a": 3}', 'x.json')).to.deep.equal({ a: 3, b: 2 });
  });

  it('keeps __proto__ a key', () => {
    const value = parseJson('{"__proto__": {"polluted": 1}}', 'x.json') as Record<string, unknown>;
    expect(Object.keys(value)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect(value.polluted).to.equal(undefined);
  });

  const faults: readonly (readonly [text: string, place: string, wanted: string, got: string, suggestion?: string])[] =
    [
      ['', 'line 1, column 1', 'a value', 'the end of the file'],
      ['{"a": 1\n "b": 2}', 'line 2, column 2', '"," or "}"', '"\\""'],
      ['[1\n\n 2]', 'line 3, column 2', '"," or "]"', '"2"'],
      ['{"a" 1}', 'line 1, column 6', '":"', '"1"'],
      ['{depths: 3}', 'line 1, column 2', 'a key in double quotes', '"depths"'],
      ["{'a': 3}", 'line 1, column 2', 'a key in double quotes', '"\'"', 'JSON has double quotes only'],
      ['[1, 2,\n]', 'line 2, column 1', 'a value', '"]"', 'remove the comma before it'],
      ['{"a": 1,}', 'line 1, column 9', 'a key in double quotes', '"}"', 'remove the comma before it'],
      ['// sizes\n[]', 'line 1, column 1', 'a value', '"/"', 'JSON has no comments'],
      ['[True]', 'line 1, column 2', 'a value', '"True"', 'did you mean "true"?'],
      ['[] []', 'line 1, column 4', 'the end of the file', '"["'],
      ['"abc', 'line 1, column 5', 'a closing quote', 'the end of the file'],
      ['"a\nb"', 'line 1, column 3', 'a closing quote, or an escape in place of a control character', '"\\n"'],
      ['\ufeff?', 'line 1, column 1', 'a value', '"?"'],
    ];
  for (const [text, place, wanted, got, suggestion] of faults) {
    it(`says where ${JSON.stringify(text)} is wrong`, () => {
      expect(errorOf(text).problems).to.deep.equal([{ path: `x.json: ${place}`, wanted, got, suggestion }]);
      expect(errorOf(text).code).to.equal('E_JSON');
    });
  }

  it('refuses more than 200 levels', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(JSON.stringify(parseJson(nested(200), 'x.json'))).to.equal(nested(200));
    expect(errorOf(nested(201)).code).to.equal('E_LIMIT');
    expect(errorOf('{"a":'.repeat(1e6)).code).to.equal('E_LIMIT');
  });
});

describe('readJsonFile', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'read-json-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function errorOfFile(path: string): Promise<ConvNextV2Error> {
    try {
      await readJsonFile(path);
    } catch (error) {
      expect(error).to.be.instanceOf(ConvNextV2Error);
      return error as ConvNextV2Error;
    }
    throw new Error(`${path} was read`);
  }

  it('reads a file with a byte order mark, and names it in errors', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, '\ufeff{"label": "crêpe"}');
    expect(await readJsonFile(path)).to.deep.equal({ label: 'crêpe' });
    await writeFile(path, '[1,');
    expect((await errorOfFile(path)).path).to.equal(`${path}: line 1, column 4`);
  });

  it('refuses what is not there, a folder, and a device', async () => {
    const missing = await errorOfFile(join(folder, 'missing.json'));
    expect([missing.code, missing.got]).to.deep.equal(['E_SOURCE', 'no such file']);
    const directory = await errorOfFile(folder);
    expect([directory.code, directory.got]).to.deep.equal(['E_SOURCE', 'a folder']);
    expect((await errorOfFile(devNull)).code).to.equal('E_SOURCE');
  });

  it('refuses bytes that are not UTF-8', async () => {
    const path = join(folder, 'latin.json');
    await writeFile(path, Buffer.from([0x22, 0xe9, 0x22]));
    expect((await errorOfFile(path)).code).to.equal('E_JSON');
  });

  it('refuses a file above 8 MB without reading it', async () => {
    const path = join(folder, 'large.json');
    await writeFile(path, '');
    await truncate(path, 8 * 2 ** 20 + 1);
    expect((await errorOfFile(path)).code).to.equal('E_LIMIT');
  });
});
