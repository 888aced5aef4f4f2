import { createReadStream } from 'node:fs';
import { ConvNextV2Error, show } from '../errors.js';
import { decode, MAX_DEPTH, parseJson, refuseUnreadable, sizeOfFile } from './read-json.js';

/** An item of a list of a file. */
export interface ListItem {
  /** The key of the list; empty where the file is one list. */
  readonly list: string;
  readonly index: number;
  readonly value: unknown;
}

/** `: annotations[17]`, to be put behind the path of a file. */
export const itemPath = (list: string, index: number): string => `: ${list}[${index}]`;

/** Bytes that are read at once. */
const CHUNK = 2 ** 20;

/** Above the longest outline or run lengths of anything in a picture. */
const MAX_ITEM_BYTES = 64 * 2 ** 20;

/** Keys of lists are short, and a file has few of them; more than these are not kept for messages. */
const MAX_KEYS = 1000;

const code = (character: string): number => character.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON] = ['"', '\\', ',', ':'].map(code);
const [BRACKET, BRACKET_END, BRACE, BRACE_END] = ['[', ']', '{', '}'].map(code);
/** In UTF-8. */
const BYTE_ORDER_MARK = new Set([0xef, 0xbb, 0xbf]);
const SPACES = new Set([' ', '\t', '\n', '\r'].map(code));

/**
 * Where in the file a byte lies. `start`: before it. `key`, `value`: of the object that the file is; values of lists that nobody
 * wants are passed over unread. `before list`, `list`, `after list`: of those that are wanted. `end`: behind it.
 */
type Place = 'start' | 'key' | 'value' | 'before list' | 'list' | 'after list' | 'end';

/**
 * Reads a JSON file that is an object of long lists, or one long list, item by item: `visit` sees the items of the lists of the
 * `wanted` keys (or of the one list, where `wanted` is empty), and no more than one is held at a time. Gives the keys that there
 * are. Throws E_SOURCE where there is no such file, E_JSON for what is no JSON or no such file, E_LIMIT for items above 64 MB or
 * more than 200 levels deep.
 */
export async function readJsonLists(
  path: string,
  wanted: readonly string[],
  visit: (item: ListItem) => void,
): Promise<readonly string[]> {
  await sizeOfFile(path);
  const splitter = createSplitter(path, wanted, visit);
  const stream = createReadStream(path, { highWaterMark: CHUNK });
  try {
    for await (const chunk of stream) splitter.add(chunk);
  } catch (error) {
    if (error instanceof ConvNextV2Error) throw error;
    refuseUnreadable(path, error);
  }
  return splitter.end();
}

