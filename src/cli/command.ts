import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConvNextV2Error, didYouMean, type ErrorCode, type Problem, show } from '../errors.js';

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

/** The options that every command has. */
const COMMON = { quiet: { type: 'boolean' } } as const;

/** The help of these. */
export const COMMON_HELP = '  --quiet              no progress and no notes on stderr: errors alone';

/** Reads the options and the other arguments. Throws E_USAGE for an option that is not there, and for a value that is missing. */
export function readArgs<O extends Options>(args: readonly string[], options: O): Parsed<O> {
  const { values, positionals } = parse(args, { ...options, ...COMMON });
  const { quiet, ...own } = values as Record<string, unknown>;
  isQuiet = quiet === true;
  const parsed = { values: own, positionals } as Parsed<O>;
  for (const [name, value] of Object.entries(parsed.values)) if (value === '') refuseEmpty(`--${name}`);
  if (parsed.positionals.includes('')) refuseEmpty('arguments');
  return parsed;
}

function parse<O extends Options>(args: readonly string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const option = /'(--?[^ '=]+)/.exec((error as Error).message)?.[1] ?? 'arguments';
    throw new ConvNextV2Error('E_USAGE', { path: option, ...wrongOption(option, options) });
  }
}

function wrongOption(option: string, options: Options): Omit<Problem, 'path'> {
  const names = Object.keys(options).map((name) => `--${name}`);
  if (!names.includes(option)) {
    return { wanted: `one of ${names.join(', ')}`, got: option, suggestion: didYouMean(option, names) };
  }
  if (options[option.slice(2)].type === 'boolean') return { wanted: 'no value', got: 'one' };
  return { wanted: 'a value', got: 'none', suggestion: `one that begins with - as ${option}=VALUE` };
}

function refuseEmpty(path: string): never {
  throw new ConvNextV2Error('E_USAGE', { path, wanted: 'a value', got: 'an empty text' });
}

/** A whole number of at least 0 from an option. Throws E_USAGE. */
export function readWhole(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new ConvNextV2Error('E_USAGE', { path: option, wanted: 'a whole number', got: show(text) });
}

/** A whole number of at least 1 from an option. Throws E_USAGE. */
export function readCount(option: string, text: string): number {
  const count = readWhole(option, text);
  if (count > 0) return count;
  throw new ConvNextV2Error('E_USAGE', { path: option, wanted: 'a whole number of at least 1', got: show(text) });
}

/** A number from 0 to 1 from an option. Throws E_USAGE. */
export function readShare(option: string, text: string): number {
  const share = Number(text);
  if (text.trim() !== '' && share >= 0 && share <= 1) return share;
  throw new ConvNextV2Error('E_USAGE', { path: option, wanted: 'a number from 0 to 1', got: show(text) });
}

/** Names separated by commas. Throws E_USAGE where one is empty. */
export function readNames(option: string, text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (!names.includes('')) return names;
  throw new ConvNextV2Error('E_USAGE', { path: option, wanted: 'names separated by commas', got: show(text) });
}

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

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Control characters as JSON has them: a name in somebody's file could steer the terminal. */
const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A message on one line, for a terminal. */
export const oneLine = (message: string): string => printable(message).replace(/\n\s*/g, '; ');

/** A picture that could not be done. */
export interface Failure {
  readonly picture: string;
  /** On one line. */
  readonly error: string;
}

/** What is wrong with all pictures alike: it ends the command. */
const NOT_OF_A_PICTURE: readonly ErrorCode[] = ['E_OUTPUT', 'E_ARGUMENT'];

/** Says on stderr what is wrong with a picture, and goes on; throws what is wrong with all of them, and what is no error of ours. */
export function reportFailure(picture: string, failure: unknown): Failure {
  if (!(failure instanceof ConvNextV2Error) || NOT_OF_A_PICTURE.includes(failure.code)) throw failure;
  const { path, message } = failure;
  const error = oneLine(path === picture ? message : `${message} (${picture})`);
  progress('');
  console.error(error);
  return { picture, error };
}

/** Whether the command was called with --quiet. */
let isQuiet = false;

/** Says something on stderr that is not an error. */
export function note(text: string): void {
  if (!isQuiet) console.error(oneLine(text));
}

/** Writes text to stdout. Throws E_OUTPUT where nobody takes it, with the system's error as the cause. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(printable(text), (cause) => {
      if (!cause) return resolve();
      const got = (cause as NodeJS.ErrnoException).code ?? cause.message;
      reject(new ConvNextV2Error('E_OUTPUT', { path: 'stdout', wanted: 'a place to print to', got }, { cause }));
    });
  });
}

/** Says on stderr how far the work is; an empty text wipes what a terminal shows. */
export function progress(text: string): void {
  if (!isQuiet) showProgress(text);
}

/** Milliseconds between two lines of progress where there is no terminal. */
const LINE_EVERY = 10_000;

/** Shows progress on a terminal in one line that is written over, elsewhere as a new line every ten seconds. */
export function createProgress(
  stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown },
  now: () => number = () => performance.now(),
): (text: string) => void {
  let last = now();
  return (text) => {
    if (stream.isTTY) stream.write(`\r\x1b[K${oneLine(text).slice(0, (stream.columns || 80) - 1)}`);
    else if (text !== '' && now() - last >= LINE_EVERY) {
      last = now();
      stream.write(`${oneLine(text)}\n`);
    }
  };
}

const showProgress = createProgress(process.stderr);
