import { readdirSync, readFileSync } from 'node:fs';

/** The pages that people read. */
export const PAGES: readonly string[] = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(folder, { encoding: 'utf8', recursive: true })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  ),
];

/** A fenced block. */
export interface Block {
  /** The first word behind the fence. */
  readonly language: string;
  /** The second one: the name of the file that the block is. */
  readonly file: string | undefined;
  readonly text: string;
  /** Where its text begins, the first line being 1. */
  readonly line: number;
}

export const readPage = (page: string): string => readFileSync(page, 'utf8');

const FENCED = /^```(\S*)(?: (\S+))?\n(.*?)^```$/gms;

export function blocksOf(markdown: string): readonly Block[] {
  return Array.from(markdown.matchAll(FENCED), ({ index, 1: language, 2: file, 3: text }) => {
    const line = markdown.slice(0, index).split('\n').length + 1;
    return { language, file, text, line };
  });
}

/** A page without its fenced blocks. */
export const proseOf = (markdown: string): string => markdown.replace(FENCED, '');

/** The cells of each row of a page's tables, headings and rules among them. */
export function rowsOf(markdown: string): readonly (readonly string[])[] {
  const rows = Array.from(proseOf(markdown).matchAll(/^\|(.*)\|$/gm), ([, row]) => row);
  return rows.map((row) => row.split('|').map((cell) => cell.trim()));
}