/** The same of bytes that are given chunk by chunk to `add`, each of which stays as it is. */
export function createSplitter(path: string, wanted: readonly string[], visit: (item: ListItem) => void) {
  const keys = new Set<string>();
  /** How deep the lists lie. */
  const level = wanted.length === 0 ? 1 : 2;
  let place: Place = 'start';
  let depth = 0;
  let inString: 'no' | 'yes' | 'escaped' = 'no';
  let list = '';
  let index = 0;
  /** What earlier chunks hold of the key or item that is being read. */
  let earlier: Uint8Array[] = [];
  let length = 0;

  const here = () => `${path}${place === 'list' ? itemPath(list, index) : ''}`;

  const refuse = (wanted: string, got: string, at = here()): never => {
    throw new ConvNextV2Error('E_JSON', { path: at, wanted, got });
  };

  function keep(bytes: Uint8Array): void {
    length += bytes.length;
    if (length > MAX_ITEM_BYTES) {
      throw new ConvNextV2Error('E_LIMIT', { path: here(), wanted: `at most ${MAX_ITEM_BYTES} bytes`, got: 'more' });
    }
    earlier.push(bytes);
  }

  /** The text of the key or item that ends with these bytes. */
  function take(last: Uint8Array): string {
    keep(last);
    const text = decode(earlier.length === 1 ? last : Buffer.concat(earlier), here());
    [earlier, length] = [[], 0];
    return text;
  }

  function endItem(text: string): void {
    visit({ list, index, value: parse(text, here()) });
    index++;
  }

  function endKey(text: string): void {
    const key = parse(text, path);
    if (typeof key !== 'string') refuse('a key in double quotes', show(key));
    list = key as string;
    const isWanted = wanted.includes(list);
    if (isWanted && keys.has(list)) refuse('one list of this name', 'a second', `${path}.${list}`);
    if (isWanted || keys.size < MAX_KEYS) keys.add(list);
    place = isWanted ? 'before list' : 'value';
  }

  /** An opening or closing bracket inside of an item or a value. */
  function nest(byte: number): void {
    depth += byte === BRACKET || byte === BRACE ? 1 : -1;
    if (depth <= MAX_DEPTH) return;
    const wanted = `at most ${MAX_DEPTH} lists and objects in one another`;
    throw new ConvNextV2Error('E_LIMIT', { path: here(), wanted, got: 'more' });
  }

  function add(chunk: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (inString !== 'no') {
        if (inString === 'escaped') inString = 'yes';
        else if (byte === BACKSLASH) inString = 'escaped';
        else if (byte === QUOTE) inString = 'no';
        continue;
      }
      if (SPACES.has(byte)) continue;
      const isEnd = byte === BRACKET_END || byte === BRACE_END;
      const isBracket = isEnd || byte === BRACKET || byte === BRACE;
      const got = () => show(String.fromCharCode(byte));
      switch (place) {
        case 'list':
          if (byte === QUOTE) inString = 'yes';
          else if (isBracket && !(isEnd && depth === level)) nest(byte);
          else if (depth === level && (byte === COMMA || isEnd)) {
            const text = take(chunk.subarray(from, at));
            from = at + 1;
            if (byte === BRACE_END) refuse('"," or "]"', got());
            if (byte === COMMA || index > 0 || text.trim() !== '') endItem(text);
            if (byte === COMMA) break;
            depth--;
            place = level === 1 ? 'end' : 'after list';
          }
          break;
        case 'value':
          if (byte === QUOTE) inString = 'yes';
          else if (isBracket && !(isEnd && depth === 1)) nest(byte);
          else if (depth === 1 && (byte === COMMA || isEnd)) endValue(byte, got);
          from = at + 1;
          break;
        case 'after list':
          endValue(byte, got);
          from = at + 1;
          break;
        case 'key':
          if (byte === QUOTE) inString = 'yes';
          else if (byte === COLON) endKey(take(chunk.subarray(from, at)));
          else if (byte === BRACE_END && keys.size === 0 && take(chunk.subarray(from, at)).trim() === '') place = 'end';
          else refuse('a key in double quotes', got());
          break;
        case 'before list':
          if (byte !== BRACKET) refuse('a list', `what begins with ${got()}`, `${path}.${list}`);
          [place, depth, index, from] = ['list', 2, 0, at + 1];
          break;
        case 'start':
          if (BYTE_ORDER_MARK.has(byte)) break;
          if (byte !== (level === 1 ? BRACKET : BRACE)) {
            refuse(level === 1 ? 'a list' : 'an object', `what begins with ${got()}`);
          }
          [place, depth, from] = [level === 1 ? 'list' : 'key', 1, at + 1];
          break;
        case 'end':
          refuse('the end of the file', got());
      }
    }
    if (place === 'list' || place === 'key') keep(chunk.subarray(from));
  }

  function endValue(byte: number, got: () => string): void {
    if (byte === COMMA) place = 'key';
    else if (byte === BRACE_END) place = 'end';
    else refuse('"," or "}"', got());
  }

  function end(): readonly string[] {
    if (place !== 'end') refuse(place === 'start' ? 'JSON' : 'a closing bracket', 'the end of the file');
    return [...keys];
  }

  return { add, end };
}

/** JSON as `parseJson` reads it, by the faster means where these suffice. */
function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parseJson(text, path);
  }
}
