import type { ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';

/** The keys of a config file (snake_case) by the fields of the code (camelCase). */
export type ConfigKeys = Readonly<Record<string, string>>;

/** Where a config comes from that a program makes. */
export const FROM_CODE: ConfigOrigin = { file: 'config', unknownKeys: 'refuse' };

/** Splits a checked config file into fields and the keys that are none; `derived` keys follow from others and are dropped. */
export function readFields(keys: ConfigKeys, json: object, derived: readonly string[]) {
  const file = new Map<string, unknown>(Object.entries(json));
  const known = Object.entries(keys).filter(([, key]) => file.has(key));
  const fields: Readonly<Record<string, unknown>> = Object.fromEntries(
    known.map(([field, key]) => [field, file.get(key)]),
  );
  for (const key of [...Object.values(keys), ...derived]) file.delete(key);
  const otherKeys: Readonly<Record<string, unknown>> = Object.fromEntries(file);
  return { fields, otherKeys };
}

/** The keys of a file for the fields that are there. */
export function writeFields(keys: ConfigKeys, config: object): Record<string, unknown> {
  const fields = config as Readonly<Record<string, unknown>>;
  const given = Object.entries(keys).filter(([field]) => fields[field] !== undefined);
  return Object.fromEntries(given.map(([field, key]) => [key, fields[field]]));
}

/**
 * The fields of a config that a program makes, copied: its lists and records stay the program's own. Throws E_CONFIG for fields
 * that the config does not know, with the nearest that it does.
 */
export function takeFields<Fields extends object>(keys: ConfigKeys, fields: Fields, { file }: ConfigOrigin): Fields {
  if (typeof fields !== 'object' || fields === null) {
    throw new ConvNextV2Error('E_CONFIG', { path: file, wanted: 'an object of fields', got: show(fields) });
  }
  const known = Object.keys(keys);
  const unknown = Object.keys(fields).filter((field) => !known.includes(field));
  const problem = (field: string) => ({
    path: `${file}: /${field}`,
    wanted: 'a known field',
    got: show(field),
    suggestion: didYouMean(field, known),
  });
  if (unknown.length > 0) throw new ConvNextV2Error('E_CONFIG', unknown.map(problem));
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, copied(value)])) as Fields;
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze([...value]);
  return value instanceof Object && value.constructor === Object ? { ...value } : value;
}
