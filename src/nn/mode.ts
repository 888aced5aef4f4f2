import type { Mode } from '../contracts.js';
import { checkKnown } from '../errors.js';

const OPTIONS = ['training', 'seed', 'statistics'] as const satisfies readonly (keyof Mode)[];

const hintOf = (name: string) =>
  name === 'return_dict' ? 'what a model gives is a record; its toTuple() is a list' : undefined;

/** Throws E_ARGUMENT for options of a forward pass that neither `Mode` nor `others` have. */
export function checkForwardOptions(options: object, others: readonly string[] = []): void {
  checkKnown(options, [...others, ...OPTIONS], hintOf);
}
