import { show } from '../errors.js';

/** How many bytes from the start tell files apart: a tar archive says what it is after 257. */
export const START_BYTES = 512;

/** What a file is in place of weights, and what to do. */
export interface OtherFile {
  readonly got: string;
  readonly suggestion?: string;
}

const FETCH_AGAIN = 'fetch the file again';

/** First bytes of what is often saved, or left packed, in place of weights. */
const MAGIC: readonly (readonly [bytes: string, at: number, OtherFile])[] = [
  ['\x1f\x8b', 0, { got: 'a gzip archive', suggestion: 'unpack it first, by gunzip, or tar -xzf for a .tar.gz' }],
  ['PK\x03\x04', 0, { got: 'a zip archive', suggestion: 'unpack it first' }],
  ['ustar', 257, { got: 'a tar archive', suggestion: 'unpack it first, by tar -xf' }],
  ['BZh', 0, { got: 'a bzip2 archive', suggestion: 'unpack it first' }],
  ['\xfd7zXZ\0', 0, { got: 'an xz archive', suggestion: 'unpack it first' }],
  ['\x28\xb5\x2f\xfd', 0, { got: 'a zstd archive', suggestion: 'unpack it first' }],
  ['7z\xbc\xaf\x27\x1c', 0, { got: 'a 7z archive', suggestion: 'unpack it first' }],
  ['GGUF', 0, { got: 'a GGUF file', suggestion: 'give the model in safetensors' }],
];

/** The same for texts, without white space before them. */
const TEXTS: readonly (readonly [begin: RegExp, OtherFile])[] = [
  [
    /^version https:\/\/git-lfs/,
    { got: 'a Git LFS pointer', suggestion: 'fetch the file that it stands for with `git lfs pull`' },
  ],
  [
    /^(<!doctype html|<html|<head|<body|<!--)/i,
    {
      got: 'a page of HTML',
      suggestion:
        "a web page was saved in place of the file: download the file itself; on the Hub its address has /resolve/ in place of the page's /blob/",
    },
  ],
];

/** What a file is that is no weights, by its first bytes; undefined where these say nothing. */
export function recogniseOther(start: Uint8Array, size: number): OtherFile | undefined {
  if (size === 0) return { got: 'an empty file', suggestion: FETCH_AGAIN };
  const bytes = Buffer.from(start).toString('latin1');
  const magic = MAGIC.find(([text, at]) => bytes.startsWith(text, at));
  if (magic) return magic[2];
  const text = new TextDecoder().decode(start, { stream: true }).trimStart(); // without a letter that is cut at the end
  if (/[^\t\n\r\x20-\x7e\xa0-\ufffc]/.test(text)) return undefined;
  const known = TEXTS.find(([begin]) => begin.test(text));
  if (known) return known[1];
  const kind = text.startsWith('{') ? 'JSON text' : 'text';
  return {
    got: `${kind} that begins ${show(text.slice(0, 60))}`,
    suggestion: `a server's message may have been saved in place of the file: ${FETCH_AGAIN}`,
  };
}
