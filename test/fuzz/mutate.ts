import type { Reader } from './seeds.js';

/** A whole number from 0, below a limit. */
export type Below = (limit: number) => number;

/** A generator of whole numbers below a limit; the same seed gives the same ones (mulberry32). */
export function random(seed: number): Below {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Numbers that programs stumble over, as little-endian bytes. */
const ODD_NUMBERS: readonly Uint8Array[] = [
  '\0',
  '\x01',
  '\xff',
  '\x7f',
  '\xff\xff',
  '\0\0\0\0',
  '\xff\xff\xff\xff',
  '\xff\xff\xff\x7f',
  '\0\0\0\x40',
  '\xff\xff\xff\xff\xff\xff\xff\x7f',
  '\0\0\0\0\x01\0\0\0',
].map(latin1);

/** What each format is made of: a mutant gets some more of it. */
const WORDS: Readonly<Record<Reader, readonly Uint8Array[]>> = {
  safetensors: [
    ...['{', '}', '[', ']', '[[', ',', ':', '"', '\\', '\\ud800', '0', '-1', '1e9', '9007199254740993', 'null'],
    ...['"__metadata__":', '"__proto__":', '"a":', '"shape":[', '"dtype":"F64"', '"data_offsets":[0,8]', '4294967296'],
  ].map(latin1),
  pickle: [
    ...['(', ')', '.', '0', '1', '2', 'N', '\x88', ']', '}', 'l', 't', 'd', 'a', 'e', 's', 'u', 'b', 'R', 'Q', '\x81'],
    ...['\x85', '\x86', '\x87', '\x8f', '\x90', '\x91', '\x92', '\x93', '\x94', '\x95\xff\xff\xff\xff\xff\xff\xff\x7f'],
    ...[
      'cos\nsystem\n',
      'ccollections\nOrderedDict\n',
      'ctorch._utils\n_rebuild_tensor_v2\n',
      'ctorch\nFloatStorage\n',
    ],
    ...['cnumpy\ndtype\n', 'X\x01\0\0\0x', 'X\xff\xff\xff\x7f', '\x8c\x01x', 'C\x02ab', 'B\xff\xff\xff\x7f', 'K\x01'],
    ...['J\xff\xff\xff\xff', '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f', 'G\x7f\xf8\0\0\0\0\0\0', 'q\0', 'h\0'],
    ...['r\xff\xff\xff\x7f', 'j\xff\xff\xff\x7f', 'h\x01a', '2222222222222222', '((((((((((((((((', '}}}}}}}}]]]]]]]]'],
  ].map(latin1),
  zip: [
    ...[
      'PK\x03\x04',
      'PK\x01\x02',
      'PK\x05\x06',
      'PK\x06\x06',
      'PK\x06\x07',
      'data.pkl',
      'archive/',
      '../',
      '\\',
      '\0',
    ],
    ...['\x01\0\x18\0', '\x75\x70\x09\0\x01'],
  ].map(latin1),
  index: [
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\u0000',
      '\\',
      '0',
      'NaN',
      'null',
      '-Infinity',
      '1e999',
      '[[[[[[[[',
      '\xff',
    ],
    ...[
      '"weight_map":',
      '"__proto__":',
      '"../x"',
      '"/etc/passwd"',
      '"C:\\\\x"',
      '".":',
      '"model.safetensors.index.json"',
    ],
  ].map(latin1),
  h5: ['TREE', 'HEAP', 'SNOD', 'GCOL', 'OHDR', 'OCHK', 'FRHP', 'BTHD', '\x89HDF\r\n\x1a\n'].map(latin1),
};

/** Where records of a format begin that have their numbers at fixed places. */
const RECORDS: Partial<Record<Reader, readonly Uint8Array[]>> = {
  zip: ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06'].map(latin1),
  h5: ['TREE', 'HEAP', 'SNOD', 'GCOL', '\x89HDF'].map(latin1),
};

/** The first bytes of a file count most: there lie header, pickle and directory. */
const INTERESTING_BYTES = 12_000;

/**
 * A copy with one to four changes: bits, bytes, odd numbers, words of the format, its records' fields, parts cut out, doubled,
 * moved, or the end cut off.
 */
export function mutate(original: Uint8Array, reader: Reader, below: Below): Uint8Array {
  let mutant: Uint8Array = Uint8Array.from(original);
  for (let changes = 1 + below(1 + below(4)); changes > 0 && mutant.length > 0; changes--) {
    const at = placeIn(mutant, reader, below);
    const length = Math.min(1 + below(32), mutant.length - at);
    const words = WORDS[reader];
    switch (below(10)) {
      case 0:
        mutant[at] ^= 1 << below(8);
        break;
      case 1:
        mutant[at] = below(256);
        break;
      case 2:
        overwrite(mutant, ODD_NUMBERS[below(ODD_NUMBERS.length)], at);
        break;
      case 3:
        overwrite(mutant, words[below(words.length)], at);
        break;
      case 4:
        mutant = spliced(mutant, at, at, words[below(words.length)]);
        break;
      case 5:
        mutant = spliced(mutant, at, at + length);
        break;
      case 6:
        mutant = spliced(mutant, at, at, mutant.subarray(at, at + length));
        break;
      case 7:
        mutant.copyWithin(placeIn(mutant, reader, below), at, at + length);
        break;
      case 8:
        changeDigit(mutant, at, below);
        break;
      default:
        if (below(8) === 0) mutant = mutant.slice(0, at);
        else mutant[at] ^= 0x80;
    }
  }
  if (reader === 'safetensors' && below(4) > 0) fixHeaderLength(mutant);
  return mutant;
}

/** A place for a change: anywhere, or where it is likely to matter. */
function placeIn(bytes: Uint8Array, reader: Reader, below: Below): number {
  const records = RECORDS[reader];
  if (records && below(2) === 0) {
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(
      records[below(records.length)],
      below(bytes.length),
    );
    if (found >= 0) return Math.min(bytes.length - 1, found + below(56));
  }
  const interesting = Math.min(bytes.length, INTERESTING_BYTES);
  const atEnd = reader === 'zip' && below(2) === 0;
  if (below(reader === 'h5' ? 2 : 8) === 0) return below(bytes.length);
  return atEnd ? bytes.length - 1 - below(interesting) : below(interesting);
}

function overwrite(bytes: Uint8Array, word: Uint8Array, at: number): void {
  bytes.set(word.subarray(0, bytes.length - at), at);
}

/** With what lies between two places replaced. */
function spliced(bytes: Uint8Array, begin: number, end: number, middle: Uint8Array = Buffer.of()): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, begin), middle, bytes.subarray(end)]));
}

/** Another digit in place of the next one of a text. */
function changeDigit(bytes: Uint8Array, at: number, below: Below): void {
  const place = bytes.findIndex((byte, i) => i >= at && byte >= 48 && byte < 58);
  if (place >= 0) bytes[place] = 48 + below(10);
}

/** Most mutants would be refused for the length of their header alone: it ends at the last brace. */
function fixHeaderLength(bytes: Uint8Array): void {
  const end = bytes.lastIndexOf('}'.charCodeAt(0));
  if (bytes.length < 8 || end < 8) return;
  overwrite(bytes, new Uint8Array(new Uint32Array([end - 7, 0]).buffer), 0);
}
