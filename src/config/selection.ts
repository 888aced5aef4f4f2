import type { ConfigOrigin } from '../contracts.js';
import { ConvNextV2Error, didYouMean, show } from '../errors.js';
import { repr, typeName } from './python.js';

/** Which stages a backbone gives, by name and by index. Indices stay as they were given, negative ones too. */
export interface AlignedSelection {
  readonly outFeatures: readonly string[];
  readonly outIndices: readonly number[];
}

/**
 * Aligns out_features and out_indices as the reference does: where neither is set (null or undefined) the last stage is
 * taken, where one is set the other follows, where both are set they must agree. Throws E_OUT_FEATURES with one problem,
 * the first that the reference would meet, in its own words.
 */
export function alignSelection(
  stageNames: readonly string[],
  outFeatures: unknown,
  outIndices: unknown,
  { file }: Pick<ConfigOrigin, 'file'>,
): AlignedSelection {
  const features = outFeatures == null ? undefined : checkFeatures(stageNames, outFeatures, file);
  const indices = outIndices == null ? undefined : checkIndices(stageNames, outIndices, file);
  if (indices) return { outFeatures: namesOf(stageNames, indices, features, file), outIndices: indices };
  const names = features ?? stageNames.slice(-1);
  return { outFeatures: names, outIndices: names.map((name) => stageNames.indexOf(name)) };
}

function checkFeatures(stageNames: readonly string[], given: unknown, file: string): readonly string[] {
  const fail = (wanted: string, reference: string, suggestion?: string): never =>
    refuse(`${file}: /out_features`, wanted, show(given), `out_features must ${reference}`, suggestion);
  if (!Array.isArray(given)) {
    const meant = stageNames.includes(given as string) ? instead([given]) : undefined;
    return fail('a list of stage names', `be a list got ${typeName(given)}`, meant);
  }
  const stranger = given.findIndex((name) => !stageNames.includes(name));
  if (stranger >= 0) {
    const wanted = `names out of ${stageNames.map((name) => JSON.stringify(name)).join(', ')}`;
    const near = typeof given[stranger] === 'string' ? didYouMean(given[stranger], stageNames) : undefined;
    return fail(wanted, `be a subset of stage_names: ${repr(stageNames)} got ${repr(given)}`, near);
  }
  const sorted = stageNames.filter((name) => given.includes(name));
  if (given.length !== sorted.length) {
    return fail('each name once', `not contain any duplicates, got ${repr(given)}`, instead(sorted));
  }
  if (given.some((name, i) => name !== sorted[i])) {
    const reference = `be in the same order as stage_names, expected ${repr(sorted)} got ${repr(given)}`;
    return fail('names in the order of the stages', reference, instead(sorted));
  }
  return sorted;
}

function checkIndices(stageNames: readonly string[], given: unknown, file: string): readonly number[] {
  const count = stageNames.length;
  const fail = (wanted: string, reference: string, suggestion?: string): never =>
    refuse(`${file}: /out_indices`, wanted, show(given), `out_indices must ${reference}`, suggestion);
  if (!Array.isArray(given)) {
    const meant = typeof given === 'number' ? instead([given]) : undefined;
    return fail('a list of whole numbers', `be a list, got ${typeName(given)}`, meant);
  }
  if (!given.every((index) => Number.isInteger(index) && index < count)) return refuseIndices(stageNames, given, file);
  const resolve = (index: number): number => (index < 0 ? ((index % count) + count) % count : index);
  const resolved = given.map(resolve);
  const sorted = [...given].sort((a, b) => resolve(a) - resolve(b));
  if (new Set(resolved).size < resolved.length) {
    const once = sorted.filter((index, i) => i === 0 || resolve(index) !== resolve(sorted[i - 1]));
    const reference = `not contain any duplicates, got ${repr(given)}(equivalent to (${resolved.join(', ')})))`;
    return fail('each stage once', reference, instead(once));
  }
  if (given.some((index, i) => index !== sorted[i])) {
    const reference = `be in the same order as stage_names, expected ${repr(sorted)} got ${repr(given)}`;
    return fail('indices in the order of the stages', reference, instead(sorted));
  }
  return [...given];
}

/** The names at these indices, which must be `features` where those are given. */
function namesOf(
  stageNames: readonly string[],
  indices: readonly number[],
  features: readonly string[] | undefined,
  file: string,
): readonly string[] {
  const fail = (wanted: string, reference: string): never => {
    const got = `${show(features)} and ${show(indices)}`;
    const suggestion = 'set one of the two, and the other follows';
    return refuse(`${file}: /out_indices`, wanted, got, `out_features and out_indices should ${reference}`, suggestion);
  };
  if (features && features.length !== indices.length) {
    return fail('as many indices as out_features has names', 'have the same length if both are set');
  }
  // Checked only here: the reference's own check lets these pass, and then crashes where they are used.
  if (indices.some((index) => index < -stageNames.length)) return refuseIndices(stageNames, indices, file);
  const names = indices.map((index) => stageNames.at(index)!);
  if (features?.some((name, i) => name !== names[i])) {
    return fail('the indices of the stages in out_features', 'correspond to the same stages if both are set');
  }
  return names;
}

function refuseIndices(stageNames: readonly string[], given: readonly unknown[], file: string): never {
  const wanted = `whole numbers from ${-stageNames.length} to ${stageNames.length - 1}`;
  const reference = `out_indices must be valid indices for stage_names ${repr(stageNames)}, got ${repr(given)}`;
  return refuse(`${file}: /out_indices`, wanted, show(given), reference, '0 is the stem, -1 the last stage');
}

/** Longer than the reference's words can get with lists that have room in a model. */
const LONGEST_MESSAGE = 4000;

function refuse(path: string, wanted: string, got: string, words: string, suggestion?: string): never {
  const reference = words.length > LONGEST_MESSAGE ? `${words.slice(0, LONGEST_MESSAGE)}...` : words;
  throw new ConvNextV2Error('E_OUT_FEATURES', { path, wanted, got, reference, suggestion });
}

function instead(selection: unknown): string {
  return `did you mean ${show(selection)}?`;
}
