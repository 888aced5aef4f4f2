import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/** A command of the command line. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** Throws for what stops it; gives the exit code otherwise. */
  run(args: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** Reads the options and the other arguments. Throws E_USAGE for an option that is not there, or lacks its value. */
export function readArgs<O extends Options>(args: readonly string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const names = Object.keys(options).map((name) => `--${name}`);
    const option = /'(--?[^ '=]+)/.exec(message)?.[1];
    if (option !== undefined && !names.includes(option)) {
      throw new ConvNextV2Error('E_USAGE', {
        path: option,
        wanted: `one of ${names.join(', ')}`,
        got: option,
        suggestion: didYouMean(option, names),
      });
    }
    throw new ConvNextV2Error('E_USAGE', {
      path: option ?? 'arguments',
      wanted: 'an option with its value',
      got: message.split('.')[0],
    });
  }
}

/** A whole number of at least 0 from an option. Throws E_USAGE. */
export function readWhole(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new ConvNextV2Error('E_USAGE', { path: option, wanted: 'a whole number', got: show(text) });
}

/** Names separated by commas. */
export const readNames = (text: string): readonly string[] => text.split(',').map((name) => name.trim());

/** Rows under headings, in columns; numbers to the right. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map(String));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const right = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** Says how far the work is, on a terminal only; an empty text wipes the line. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
