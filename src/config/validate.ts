import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, type Problem, show } from '../errors.js';
import { packageFile } from './package-files.js';

/** The kinds of config files: one schema each, under configs/schemas/. */
const SCHEMAS = [
  'convnextv2',
  'convnext',
  'upernet',
  'faster-rcnn',
  'mask-rcnn',
  'retinanet',
  'fcos',
  'preprocessor',
] as const;
export type SchemaName = (typeof SCHEMAS)[number];

/** What files of data hold many of: parts of a schema of their own. */
export type DataItem = 'image' | 'category' | 'annotation' | 'result';

/** A hostile file can have millions of unknown keys; looking for a near one for each takes its time. */
const MAX_PROBLEMS = 1000;

/** Above the labels of any classifier; each value that is wrong costs memory, in a file of tens of millions all of it. */
const MAX_VALUES = 1_000_000;

let compiled: Ajv2020 | undefined;

/** One validator for all schemas, since they refer to each other by file name. */
function validator(): Ajv2020 {
  if (compiled) return compiled;
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, verbose: true });
  for (const name of [...SCHEMAS, 'coco']) {
    const file = `${name}.schema.json`;
    ajv.addSchema(JSON.parse(readFileSync(packageFile('configs', 'schemas', file), 'utf8')), file);
  }
  compiled = ajv;
  return ajv;
}

/**
 * Checks a parsed config file, and throws one E_CONFIG with all that is wrong in it. `unknownKeys` is for the top level:
 * `refuse` for our own files, `keep` for those of a Hub, which may hold keys that nobody knows. Throws E_LIMIT for more than a
 * million values.
 */
export function validateConfig(schema: SchemaName, value: unknown, { file, unknownKeys }: ConfigOrigin): void {
  checkCount(value, file);
  const validate = validator().getSchema(`${schema}.schema.json`)!;
  if (validate(value)) return;
  const errors = validate.errors!.filter(({ keyword, instancePath }) => {
    return !(unknownKeys === 'keep' && keyword === 'additionalProperties' && instancePath === '');
  });
  const problems = problemsOf(errors, (pointer) => (pointer === '' ? file : `${file}: ${printable(pointer)}`));
  if (problems.length > 0) throw new ConvNextV2Error('E_CONFIG', problems);
}

/** Checks one item of a file of data, and throws one E_JSON with all that is wrong in it, as `instances.json: images[3].width`. */
export function validateItem(kind: DataItem, value: unknown, path: string): void {
  const validate = validator().getSchema(`coco.schema.json#/$defs/${kind}`)!;
  if (validate(value)) return;
  const place = (pointer: string) => printable(pointer.replace(/\/(\d+)/g, '[$1]').replaceAll('/', '.'));
  throw new ConvNextV2Error(
    'E_JSON',
    problemsOf(validate.errors!, (pointer) => `${path}${place(pointer)}`),
  );
}

/** One for each place that is wrong. */
function problemsOf(errors: readonly ErrorObject[], pathOf: (pointer: string) => string): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    const pointer = pointerTo(error);
    if (pointer === undefined) continue;
    if (problems.size === MAX_PROBLEMS) break;
    problems.set(pointer, problemAt(pathOf(pointer), error));
  }
  return [...problems.values()];
}

/** Throws E_LIMIT for more values than any config has, one within the other or side by side. */
function checkCount(value: unknown, file: string): void {
  const found = [value];
  for (let at = 0; at < found.length; at++) {
    const next = found[at];
    if (typeof next !== 'object' || next === null) continue;
    const inside: readonly unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (found.length + inside.length > MAX_VALUES) {
      throw new ConvNextV2Error('E_LIMIT', {
        path: file,
        wanted: `a config of at most ${MAX_VALUES} values`,
        got: 'more',
      });
    }
    for (const item of inside) found.push(item);
  }
}

/** The JSON pointer to the place that is wrong; undefined for an error that only repeats another. */
function pointerTo({ keyword, instancePath, params, propertyName }: ErrorObject): string | undefined {
  if (keyword === 'propertyNames' || keyword === 'if') return undefined;
  const key: string | undefined = params.additionalProperty ?? params.missingProperty ?? propertyName;
  return key === undefined ? instancePath : `${instancePath}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function problemAt(path: string, error: ErrorObject): Problem {
  const schema = error.parentSchema as Subschema;
  if (error.keyword === 'required') {
    const key: string = error.params.missingProperty;
    const suggestion = didYouMean(key, Object.keys(error.data as object).slice(0, MAX_PROBLEMS));
    return { path, wanted: inWords(schema.properties![key]), got: 'nothing', suggestion };
  }
  if (error.keyword === 'additionalProperties') {
    const key: string = error.params.additionalProperty;
    const known = Object.keys(schema.properties ?? {});
    return { path, wanted: listed('a known key', known), got: show(key), suggestion: didYouMean(key, known) };
  }
  if (error.propertyName !== undefined) {
    return { path, wanted: `${inWords(schema)} as the key`, got: show(error.propertyName) };
  }
  const known = (schema.enum ?? []).filter((choice) => typeof choice === 'string');
  const suggestion = typeof error.data === 'string' ? didYouMean(error.data, known) : undefined;
  return { path, wanted: inWords(schema), got: show(error.data), suggestion };
}

/** A key of a hostile file may hold anything: no line breaks or escape sequences reach a terminal. */
function printable(pointer: string): string {
  const text = JSON.stringify(pointer).slice(1, -1);
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}

/** The part of JSON Schema that our schemas use. */
interface Subschema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Subschema;
  readonly properties?: Readonly<Record<string, Subschema>>;
  readonly pattern?: string;
  readonly description?: string;
}

function choices(schema: Subschema): readonly unknown[] {
  return 'const' in schema ? [schema.const] : (schema.enum ?? []);
}

/** What a schema accepts, as `a whole number of at least 1`. */
function inWords(schema: Subschema): string {
  const values = choices(schema).map((choice) => JSON.stringify(choice));
  if (values.length > 0) return values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
  return [schema.type ?? []]
    .flat()
    .map((type) => typeInWords(type, schema))
    .join(', or ');
}

function typeInWords(type: string, schema: Subschema): string {
  switch (type) {
    case 'integer':
      return `a whole number${range(schema)}`;
    case 'number':
      return `a number${range(schema)}`;
    case 'array':
      return `a list${length(schema)}${schema.items ? `, each ${inWords(schema.items)}` : ''}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'object':
      return listed('an object', Object.keys(schema.properties ?? {}));
    default:
      // a pattern's description says it in words
      return schema.pattern === undefined ? 'a string' : schema.description!;
  }
}

/** Names the keys of an object where they are few. */
function listed(what: string, keys: readonly string[]): string {
  return keys.length === 0 || keys.length > 8 ? what : `${what} (${keys.join(', ')})`;
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Subschema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined && exclusiveMaximum !== undefined) return ` from ${minimum} to below ${exclusiveMaximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`;
}

function length({ minItems, maxItems }: Subschema): string {
  if (minItems === undefined) return '';
  if (maxItems === undefined) return ` of at least ${minItems}`;
  return minItems === maxItems ? ` of ${minItems}` : ` of ${minItems} to ${maxItems}`;
}
