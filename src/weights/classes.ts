import { requireThat } from '../errors.js';

/** What a model is to tell apart, in place of what its config says. */
export interface ClassOptions {
  /** How many classes. Where they are not as many as the source's, the classifier is initialized anew. */
  readonly numLabels?: number;
  /** Their names by index; as many as `numLabels`, where both are given. */
  readonly id2label?: readonly string[] | Readonly<Record<number, string>>;
}

/** Whether these options say what the classes are. */
export const hasClasses = ({ numLabels, id2label }: ClassOptions): boolean => numLabels != null || id2label != null;

/**
 * A parsed config.json with these classes in place of its own, of which nothing is left; itself where none are given. Throws E_ARGUMENT for a count that is no
 * whole number, for names that are not texts by index from 0 on, and where both are given and differ.
 */
export function withClasses(json: unknown, { numLabels, id2label }: ClassOptions): unknown {
  if (!hasClasses({ numLabels, id2label })) return json;
  const { id2label: _, label2id: __, num_labels: ___, ...rest } = Object(json) as Readonly<Record<string, unknown>>;
  if (numLabels != null) {
    requireThat('numLabels', Number.isSafeInteger(numLabels) && numLabels >= 0, 'a whole number of classes', numLabels);
  }
  if (id2label == null) return { ...rest, num_labels: numLabels };
  const names = Object.entries(id2label);
  const isByIndex =
    typeof id2label === 'object' && names.every(([id, name], i) => id === `${i}` && typeof name === 'string');
  requireThat('id2label', isByIndex && names.length > 0, 'names of classes by index: 0, 1, 2, ...', id2label);
  const count = numLabels ?? names.length;
  requireThat('id2label', names.length === count, `${count} names, as numLabels says`, `${names.length} names`);
  return { ...rest, id2label: Object.fromEntries(names) };
}
