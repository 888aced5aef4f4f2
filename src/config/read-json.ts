import { readFile, stat } from 'node:fs/promises';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/** Far above any config or index file (ImageNet-22k's labels are 1 MB), far below what would trouble the memory. */
export const MAX_BYTES = 8 * 2 ** 20;

/** Deeper than any config, shallow enough for everything that walks a parsed value by recursion. */
export const MAX_DEPTH = 200;

const WORDS = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SPACE = /[ \t\n\r]*/y;

/**
 * Reads a JSON file. Throws E_SOURCE where there is no such file or it cannot be read, E_LIMIT above 8 MB,
 * and what `parseJson` throws.
 */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJson(decode(await readBounded(path), path), path);
}

async function readBounded(path: string): Promise<Uint8Array> {
  const size = await sizeOfFile(path);
  if (size > MAX_BYTES) {
    const wanted = `a JSON file of at most ${MAX_BYTES} bytes`;
    throw new ConvNextV2Error('E_LIMIT', { path, wanted, got: `${size} bytes` });
  }
  return await readFile(path).catch((cause) => refuseUnreadable(path, cause));
}

/** In bytes. Throws E_SOURCE where there is no plain file. */
export async function sizeOfFile(path: string): Promise<number> {
  const found = await stat(path).catch((cause) => refuseUnreadable(path, cause));
  if (found.isFile()) return found.size;
  const got = found.isDirectory() ? 'a folder' : 'something that is not a plain file';
  throw new ConvNextV2Error('E_SOURCE', { path, wanted: 'a JSON file', got });
}

/** Throws E_SOURCE for a file that the system does not give. */
export function refuseUnreadable(path: string, cause: unknown): never {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  const got = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file' : code;
  throw new ConvNextV2Error('E_SOURCE', { path, wanted: 'a readable JSON file', got }, { cause });
}

/** Throws E_JSON for what is not UTF-8. */
export function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConvNextV2Error(
      'E_JSON',
      { path, wanted: 'text in UTF-8', got: 'bytes that are not UTF-8', suggestion: 'save the file as UTF-8' },
      { cause },
    );
  }
}

/**
 * JSON as Python's `json` writes it: standard JSON, and the numbers NaN, Infinity and -Infinity. A byte order mark at the
 * start is skipped; of two equal keys the last wins; `__proto__` is a key like any other. Throws E_JSON with line and
 * column and what was wanted there, E_LIMIT where lists and objects nest deeper than 200 levels.
 */
export function parseJson(source: string, file: string): unknown {
  const text = source.replace(/^\ufeff/, '');
  let at = 0;
  const value = parseValue(0);
  skipSpace();
  if (at < text.length) fail('the end of the file');
  return value;

  function parseValue(depth: number): unknown {
    skipSpace();
    const start = text[at];
    if (start === '{' || start === '[') {
      if (depth === MAX_DEPTH) fail(`at most ${MAX_DEPTH} lists and objects in one another`, undefined, 'E_LIMIT');
      at++;
      return start === '[' ? parseList(depth + 1) : parseObject(depth + 1);
    }
    if (start === '"') return parseString();
    const number = match(NUMBER);
    if (number !== undefined) return Number(number);
    for (const [word, meaning] of WORDS) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return meaning;
    }
    return fail('a value', didYouMean(next().toLowerCase(), ['true', 'false', 'null']));
  }

  function parseList(depth: number): unknown[] {
    const list: unknown[] = [];
    if (take(']')) return list;
    do list.push(parseValue(depth));
    while (take(','));
    if (!take(']')) fail('"," or "]"');
    return list;
  }

  function parseObject(depth: number): object {
    const entries: [string, unknown][] = [];
    if (take('}')) return {};
    do {
      skipSpace();
      if (text[at] !== '"') fail('a key in double quotes');
      const key = parseString();
      if (!take(':')) fail('":"');
      entries.push([key, parseValue(depth)]);
    } while (take(','));
    if (!take('}')) fail('"," or "}"');
    return Object.fromEntries(entries);
  }

  function parseString(): string {
    const start = at++;
    for (; text[at] !== '"'; at++) {
      if (at >= text.length) fail('a closing quote');
      if (text[at] < ' ') fail('a closing quote, or an escape in place of a control character');
      if (text[at] !== '\\') continue;
      if (match(ESCAPE) === undefined) fail('an escape: one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX');
      at--;
    }
    return JSON.parse(text.slice(start, ++at));
  }

  function skipSpace(): void {
    match(SPACE);
  }

  function take(token: string): boolean {
    skipSpace();
    if (text[at] !== token) return false;
    at++;
    return true;
  }

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  function fail(wanted: string, suggestion = hint(), code: 'E_JSON' | 'E_LIMIT' = 'E_JSON'): never {
    const lines = text.slice(0, at).split('\n');
    throw new ConvNextV2Error(code, {
      path: `${file}: line ${lines.length}, column ${lines[lines.length - 1].length + 1}`,
      wanted,
      got: at < text.length ? show(next()) : 'the end of the file',
      suggestion,
    });
  }

  /** The word or character that comes next, for messages. */
  function next(): string {
    return text.slice(at, at + 80).match(/^(?:\w+|.)/su)?.[0] ?? '';
  }

  /** What people who write JSON by hand stumble over. */
  function hint(): string | undefined {
    if (text[at] === "'") return 'JSON has double quotes only';
    if (text[at] === '/' || text[at] === '#') return 'JSON has no comments';
    if (/[}\]]/.test(next()) && /,\s*$/.test(text.slice(Math.max(0, at - 80), at))) return 'remove the comma before it';
    return undefined;
  }
}
