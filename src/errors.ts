import { closest, distance } from 'fastest-levenshtein';

/** Every code an error of this package can carry; docs/errors.md explains each. */
export const ERROR_CODES = [
  'E_ABORTED',
  'E_ARGUMENT',
  'E_BACKEND',
  'E_CONFIG',
  'E_DISPOSED',
  'E_HDF5',
  'E_IMAGE',
  'E_JSON',
  'E_LIMIT',
  'E_NETWORK',
  'E_NON_FINITE',
  'E_OUT_FEATURES',
  'E_OUTPUT',
  'E_PEER',
  'E_PICKLE',
  'E_PLUGIN',
  'E_SAFETENSORS',
  'E_SHAPE',
  'E_SOURCE',
  'E_USAGE',
  'E_WEIGHTS',
  'E_ZIP',
] as const;
/** The code of an error: docs/errors.md has when each comes, and what to do. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** One thing that is wrong: where, what was wanted, what came, and what was probably meant. */
export interface Problem {
  /** Where: a file and JSON path, a tensor's name, an option. */
  readonly path: string;
  readonly wanted: string;
  readonly got: string;
  /** What to do or what was probably meant, as a clause: `did you mean "gelu"?`. */
  readonly suggestion?: string;
  /** The reference implementation's own words, where ours replace them. */
  readonly reference?: string;
}

/** The one error class of the package. `problems` has all that was found; the other fields repeat the first. */
export class ConvNextV2Error extends Error {
  override readonly name = 'ConvNextV2Error';
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  readonly path: string;
  readonly wanted: string;
  readonly got: string;
  readonly suggestion: string | undefined;

  constructor(code: ErrorCode, problem: Problem | readonly Problem[], options?: ErrorOptions) {
    const problems = ('path' in problem ? [problem] : problem).map(shortened);
    super(`${code}: ${summary(problems)}`, options);
    this.code = code;
    this.problems = problems;
    this.path = problems[0].path;
    this.wanted = problems[0].wanted;
    this.got = problems[0].got;
    this.suggestion = problems[0].suggestion;
  }
}

/** An error of ours as it crosses between threads, which a class would do without its fields. */
export type PackedError = Pick<ConvNextV2Error, 'code' | 'problems'>;

export const packError = ({ code, problems }: PackedError): PackedError => ({ code, problems });

export const unpackError = ({ code, problems }: PackedError): ConvNextV2Error => new ConvNextV2Error(code, problems);

/** Of a field of a problem, in characters: an address or a name from outside can have millions. */
const LONGEST_FIELD = 1000;

function shortened(problem: Problem): Problem {
  const fields = Object.entries(problem).map(([field, text]) => [field, shorten(text, LONGEST_FIELD)]);
  return Object.fromEntries(fields);
}

/** Cuts a text to a maximum length; `...` stands for the rest. */
function shorten<T>(text: T, most: number): T | string {
  return typeof text === 'string' && text.length > most ? `${text.slice(0, most - 3)}...` : text;
}

/** How many problems a message spells out; `problems` has them all. */
const SPELLED_OUT = 12;

function summary(problems: readonly Problem[]): string {
  if (problems.length === 1) return describe(problems[0]);
  const lines = problems.slice(0, SPELLED_OUT).map(describe);
  if (problems.length > SPELLED_OUT) lines.push(`and ${problems.length - SPELLED_OUT} more`);
  return [`${problems.length} problems`, ...lines].join('\n  ');
}

function describe({ path, wanted, got, suggestion, reference }: Problem): string {
  return `${path}: ${reference ?? `wanted ${wanted}, got ${got}`}${suggestion ? ` (${suggestion})` : ''}`;
}

/** No name of ours is longer, and comparing a hostile one takes time that grows with its length. */
const LONGEST_NAME = 200;

/** Throws E_ARGUMENT for an argument that does not hold what it must. */
export function requireThat(path: string, holds: boolean, wanted: string, got: unknown): void {
  if (!holds) throw new ConvNextV2Error('E_ARGUMENT', { path, wanted, got: show(got) });
}

/**
 * Throws E_ARGUMENT for options that a function does not have, with the nearest that it has. `hintOf` says what to do about names
 * that other libraries use.
 */
export function checkKnown(
  options: object,
  known: readonly string[],
  hintOf: (name: string) => string | undefined = () => undefined,
): void {
  requireThat('options', typeof options === 'object' && options !== null, 'an object of options', options);
  const problems = Object.keys(options)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: name,
      wanted: 'a known option',
      got: show(name),
      suggestion: hintOf(name) ?? didYouMean(name, known) ?? `the options are ${known.join(', ')}`,
    }));
  if (problems.length > 0) throw new ConvNextV2Error('E_ARGUMENT', problems);
}

/** `did you mean "name"?` for the nearest known name, or undefined where none is near. */
export function didYouMean(name: string, known: readonly string[]): string | undefined {
  const comparable = known.filter(({ length }) => length <= LONGEST_NAME);
  if (comparable.length === 0 || name.length > LONGEST_NAME) return undefined;
  const near = closest(name, comparable);
  return distance(name, near) <= Math.max(2, near.length / 3) ? `did you mean ${JSON.stringify(near)}?` : undefined;
}

/** A value for the `got` of a problem: JSON, at most 80 characters. */
export function show(value: unknown): string {
  let text: string | undefined;
  try {
    if (typeof value === 'function') text = 'a function';
    else if (ArrayBuffer.isView(value)) text = `a ${value.constructor.name} of ${value.byteLength} bytes`;
    else if (typeof value !== 'number') text = JSON.stringify(value, inShort); // it writes null for NaN
  } catch {
    // a cycle or a BigInt: its own string will do
  }
  if (text === '{}') text = ofClass(value) ?? text;
  return shorten(text ?? String(value), LONGEST_SHOWN);
}

const LONGEST_SHOWN = 80;

/** For JSON.stringify: no more of a part than can be shown, since all of it might take minutes, or not fit in a string. */
function inShort(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return shorten(value, LONGEST_SHOWN);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  return Array.isArray(value) ? value.slice(0, LONGEST_SHOWN) : value;
}

/** `a Promise` for an object of a class that JSON shows nothing of. */
function ofClass(value: unknown): string | undefined {
  const name = Object(value).constructor?.name;
  if (typeof name !== 'string' || ['', 'Object'].includes(name)) return undefined;
  return /^[AEIOU]/.test(name) ? `an ${name}` : `a ${name}`;
}
